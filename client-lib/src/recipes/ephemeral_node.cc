#include "quorate/recipes/ephemeral_node.h"

#include <atomic>

#include "client-lib/src/recipes/bells.h"
#include "client-lib/src/recipes/own_node.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

class EphemeralNode::State {
 public:
  State(const Client& client, std::string node, std::string data)
      : job(std::make_shared<Job>(client)),
        path(std::move(node)),
        data_(std::move(data)),
        bell_(std::make_shared<Bell>(job->client())) {}

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    while (true) {
      const ErrorCode error = co_await keep(self);
      self->present = false;
      if (!error) continue;
      self->end_ = error;
      self->waiting_.ring();
      if (self->own_) self->own_->release();
      co_return;
    }
  }

  static asio::awaitable<ErrorCode> wait(std::shared_ptr<State> self, JobPtr waiter) {
    while (true) {
      if (self->end_) co_return self->end_;
      if (self->present && self->written_ == self->changes_) co_return ErrorCode();
      co_await Bells::wait(self, &State::waiting_, waiter);
      if (waiter->why()) co_return waiter->why();
    }
  }

  void set_data(std::string data) {
    data_ = std::move(data);
    ++changes_;
    bell_->ring();
  }

 private:
  /// One life of the node as this object sees it: until it is deleted or the session suspended,
  /// when it may be there still: then the next life adopts it.
  static asio::awaitable<ErrorCode> keep(std::shared_ptr<State> self) {
    OwnNode::Wish wish{parent_of(self->path), name_of_node(self->path), /*sequential=*/false,
                       self->data_};
    const std::uint64_t wished = self->changes_;
    auto own = std::make_shared<OwnNode>(self->job->client(), std::move(wish));
    self->own_ = own;
    ErrorCode error = co_await OwnNode::enter(own, self->job);
    if (error == ErrorCode(Code::NodeExists)) co_return co_await await_others_end(self);
    if (!error) error = co_await OwnNode::validate_alone(own, self->job);
    if (error == ErrorCode(ClientErrc::NodeLost)) co_return self->job->why();
    if (error) co_return error;
    // An adopted node may hold older data.
    self->written_ = own->was_found() ? 0 : wished;
    own->when_invalid([bell = self->bell_, weak = std::weak_ptr<State>(self)] {
      if (auto state = weak.lock()) state->present = false;
      bell->ring();
    });
    self->present = true;
    while (own->valid()) {
      if (const ErrorCode fault = co_await write(self)) co_return fault;
      self->waiting_.ring();
      if (!own->valid()) break;
      co_await Bell::wait(self->bell_);
      if (self->job->why()) co_return self->job->why();
    }
    co_return self->job->why();
  }

  /// Brings the node's data up to date; a node that has gone meanwhile is no error.
  static asio::awaitable<ErrorCode> write(std::shared_ptr<State> self) {
    while (self->written_ != self->changes_) {
      const std::uint64_t now = self->changes_;
      Buffer data(self->data_);
      auto [error, stat] = co_await self->job->client().async_set_data(self->path, std::move(data),
                                                                       kAnyVersion, kAwait);
      if (self->job->why()) co_return self->job->why();
      if (error == ErrorCode(Code::NoNode)) co_return ErrorCode();
      if (again(error)) continue;
      if (error) co_return error;
      self->written_ = now;
    }
    co_return ErrorCode();
  }

  static asio::awaitable<ErrorCode> await_others_end(std::shared_ptr<State> self) {
    Watcher watcher = ringing(self->bell_);
    Answer<GetChildrenReply> other = co_await list(self->job, self->path, std::move(watcher));
    if (other.error == ErrorCode(Code::NoNode)) co_return ErrorCode();
    if (other.error) co_return other.error;
    co_await Bell::wait(self->bell_);
    co_return self->job->why();
  }

 public:
  const JobPtr job;
  const std::string path;
  std::atomic<bool> present{false};  ///< Written on the strand, asked for from any thread.

 private:
  std::string data_;
  std::uint64_t changes_ = 1;  ///< Counts what data_ has been.
  std::uint64_t written_ = 0;  ///< Which of them the node has.
  const BellPtr bell_;
  Bells waiting_;
  ErrorCode end_;
  std::shared_ptr<OwnNode> own_;
};

EphemeralNode::EphemeralNode(Client& client, std::string path, std::string data)
    : state_(std::make_shared<State>(client, std::move(path), std::move(data))) {}

EphemeralNode::~EphemeralNode() {
  stop();
}

void EphemeralNode::start() {
  run_service(state_->job, [state = state_] { return State::run(state); });
}

void EphemeralNode::stop() {
  state_->job->post_cancel(asio::error::operation_aborted);
}

void EphemeralNode::set_data(std::string data) {
  asio::post(state_->job->strand(), [state = state_, data = std::move(data)]() mutable {
    state->set_data(std::move(data));
  });
}

bool EphemeralNode::present() const {
  return state_->present;
}

const std::string& EphemeralNode::path() const {
  return state_->path;
}

void EphemeralNode::start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  auto waiter = std::make_shared<Job>(state_->job->client());
  run_done(waiter, limit, std::move(handler),
           [state = state_, waiter] { return State::wait(state, waiter); });
}

}  // namespace quorate::client
