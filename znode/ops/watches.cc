// setWatches, setWatches2: a client that has moved brings its watches along. addWatch,
// removeWatches, checkWatches (tree-semantics 7, client-protocol 5).
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/ops/table.h"
#include "znode/watch_table.h"

namespace quorate::znode {
namespace {

/// What has happened behind the client's back, list by list; what has not is watched from now on.
/// A node deleted and created again counts as changed.
class CatchUp {
 public:
  CatchUp(const ReadContext& context, Zxid seen) : context_(context), seen_(seen.value) {}

  void data_watch(const std::string& path) {
    const Node* node = context_.tree.find(path);
    if (node == nullptr) {
      miss(EventType::NodeDeleted, path);
    } else if (node->stat().mzxid > seen_) {
      miss(EventType::NodeDataChanged, path);
    } else {
      context_.watches.add(WatchKind::Data, path, context_.connection);
    }
  }

  void exist_watch(const std::string& path) {
    if (context_.tree.find(path) != nullptr) {
      miss(EventType::NodeCreated, path);
    } else {
      context_.watches.add(WatchKind::Data, path, context_.connection);
    }
  }

  void child_watch(const std::string& path) {
    const Node* node = context_.tree.find(path);
    if (node == nullptr) {
      miss(EventType::NodeDeleted, path);
    } else if (node->stat().pzxid > seen_) {
      miss(EventType::NodeChildrenChanged, path);
    } else {
      context_.watches.add(WatchKind::Child, path, context_.connection);
    }
  }

  /// Whoever watches for good must look again by itself: nothing is caught up.
  void lasting_watch(WatchKind kind, const std::string& path) {
    context_.watches.add(kind, path, context_.connection);
  }

  std::vector<Fire> take_missed() { return std::move(missed_); }

 private:
  void miss(EventType type, const std::string& path) { missed_.push_back({type, path}); }

  const ReadContext& context_;
  std::int64_t seen_;
  std::vector<Fire> missed_;
};

/// The record of addWatch, checkWatches and removeWatches.
struct PathAndNumber {
  std::string path;
  std::int32_t number = 0;  ///< Mode or type.
};

Result<PathAndNumber> decode_request(JuteReader& body) {
  PathAndNumber request;
  request.path = body.path();
  request.number = body.i32();
  if (ErrorCode fault = body.finish()) return fault;
  return request;
}

/// No right is asked for and no node need be there: events are filtered when they fire.
Code add_watch(const ReadContext& context, JuteReader& body, JuteWriter& out) {
  const Result<PathAndNumber> request = decode_request(body);
  if (!request) return to_code(request.error());
  if (request->number != 0 && request->number != 1) return Code::MarshallingError;
  const WatchKind kind = request->number == 0 ? WatchKind::Persistent : WatchKind::Recursive;
  context.watches.add(kind, request->path, context.connection);
  out.i32(0);  // ErrorResponse
  return Code::Ok;
}

Result<WatcherType> watcher_type(std::int32_t number) {
  if (number < static_cast<std::int32_t>(WatcherType::Children) ||
      number > static_cast<std::int32_t>(WatcherType::Recursive)) {
    return Code::MarshallingError;
  }
  return static_cast<WatcherType>(number);
}

Code check_watches(const ReadContext& context, JuteReader& body, JuteWriter&) {
  const Result<PathAndNumber> request = decode_request(body);
  if (!request) return to_code(request.error());
  const Result<WatcherType> type = watcher_type(request->number);
  if (!type) return to_code(type.error());
  const bool found = context.watches.contains(*type, request->path, context.connection);
  return found ? Code::Ok : Code::NoWatcher;
}

Code remove_watches(const ReadContext& context, JuteReader& body, JuteWriter&) {
  const Result<PathAndNumber> request = decode_request(body);
  if (!request) return to_code(request.error());
  const Result<WatcherType> type = watcher_type(request->number);
  if (!type) return to_code(type.error());
  const bool removed = context.watches.remove(*type, request->path, context.connection);
  return removed ? Code::Ok : Code::NoWatcher;
}

}  // namespace

constinit const OpSpec kAddWatch = {.info = {OpCode::AddWatch, "addWatch", OpKind::Read},
                                    .read = add_watch};
constinit const OpSpec kCheckWatches = {
    .info = {OpCode::CheckWatches, "checkWatches", OpKind::Read}, .read = check_watches};
constinit const OpSpec kRemoveWatches = {
    .info = {OpCode::RemoveWatches, "removeWatches", OpKind::Read}, .read = remove_watches};

Result<std::vector<Fire>> set_watches(const ReadContext& context, OpCode op, ByteView body) {
  JuteReader in(body);
  SetWatches2Request request;
  if (op == OpCode::SetWatches2) {
    decode(in, request);
  } else {
    decode(in, request.base);
  }
  if (ErrorCode fault = in.finish()) return fault;
  CatchUp catch_up(context, request.base.relative_zxid);
  for (const std::string& path : request.base.data_watches) catch_up.data_watch(path);
  for (const std::string& path : request.base.exist_watches) catch_up.exist_watch(path);
  for (const std::string& path : request.base.child_watches) catch_up.child_watch(path);
  for (const std::string& path : request.persistent_watches) {
    catch_up.lasting_watch(WatchKind::Persistent, path);
  }
  for (const std::string& path : request.persistent_recursive_watches) {
    catch_up.lasting_watch(WatchKind::Recursive, path);
  }
  return catch_up.take_missed();
}

}  // namespace quorate::znode
