// The reading half of the model.
#include <algorithm>

#include "tests/model/model.h"

namespace quorate::model {

Events Model::take_events() {
  Events taken;
  taken.swap(events_);
  return taken;
}

void Model::drop_watches(int actor) {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.actor == actor; });
}

void Model::watch(int actor, const std::string& path, int kind) {
  const Watch wanted{actor, path, kind};
  if (std::find(watches_.begin(), watches_.end(), wanted) == watches_.end())
    watches_.push_back(wanted);
}

Reply Model::read_node(const Operation& operation, const Asker& asker) {
  const OpCode op = operation.op;
  const bool exists = op == OpCode::Exists;
  if (exists && operation.path.find('\0') != std::string::npos) return {Code::BadArguments, {}};
  const Node* node = find(operation.path);
  const std::int32_t needed = op == OpCode::GetAcl ? perm::kRead | perm::kAdmin : perm::kRead;
  if (node != nullptr && !permitted(node->acl, asker.ids, needed)) return {Code::NoAuth, {}};
  const bool child = op == OpCode::GetChildren || op == OpCode::GetChildren2;
  const bool can_watch = child || exists || op == OpCode::GetData;
  if (operation.watch && can_watch && (node != nullptr || exists)) {
    watch(asker.actor, operation.path, child ? 1 : 0);
  }
  if (node == nullptr) return {Code::NoNode, {}};
  const std::string path = operation.path.empty() ? "/" : operation.path;
  const Stat stat = stat_of(path);
  switch (op) {
    case OpCode::Exists:
      return {Code::Ok, encode_all(StatResponse{stat})};
    case OpCode::GetData:
      return {Code::Ok, encode_all(GetDataResponse{node->data, stat})};
    case OpCode::GetChildren:
      return {Code::Ok, encode_all(GetChildrenResponse{children_of(path)})};
    case OpCode::GetChildren2:
      return {Code::Ok, encode_all(GetChildren2Response{children_of(path), stat})};
    default:
      break;
  }
  if (op == OpCode::GetAcl) {
    AclList shown = node->acl;
    const bool admin = permitted(node->acl, asker.ids, perm::kAdmin);
    for (Acl& one : shown) {
      if (!admin && one.who.scheme == "digest")
        one.who.id = one.who.id.substr(0, one.who.id.find(':')) + ":x";
    }
    return {Code::Ok, encode_all(GetAclResponse{shown, stat})};
  }
  std::int32_t below = operation.path.empty() ? 1 : 0;  // By this name the root counts itself.
  for (const auto& [other, unused] : nodes_) {
    below += other != "/" && (path == "/" || other.starts_with(path + "/"));
  }
  Bytes body;
  JuteWriter(body).i32(below);
  return {Code::Ok, body};
}

Reply Model::multi_read(const Operation& operation, const Asker& asker) {
  Reply reply;
  JuteWriter out(reply.body);
  for (Operation part : operation.parts) {
    part.watch = false;
    const Reply one = read_node(part, asker);
    const bool ok = one.code == Code::Ok;
    encode(out, MultiHeader{ok ? part.op : OpCode::Error, /*done=*/false,
                            static_cast<std::int32_t>(one.code)});
    if (part.op == OpCode::GetData && ok) {
      out.raw(one.body);
    } else if (ok) {
      out.raw(one.body);
    } else {
      out.i32(static_cast<std::int32_t>(one.code));
    }
  }
  encode(out, MultiHeader{OpCode::Error, /*done=*/true, -1});
  return reply;
}

Code Model::remove_or_check(const Operation& operation, int actor) {
  const std::int32_t type = operation.number;
  if (type < 1 || type > 5) return Code::MarshallingError;
  const auto meant = [&](const Watch& watch) {
    if (watch.actor != actor || watch.path != operation.path) return false;
    static constexpr int kKindOfType[] = {-1, 1, 0, -1, 2, 3};
    return type == 3 || watch.kind == kKindOfType[type];
  };
  const bool any = std::any_of(watches_.begin(), watches_.end(), meant);
  if (operation.op == OpCode::RemoveWatches) std::erase_if(watches_, meant);
  return any ? Code::Ok : Code::NoWatcher;
}

Code Model::set_watches(const Operation& operation, const Asker& asker) {
  const std::int64_t seen = operation.zxid;  // Made absolute by the caller.
  std::vector<Event>& events = events_[asker.actor];
  for (const std::string& path : operation.lists[0]) {
    const Node* node = find(path);
    if (node == nullptr) {
      events.push_back({EventType::NodeDeleted, path});
    } else if (node->mzxid > seen) {
      events.push_back({EventType::NodeDataChanged, path});
    } else {
      watch(asker.actor, path, 0);
    }
  }
  for (const std::string& path : operation.lists[1]) {
    if (find(path) != nullptr) {
      events.push_back({EventType::NodeCreated, path});
    } else {
      watch(asker.actor, path, 0);
    }
  }
  for (const std::string& path : operation.lists[2]) {
    const Node* node = find(path);
    if (node == nullptr) {
      events.push_back({EventType::NodeDeleted, path});
    } else if (node->pzxid > seen) {
      events.push_back({EventType::NodeChildrenChanged, path});
    } else {
      watch(asker.actor, path, 1);
    }
  }
  for (const std::string& path : operation.lists[3]) watch(asker.actor, path, 2);
  for (const std::string& path : operation.lists[4]) watch(asker.actor, path, 3);
  return Code::Ok;
}

Reply Model::read(const Operation& operation, const Asker& asker) {
  switch (operation.op) {
    case OpCode::MultiRead:
      return multi_read(operation, asker);
    case OpCode::SetWatches:
    case OpCode::SetWatches2:
      return {set_watches(operation, asker), {}};
    case OpCode::RemoveWatches:
    case OpCode::CheckWatches:
      return {remove_or_check(operation, asker.actor), {}};
    case OpCode::AddWatch: {
      if (operation.number != 0 && operation.number != 1) return {Code::MarshallingError, {}};
      watch(asker.actor, operation.path, 2 + operation.number);
      Bytes body;
      JuteWriter(body).i32(0);
      return {Code::Ok, body};
    }
    case OpCode::GetEphemerals: {
      std::vector<std::string> mine;
      const std::string& prefix = operation.path;
      for (const auto& [path, node] : nodes_) {
        if (node.owner == asker.session &&
            (prefix.empty() || prefix == "/" || path.starts_with(prefix))) {
          mine.push_back(path);
        }
      }
      return {Code::Ok, encode_all(GetChildrenResponse{mine})};
    }
    case OpCode::WhoAmI: {
      Bytes body;
      JuteWriter out(body);
      out.i32(static_cast<std::int32_t>(asker.ids.size()));
      for (const AuthId& id : asker.ids) {
        out.string(id.scheme);
        out.string(id.scheme == "digest" ? id.id.substr(0, id.id.find(':')) : id.id);
      }
      return {Code::Ok, body};
    }
    default:
      return read_node(operation, asker);
  }
}

}  // namespace quorate::model
