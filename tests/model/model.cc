#include "tests/model/model.h"

#include <algorithm>
#include <cstdio>

namespace quorate::model {

namespace {

constexpr std::int64_t kContainer = INT64_MIN;
constexpr std::int64_t kTtlMark = static_cast<std::int64_t>(0xff00000000000000ULL);

bool is_creation(OpCode op) {
  return op == OpCode::Create || op == OpCode::Create2 || op == OpCode::CreateContainer ||
         op == OpCode::CreateTtl;
}

std::vector<std::uint32_t> code_points(const std::string& utf8) {
  std::vector<std::uint32_t> points;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    std::uint32_t point = more == 0 ? first : first & (0x3fU >> more);
    for (int k = 1; k <= more; ++k) {
      point = (point << 6) |
              (static_cast<unsigned char>(utf8[i + static_cast<std::size_t>(k)]) & 0x3fU);
    }
    points.push_back(point);
    i += static_cast<std::size_t>(more) + 1;
  }
  return points;
}

/// tree-semantics 1.
bool valid_path(const std::string& path) {
  if (path.empty() || path[0] != '/') return false;
  if (path == "/") return true;
  if (path.back() == '/') return false;
  std::string element;
  for (std::size_t i = 1; i <= path.size(); ++i) {
    if (i < path.size() && path[i] != '/') {
      element += path[i];
      continue;
    }
    if (element.empty() || element == "." || element == "..") return false;
    element.clear();
  }
  for (std::uint32_t c : code_points(path)) {
    if (c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0)
      return false;
  }
  return true;
}

bool rough_path(const std::string& path) {
  return path.find('/') != std::string::npos && path.find('\0') == std::string::npos;
}

bool reserved(const std::string& path) {
  return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" ||
         path == "/zookeeper/config";
}

}  // namespace

