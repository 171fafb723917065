#include "client-lib/src/recipes/own_node.h"

#include <algorithm>

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

OwnNode::OwnNode(const Client& client, Wish wish)
    : face_(client),
      wish_(std::move(wish)),
      strand_(client.get_executor()),
      bell_(std::make_shared<Bell>(face_.client)) {}

OwnNode::~OwnNode() {
  if (listener_ != 0 && !left_) face_.client.remove_session_listener(listener_);
}

void OwnNode::begin() {
  if (listener_ != 0) return;
  listener_ =
      face_.client.add_session_listener([weak = weak_from_this()](const SessionEvent& event) {
        if (auto node = weak.lock()) node->on_session(event);
      });
  face_.when_closing(listener_, [weak = weak_from_this()] {
    if (auto node = weak.lock()) node->on_closing();
  });
}

asio::awaitable<ErrorCode> OwnNode::enter(std::shared_ptr<OwnNode> self, JobPtr job) {
  self->begin();
  if (const ErrorCode error = co_await create(self, job)) co_return error;
  // From the first moment: a waiter, too, must hear that somebody deleted its node.
  std::function<void(const WatchEvent&)> told =
      [weak = self->weak_from_this()](const WatchEvent& event) {
        auto node = weak.lock();
        if (node && event.type == EventType::NodeDeleted) node->on_gone();
      };
  Watcher watcher(std::move(told));
  // A child watch: an ephemeral has no children, so nothing but its end uses the watch up.
  Answer<GetChildrenReply> own = co_await list(job, self->node_, std::move(watcher));
  if (own.error == ErrorCode(Code::NoNode)) co_return ErrorCode(ClientErrc::NodeLost);
  co_return own.error;
}

/// Creates our znode exactly once, also when the reply is lost: the GUID in its name finds it.
asio::awaitable<ErrorCode> OwnNode::create(std::shared_ptr<OwnNode> self, JobPtr job) {
  const std::string wanted = join_path(self->wish_.folder, self->wish_.name);
  while (true) {
    CreateOptions options(self->wish_.sequential ? CreateMode::EphemeralSequential
                                                 : CreateMode::Ephemeral);
    auto [error, reply] = co_await self->face_.client.async_create(wanted, Buffer(self->wish_.data),
                                                                   std::move(options), kAwait);
    if (!error) {
      self->node_ = reply.path;
      self->czxid_ = reply.stat.czxid;
      co_return job->why();
    }
    if (job->why()) co_return job->why();
    if (error == ErrorCode(Code::NoNode)) {
      if (const ErrorCode fault = co_await make_path(job, self->wish_.folder)) co_return fault;
      continue;
    }
    if (!again(error) && error != ErrorCode(Code::NodeExists)) co_return error;
    if (const ErrorCode fault = co_await find(self)) co_return job->or_stopped(fault);
    if (job->why()) co_return job->why();
    if (!self->node_.empty()) co_return ErrorCode();
    if (!again(error)) co_return error;
  }
}

/// Sets node_ if our znode exists. Ours means: our name and our session as its owner.
asio::awaitable<ErrorCode> OwnNode::find(std::shared_ptr<OwnNode> self) {
  Client& client = self->face_.client;
  const std::string folder = self->wish_.folder;
  const std::string wanted = join_path(folder, self->wish_.name);
  // Not inside the statement with co_await: g++ 12 destroys a conditional's temporary twice.
  const std::string listed = folder.empty() ? "/" : folder;
  while (true) {
    // Without sync a lagging server could hide the node, and we would stand in line twice.
    auto [unsynced] = co_await client.async_sync(wanted, kAwait);
    if (again(unsynced)) continue;
    if (unsynced) co_return unsynced;
    std::string path = wanted;
    if (self->wish_.sequential) {
      auto [error, reply] = co_await client.async_get_children(listed, kAwait);
      if (again(error)) continue;
      if (error == ErrorCode(Code::NoNode)) co_return ErrorCode();
      if (error) co_return error;
      auto own =
          std::find_if(reply.children.begin(), reply.children.end(),
                       [&](const std::string& name) { return name.starts_with(self->wish_.name); });
      if (own == reply.children.end()) co_return ErrorCode();
      path = join_path(folder, *own);
    }
    auto [missing, found] = co_await client.async_get_data(path, kAwait);
    if (again(missing)) continue;
    if (missing == ErrorCode(Code::NoNode)) co_return ErrorCode();
    if (missing) co_return missing;
    const Stat& stat = found.stat;
    if (stat.ephemeral_owner != client.session_id().value) co_return ErrorCode();
    if (self->wish_.by_data && found.data.value_or("") != self->wish_.data) co_return ErrorCode();
    self->found_ = true;
    self->node_ = path;
    self->czxid_ = stat.czxid;
    co_return ErrorCode();
  }
}

bool OwnNode::validate(std::uint64_t then) {
  if (gone_ || left_ || was_valid_ || then != suspensions_) return false;
  valid_ = true;
  was_valid_ = true;
  return true;
}

asio::awaitable<ErrorCode> OwnNode::validate_alone(std::shared_ptr<OwnNode> self, JobPtr job) {
  while (true) {
    const std::uint64_t then = self->suspensions_;
    Answer<Stat> own = co_await look(job, self->node_);
    if (own.error == ErrorCode(Code::NoNode) || self->gone_) {
      co_return ErrorCode(ClientErrc::NodeLost);
    }
    if (own.error) co_return own.error;
    if (self->validate(then)) co_return ErrorCode();
  }
}

void OwnNode::on_session(const SessionEvent& event) {
  if (event.state == SessionState::Connected || event.state == SessionState::Reconnected) return;
  ++suspensions_;
  if (event.state == SessionState::Expired || event.state == SessionState::Closed) gone_ = true;
  invalidate();
}

/// The farewell ends the session before we hear that it has.
void OwnNode::on_closing() {
  ++suspensions_;
  invalidate();
}

void OwnNode::on_gone() {
  gone_ = true;
  invalidate();
  bell_->ring();
}

void OwnNode::invalidate() {
  valid_ = false;
  if (!was_valid_) return;
  for (auto& callback : std::exchange(when_invalid_, {})) callback();
}

void OwnNode::when_invalid(std::function<void()> callback) {
  asio::post(strand_, [self = shared_from_this(), callback = std::move(callback)] {
    if (!self->valid_) return callback();
    self->when_invalid_.push_back(callback);
  });
}

void OwnNode::release() {
  valid_ = false;
  if (released_.exchange(true)) return;
  asio::co_spawn(strand_, leave(shared_from_this()), asio::detached);
}

/// Deletes our znode. Ends with the session at the latest.
asio::awaitable<void> OwnNode::leave(std::shared_ptr<OwnNode> self) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (std::exchange(self->left_, true)) co_return;
  Client& client = self->face_.client;
  client.remove_session_listener(self->listener_);
  self->invalidate();
  if (client.state() == SessionState::Closed || client.state() == SessionState::Expired) co_return;
  // An unanswered create may still have made it: in the session's order this looks behind it.
  if (self->node_.empty()) {
    const ErrorCode unknown = co_await find(self);
    if (unknown) co_return;
  }
  while (!self->node_.empty()) {
    auto [error] = co_await client.async_remove(self->node_, kAnyVersion, kAwait);
    if (!again(error)) co_return;
  }
}

}  // namespace quorate::client
