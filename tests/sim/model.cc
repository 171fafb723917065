#include "tests/sim/model.h"

#include <algorithm>
#include <cstdio>

namespace quorate::sim {
namespace {

std::string last_element(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::shared_ptr<const std::set<std::string>> with(const ModelNode& parent, const std::string& child,
                                                  bool present) {
  auto children = std::make_shared<std::set<std::string>>(*parent.children);
  if (present) {
    children->insert(child);
  } else {
    children->erase(child);
  }
  return children;
}

}  // namespace

std::string parent_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Stat ModelNode::stat(std::int64_t created_ms, std::int64_t written_ms) const {
  Stat stat;
  stat.czxid = czxid;
  stat.mzxid = mzxid;
  stat.pzxid = pzxid;
  stat.ctime = created_ms;
  stat.mtime = written_ms;
  stat.version = version;
  stat.num_children = static_cast<std::int32_t>(children->size());
  stat.cversion = 2 * creates - stat.num_children;
  stat.ephemeral_owner = owner;
  stat.data_length = data ? static_cast<std::int32_t>(data->size()) : 0;
  return stat;
}

Model::Model() {
  ModelNode root;
  root.exists = true;
  root.children = std::make_shared<std::set<std::string>>(std::set<std::string>{"zookeeper"});
  put("/", {}, std::move(root));
}

void Model::put(const std::string& path, Zxid zxid, ModelNode node) {
  auto& versions = paths_[path];
  if (!versions.empty() && versions.back().zxid == zxid.value) {
    versions.back().node = std::move(node);
  } else {
    versions.push_back({zxid.value, std::move(node)});
  }
}

const ModelNode* Model::now(const std::string& path) const {
  auto at = paths_.find(path);
  if (at == paths_.end() || !at->second.back().node.exists) return nullptr;
  return &at->second.back().node;
}

Model::Versions::const_iterator Model::after(const Versions& versions, Zxid zxid) {
  return std::upper_bound(versions.begin(), versions.end(), zxid.value,
                          [](std::int64_t z, const Version& v) { return z < v.zxid; });
}

const ModelNode* Model::at(const std::string& path, Zxid zxid) const {
  auto at = paths_.find(path);
  if (at == paths_.end()) return nullptr;
  const Versions& versions = at->second;
  auto next = after(versions, zxid);
  if (next == versions.begin() || !std::prev(next)->node.exists) return nullptr;
  return &std::prev(next)->node;
}

std::optional<Zxid> Model::next_data_change(const std::string& path, Zxid zxid) const {
  auto at = paths_.find(path);
  if (at == paths_.end()) return std::nullopt;
  const ModelNode* before = this->at(path, zxid);
  for (auto next = after(at->second, zxid); next != at->second.end(); ++next) {
    const Version& version = *next;
    bool changed = version.node.exists != (before != nullptr) ||
                   (before != nullptr && version.node.mzxid != before->mzxid);
    if (changed) return Zxid{version.zxid};
  }
  return std::nullopt;
}

std::optional<Zxid> Model::next_child_change(const std::string& path, Zxid zxid) const {
  auto at = paths_.find(path);
  if (at == paths_.end()) return std::nullopt;
  const ModelNode* before = this->at(path, zxid);
  if (before == nullptr) return std::nullopt;
  for (auto next = after(at->second, zxid); next != at->second.end(); ++next) {
    const Version& version = *next;
    if (!version.node.exists || version.node.pzxid != before->pzxid) return Zxid{version.zxid};
  }
  return std::nullopt;
}

std::set<std::string> Model::ephemerals(SessionId session) const {
  auto at = ephemerals_.find(session);
  return at == ephemerals_.end() ? std::set<std::string>() : at->second;
}

// ---- Judging a write
// -----------------------------------------------------------------------------

Code Model::expect(const WriteIntent& intent, std::string& path, bool alive) const {
  path = intent.path;
  if (!alive) return Code::SessionExpired;
  const ModelNode* node = now(path);
  if (intent.op == OpCode::Create || intent.op == OpCode::CreateContainer ||
      intent.op == OpCode::CreateTtl) {
    const ModelNode* parent = now(parent_of(path));
    if (parent == nullptr) return Code::NoNode;
    if (is_sequential(static_cast<CreateMode>(intent.flags))) {
      char suffix[16];
      std::snprintf(suffix, sizeof suffix, "%010d", parent->creates);
      path += suffix;
    }
    if (now(path) != nullptr) return Code::NodeExists;
    return parent->owner != 0 ? Code::NoChildrenForEphemerals : Code::Ok;
  }
  if (intent.op == OpCode::CloseSession) return Code::Ok;
  if (node == nullptr) return Code::NoNode;
  if (intent.version != kAnyVersion && intent.version != node->version) return Code::BadVersion;
  if (intent.op == OpCode::Delete && !node->children->empty()) return Code::NotEmpty;
  return Code::Ok;
}

// ---- Applying
// ------------------------------------------------------------------------------------

std::string Model::create(const TxnHeader& header, const CreateTxn& txn, bool container,
                          std::int64_t ttl_ms) {
  std::string parent_path = parent_of(txn.path);
  const ModelNode* parent = now(parent_path);
  if (parent == nullptr) return "create of " + txn.path + " without parent";
  if (now(txn.path) != nullptr) return "create of " + txn.path + ", which is there";
  if (txn.ephemeral && !session_alive(header.client_id)) return "ephemeral of a dead session";
  if (parent_path != "/" && txn.parent_cversion != parent->creates + 1) {
    return "create of " + txn.path + " with parent cversion " +
           std::to_string(txn.parent_cversion) + ", not " + std::to_string(parent->creates + 1);
  }
  ModelNode changed = *parent;
  changed.children = with(*parent, last_element(txn.path), true);
  changed.creates += 1;
  changed.pzxid = header.zxid.value;
  put(parent_path, header.zxid, std::move(changed));
  ModelNode node;
  node.exists = true;
  node.data = txn.data;
  node.czxid = node.mzxid = node.pzxid = header.zxid.value;
  node.owner = txn.ephemeral ? header.client_id.value : 0;
  node.container = container;
  node.ttl_ms = ttl_ms;
  node.mtime = header.time_ms;
  node.children = std::make_shared<std::set<std::string>>();
  put(txn.path, header.zxid, std::move(node));
  if (txn.ephemeral) ephemerals_[header.client_id].insert(txn.path);
  return {};
}

std::string Model::erase(Zxid zxid, const std::string& path) {
  const ModelNode* node = now(path);
  if (node == nullptr) return "delete of " + path + ", which is not there";
  if (!node->children->empty()) return "delete of " + path + ", which has children";
  if (node->owner != 0) ephemerals_[SessionId{node->owner}].erase(path);
  ModelNode gone = *node;
  gone.exists = false;
  put(path, zxid, std::move(gone));
  std::string parent_path = parent_of(path);
  ModelNode parent = *now(parent_path);
  parent.children = with(parent, last_element(path), false);
  parent.pzxid = zxid.value;
  put(parent_path, zxid, std::move(parent));
  return {};
}

std::string Model::reap(const TxnHeader& header, const std::string& path) {
  const ModelNode* node = now(path);
  if (node == nullptr) return "reaping of " + path + ", which is not there";
  bool unused = node->container && node->creates > 0;
  bool old = node->ttl_ms > 0 && header.time_ms - node->mtime > node->ttl_ms;
  if (!unused && !old) return "reaping of " + path + ", which is not due";
  return erase(header.zxid, path);
}

std::string Model::close(const TxnHeader& header, const CloseSessionTxn& txn) {
  std::set<std::string> mine = ephemerals(header.client_id);
  if (txn.paths) {
    std::set<std::string> named(txn.paths->begin(), txn.paths->end());
    if (named != mine) {
      return "closeSession of " + to_string(header.client_id) + " names " +
             std::to_string(named.size()) + " ephemerals, there are " + std::to_string(mine.size());
    }
  }
  for (const std::string& path : mine) {
    if (std::string wrong = erase(header.zxid, path); !wrong.empty()) return wrong;
  }
  sessions_.erase(header.client_id);
  closed_.insert(header.client_id);
  return {};
}

/// One zxid for all parts, or none of them where one is an error.
std::string Model::apply_all(const TxnHeader& header, const MultiTxn& multi) {
  for (const SubTxn& part : multi.txns) {
    if (part.type == OpCode::Error) return {};
  }
  for (const SubTxn& part : multi.txns) {
    TxnHeader own = header;
    own.type = part.type;
    JuteReader record(part.record);
    if (std::string wrong = apply(own, record); !wrong.empty()) return wrong;
  }
  return {};
}

std::string Model::apply(const TxnHeader& header, JuteReader& in) {
  switch (header.type) {
    case OpCode::Create:
    case OpCode::Create2: {
      CreateTxn txn;
      decode(in, txn);
      return create(header, txn);
    }
    case OpCode::CreateContainer: {
      CreateContainerTxn txn;
      decode(in, txn);
      return create(header, {txn.path, txn.data, txn.acl, false, txn.parent_cversion},
                    /*container=*/true);
    }
    case OpCode::CreateTtl: {
      CreateTtlTxn txn;
      decode(in, txn);
      return create(header, {txn.path, txn.data, txn.acl, false, txn.parent_cversion},
                    /*container=*/false, txn.ttl_ms);
    }
    case OpCode::DeleteContainer: {
      DeleteTxn txn;
      decode(in, txn);
      return reap(header, txn.path);
    }
    case OpCode::Delete: {
      DeleteTxn txn;
      decode(in, txn);
      return erase(header.zxid, txn.path);
    }
    case OpCode::SetData: {
      SetDataTxn txn;
      decode(in, txn);
      const ModelNode* node = now(txn.path);
      if (node == nullptr) return "setData of " + txn.path + ", which is not there";
      if (txn.version != node->version + 1) return "setData of " + txn.path + " skips a version";
      ModelNode changed = *node;
      changed.data = txn.data;
      changed.version = txn.version;
      changed.mzxid = header.zxid.value;
      changed.mtime = header.time_ms;
      put(txn.path, header.zxid, std::move(changed));
      return {};
    }
    case OpCode::Reconfig:
      return {};  // Of the servers; clients do not look at that node.
    case OpCode::CreateSession: {
      CreateSessionTxn txn;
      decode(in, txn);
      if (closed_.contains(header.client_id)) return "session id used again";
      sessions_[header.client_id] = txn.timeout_ms;
      return {};
    }
    case OpCode::CloseSession: {
      CloseSessionTxn txn;
      decode(in, txn);
      return close(header, txn);
    }
    case OpCode::Multi: {
      MultiTxn multi;
      decode(in, multi);
      return apply_all(header, multi);
    }
    case OpCode::Check:  // Of a transaction: it held.
    case OpCode::Error:
      return {};
    default:
      return "a txn of type " + std::to_string(static_cast<int>(header.type));
  }
}

}  // namespace quorate::sim
