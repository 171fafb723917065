// setWatches, setWatches2: a client that has moved brings its watches along (tree-semantics 7).
#include "znode/data_tree.h"
#include "znode/node.h"
#include "znode/op.h"
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
    } else if (node->stat.mzxid > seen_) {
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
    } else if (node->stat.pzxid > seen_) {
      miss(EventType::NodeChildrenChanged, path);
    } else {
      context_.watches.add(WatchKind::Child, path, context_.connection);
    }
  }

  std::vector<Fire> take_missed() { return std::move(missed_); }

 private:
  void miss(EventType type, const std::string& path) { missed_.push_back({type, path}); }

  const ReadContext& context_;
  std::int64_t seen_;
  std::vector<Fire> missed_;
};

}  // namespace

Result<std::vector<Fire>> set_watches(const ReadContext& context, OpCode op, ByteView body) {
  JuteReader in(body);
  SetWatches2Request request;
  if (op == OpCode::SetWatches2) {
    decode(in, request);
  } else {
    decode(in, request.base);
  }
  if (ErrorCode fault = in.finish()) return fault;
  if (!request.persistent_watches.empty() || !request.persistent_recursive_watches.empty()) {
    return Code::Unimplemented;
  }
  CatchUp catch_up(context, request.base.relative_zxid);
  for (const std::string& path : request.base.data_watches) catch_up.data_watch(path);
  for (const std::string& path : request.base.exist_watches) catch_up.exist_watch(path);
  for (const std::string& path : request.base.child_watches) catch_up.child_watch(path);
  return catch_up.take_missed();
}

}  // namespace quorate::znode
