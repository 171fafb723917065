#include "quorate/recipes/node_cache.h"

#include "client-lib/src/recipes/followed.h"

namespace quorate::client {

namespace {

asio::awaitable<Answer<CachedNode>> look_once(JobPtr job, std::string path, Watcher watcher) {
  while (true) {
    Answer<GetDataReply> node = co_await read(job, path, watcher);
    if (!node.error) {
      CachedNode seen{true, node.value.data.value_or(""), node.value.stat};
      co_return std::move(seen);
    }
    if (node.error != ErrorCode(Code::NoNode)) co_return node.error;
    Answer<Stat> stat = co_await look(job, path, watcher);
    if (stat.error == ErrorCode(Code::NoNode)) co_return CachedNode();
    if (stat.error) co_return stat.error;
  }
}

bool same_state(const CachedNode& before, const CachedNode& now) {
  return now.exists == before.exists && now.stat.mzxid == before.stat.mzxid &&
         now.stat.czxid == before.stat.czxid;
}

}  // namespace

class NodeCache::State : public Followed<CachedNode> {
 public:
  using Followed::Followed;
};

NodeCache::NodeCache(Client& client, std::string path, Listener changed)
    : state_(std::make_shared<State>(client, std::move(path), look_once, same_state,
                                     std::move(changed))) {}

NodeCache::~NodeCache() {
  stop();
}

void NodeCache::start() {
  State::start(state_);
}

void NodeCache::stop() {
  state_->stop();
}

CachedNode NodeCache::value() const {
  return state_->value();
}

bool NodeCache::fresh() const {
  return state_->fresh();
}

}  // namespace quorate::client