bool permitted(const AclList& list, const Ids& ids, std::int32_t perms) {
  if (list.empty()) return true;
  for (const Acl& one : list) {
    if ((one.perms & perms) == 0) continue;
    if (one.who == AuthId{"world", "anyone"}) return true;
    if (std::find(ids.begin(), ids.end(), one.who) != ids.end()) return true;
  }
  return false;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Model::Model(Options options) : options_(options) {
  for (const char* path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
    nodes_[path].data = "";
    nodes_[path].acl = open_acl();
  }
  nodes_["/zookeeper/config"].acl = {{perm::kRead, {"world", "anyone"}}};
  nodes_["/zookeeper/config"].aversion = -1;
}

Model::Node* Model::find(const std::string& path) {
  const auto at = nodes_.find(path.empty() ? "/" : path);
  return at == nodes_.end() ? nullptr : &at->second;
}

std::vector<std::string> Model::children_of(const std::string& path) const {
  std::vector<std::string> names;
  for (const auto& [other, node] : nodes_) {
    if (other != "/" && parent_of(other) == path)
      names.push_back(other.substr(other.rfind('/') + 1));
  }
  return names;
}

Stat Model::stat_of(const std::string& given) const {
  const std::string path = given.empty() ? "/" : given;
  const Node& node = nodes_.at(path);
  Stat stat;
  stat.czxid = node.czxid;
  stat.mzxid = node.mzxid;
  stat.pzxid = node.pzxid;
  stat.ctime = node.ctime;
  stat.mtime = node.mtime;
  stat.version = node.version;
  stat.aversion = node.aversion;
  stat.ephemeral_owner = node.owner > 0 ? node.owner : 0;
  stat.data_length = static_cast<std::int32_t>(node.data.value_or("").size());
  stat.num_children = static_cast<std::int32_t>(children_of(path).size());
  stat.cversion = 2 * node.creates - stat.num_children;
  return stat;
}

Code Model::fix_acl(const AclList& list, const Ids& ids, AclList& fixed) const {
  if (list.empty()) return Code::InvalidAcl;
  for (const Acl& one : list) {
    AclList entries;
    const auto& [scheme, id] = one.who;
    if (scheme == "world" && id == "anyone") {
      entries.push_back(one);
    } else if (scheme == "digest" && std::count(id.begin(), id.end(), ':') == 1) {
      entries.push_back(one);
    } else if (scheme == "ip" && id == "127.0.0.1") {
      entries.push_back(one);
    } else if (scheme == "auth") {
      for (const AuthId& mine : ids) {
        if (mine.scheme == "digest") entries.push_back({one.perms, mine});
      }
    }
    if (entries.empty()) return Code::InvalidAcl;
    for (const Acl& entry : entries) {
      if (std::find(fixed.begin(), fixed.end(), entry) == fixed.end()) fixed.push_back(entry);
    }
  }
  return Code::Ok;
}

// ---- Writes: the order of the checks is tree-semantics 5 ---------------------------------------

Code Model::create(const Operation& operation, Txn& txn, std::string& made) {
  const std::int32_t flags = operation.number;
  if (flags < 0 || flags > 6) return Code::BadArguments;
  const bool ttl = operation.op == OpCode::CreateTtl;
  const bool ttl_mode = flags >= 5;
  if (ttl_mode && !options_.ttl) return Code::Unimplemented;
  if (ttl_mode != ttl) return Code::BadArguments;
  if (ttl && (operation.ttl_ms <= 0 || operation.ttl_ms > 0xffffffffffLL)) {
    return Code::BadArguments;
  }
  if (!sessions_.contains(txn.asker.session)) return Code::SessionExpired;
  if (!rough_path(operation.path)) return Code::BadArguments;
  AclList acl;
  if (Code code = fix_acl(operation.acl, txn.asker.ids, acl); code != Code::Ok) return code;
  const std::string parent_path = parent_of(operation.path);
  Node* parent = find(parent_path);
  if (parent == nullptr) return Code::NoNode;
  if (!permitted(parent->acl, txn.asker.ids, perm::kCreate)) return Code::NoAuth;
  std::string path = operation.path;
  const bool container = operation.op == OpCode::CreateContainer;
  if (flags == 2 || flags == 3 || flags == 6) {
    char suffix[16];
    std::snprintf(suffix, sizeof suffix, "%010d", parent->creates);
    path += suffix;
  }
  if (!valid_path(path)) return Code::BadArguments;
  if (nodes_.contains(path)) return Code::NodeExists;
  if (parent->owner > 0) return Code::NoChildrenForEphemerals;
  parent->creates += 1;
  parent->pzxid = txn.zxid;
  Node& node = nodes_[path];
  node.data = operation.data;
  node.acl = acl;
  node.czxid = node.mzxid = node.pzxid = txn.zxid;
  node.ctime = node.mtime = txn.time;
  node.owner = container                  ? kContainer
               : ttl                      ? (kTtlMark | operation.ttl_ms)
               : flags == 1 || flags == 3 ? txn.asker.session
                                          : 0;
  txn.fired.push_back({{EventType::NodeCreated, path}, acl});
  txn.fired.push_back({{EventType::NodeChildrenChanged, parent_path}, nodes_.at(parent_path).acl});
  made = path;
  return Code::Ok;
}

void Model::delete_node(const std::string& path, Txn& txn) {
  const AclList acl = nodes_.at(path).acl;
  nodes_.erase(path);
  const std::string parent = parent_of(path);
  nodes_.at(parent).pzxid = txn.zxid;
  txn.fired.push_back({{EventType::NodeDeleted, path}, acl});
  txn.fired.push_back({{EventType::NodeChildrenChanged, parent}, nodes_.at(parent).acl});
}

Code Model::remove(const Operation& operation, Txn& txn) {
  const std::string& path = operation.path;
  if (!sessions_.contains(txn.asker.session)) return Code::SessionExpired;
  if (!rough_path(path) || reserved(path)) return Code::BadArguments;
  Node* parent = find(parent_of(path));
  if (parent == nullptr) return Code::NoNode;
  if (!permitted(parent->acl, txn.asker.ids, perm::kDelete)) return Code::NoAuth;
  const auto at = nodes_.find(path);
  if (at == nodes_.end()) return Code::NoNode;
  if (operation.number != -1 && operation.number != at->second.version) return Code::BadVersion;
  if (!children_of(path).empty()) return Code::NotEmpty;
  delete_node(path, txn);
  return Code::Ok;
}

Code Model::set_data(const Operation& operation, Txn& txn) {
  if (!sessions_.contains(txn.asker.session)) return Code::SessionExpired;
  if (!valid_path(operation.path)) return Code::BadArguments;
  Node* node = find(operation.path);
  if (node == nullptr) return Code::NoNode;
  if (!permitted(node->acl, txn.asker.ids, perm::kWrite)) return Code::NoAuth;
  if (operation.number != -1 && operation.number != node->version) return Code::BadVersion;
  node->data = operation.data;
  node->version += 1;
  node->mzxid = txn.zxid;
  node->mtime = txn.time;
  txn.fired.push_back({{EventType::NodeDataChanged, operation.path}, node->acl});
  return Code::Ok;
}

Code Model::set_acl(const Operation& operation, Txn& txn) {
  if (!sessions_.contains(txn.asker.session)) return Code::SessionExpired;
  if (!valid_path(operation.path)) return Code::BadArguments;
  AclList acl;
  if (Code code = fix_acl(operation.acl, txn.asker.ids, acl); code != Code::Ok) return code;
  Node* node = find(operation.path);
  if (node == nullptr) return Code::NoNode;
  if (!permitted(node->acl, txn.asker.ids, perm::kAdmin)) return Code::NoAuth;
  if (operation.number != -1 && operation.number != node->aversion) return Code::BadVersion;
  node->acl = acl;
  node->aversion += 1;
  return Code::Ok;
}

Code Model::check(const Operation& operation, Txn& txn) {
  if (!sessions_.contains(txn.asker.session)) return Code::SessionExpired;
  if (!valid_path(operation.path)) return Code::BadArguments;
  Node* node = find(operation.path);
  if (node == nullptr) return Code::NoNode;
  if (!permitted(node->acl, txn.asker.ids, perm::kRead)) return Code::NoAuth;
  if (operation.number != -1 && operation.number != node->version) return Code::BadVersion;
  return Code::Ok;
}

Code Model::close_session(Txn& txn) {
  const std::int64_t session = txn.asker.session;
  sessions_.erase(session);
  std::vector<std::string> mine;
  for (const auto& [path, node] : nodes_) {
    if (node.owner == session) mine.push_back(path);
  }
  for (const std::string& path : mine) delete_node(path, txn);
  return Code::Ok;
}

Code Model::single(const Operation& operation, Txn& txn, std::string& made) {
  if (is_creation(operation.op)) return create(operation, txn, made);
  switch (operation.op) {
    case OpCode::Delete:
      return remove(operation, txn);
    case OpCode::SetData:
      return set_data(operation, txn);
    case OpCode::SetAcl:
      return set_acl(operation, txn);
    case OpCode::Check:
      return check(operation, txn);
    default:
      return close_session(txn);
  }
}

Bytes Model::answer(OpCode op, const std::string& path, const std::string& made) const {
  if (op == OpCode::Create) return encode_all(CreateResponse{made});
  if (is_creation(op)) return encode_all(Create2Response{made, stat_of(made)});
  if (op == OpCode::SetData || op == OpCode::SetAcl) return encode_all(StatResponse{stat_of(path)});
  return {};
}

Reply Model::multi(const Operation& operation, Txn& txn) {
  for (const Operation& part : operation.parts) {
    if (is_creation(part.op) && (part.number < 0 || part.number > 6))
      return {Code::MarshallingError, {}};
  }
  const auto before = nodes_;
  Reply reply;
  JuteWriter out(reply.body);
  Code failed = Code::Ok;
  std::size_t at = 0;
  for (; at < operation.parts.size(); ++at) {
    const Operation& part = operation.parts[at];
    std::string made;
    failed = single(part, txn, made);
    if (failed != Code::Ok) break;
    const bool with_stat = is_creation(part.op) && part.op != OpCode::Create;
    encode(out, MultiHeader{with_stat ? OpCode::Create2 : part.op, /*done=*/false, 0});
    out.raw(answer(part.op, part.path, made));
  }
  if (failed != Code::Ok) {
    nodes_ = before;
    txn.fired.clear();
    reply.body.clear();
    for (std::size_t i = 0; i < operation.parts.size(); ++i) {
      const Code code = i < at ? Code::Ok : i == at ? failed : Code::RuntimeInconsistency;
      encode(out, MultiHeader{OpCode::Error, /*done=*/false, static_cast<std::int32_t>(code)});
      out.i32(static_cast<std::int32_t>(code));
    }
  }
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
  return reply;
}

Reply Model::write(const Operation& operation, const Asker& asker, std::int64_t zxid,
                   std::int64_t time, const Ids (&live)[kActors]) {
  Txn txn{asker, zxid, time, {}};
  Reply reply;
  if (operation.op == OpCode::Multi) {
    reply = multi(operation, txn);
  } else {
    std::string made;
    reply.code = single(operation, txn, made);
    if (reply.code == Code::Ok) reply.body = answer(operation.op, operation.path, made);
  }
  for (const Fired& fired : txn.fired) trigger(fired, live);
  return reply;
}

// ---- Watches: the table of tree-semantics 7
// ------------------------------------------------------

void Model::trigger(const Fired& fired, const Ids (&live)[kActors]) {
  const auto& [type, path] = fired.event;
  std::set<int> told;
  std::vector<Watch> left;
  for (const Watch& watch : watches_) {
    const bool here = watch.path == path;
    // The empty path addresses the root for reads; no change ever carries it.
    const bool above =
        watch.path == "/" || (!watch.path.empty() && path.starts_with(watch.path + "/"));
    const bool below = here || above;
    const bool data_side = type != EventType::NodeChildrenChanged;
    const bool child_side =
        type == EventType::NodeChildrenChanged || type == EventType::NodeDeleted;
    const bool hit = (watch.kind == 0 && here && data_side) ||
                     (watch.kind == 1 && here && child_side) || (watch.kind == 2 && here) ||
                     (watch.kind == 3 && below && data_side);
    if (hit) told.insert(watch.actor);
    if (!hit || watch.kind >= 2) left.push_back(watch);
  }
  watches_ = left;
  for (int actor : told) {
    if (permitted(fired.acl, live[actor], perm::kRead)) events_[actor].push_back(fired.event);
  }
}

}  // namespace quorate::model
