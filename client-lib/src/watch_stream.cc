#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <deque>

#include "client-lib/src/completion.h"
#include "quorate/client.h"
#include "quorate/watch.h"

namespace quorate::client {

namespace {

class CallbackSink final : public WatchSink {
 public:
  explicit CallbackSink(std::function<void(const WatchEvent&)> callback)
      : callback_(std::move(callback)) {}
  void deliver(const WatchEvent& event) override { callback_(event); }

 private:
  std::function<void(const WatchEvent&)> callback_;
};

}  // namespace

Watcher::Watcher(std::function<void(const WatchEvent&)> callback)
    : sink_(std::make_shared<CallbackSink>(std::move(callback))) {}

/// Owned by the client's strand.
class WatchStream::Queue final : public WatchSink, public std::enable_shared_from_this<Queue> {
 public:
  Queue(asio::any_io_executor strand, std::size_t capacity)
      : strand_(std::move(strand)), capacity_(capacity) {}

  const asio::any_io_executor& strand() const { return strand_; }

  void deliver(const WatchEvent& event) override {
    // The end of the session always finds room: nothing follows it.
    if (event.type != EventType::None && events_.size() >= capacity_) {
      overflowed_ = true;
      return;
    }
    events_.push_back(event);
    serve();
  }

  void next(NextHandler handler) {
    if (waiting_) {
      post_completion(std::move(handler), strand_, ErrorCode(asio::error::already_started),
                      WatchEvent());
      return;
    }
    // Not by assignment: any_completion_handler's calls itself for ever in Boost 1.81.
    waiting_.swap(handler);
    serve();
  }

  void cancel() {
    if (waiting_) answer(asio::error::operation_aborted, WatchEvent());
  }

 private:
  void serve() {
    if (!waiting_) return;
    if (overflowed_ && (events_.empty() || events_.front().type == EventType::None)) {
      overflowed_ = false;
      answer(ClientErrc::WatchOverflow, WatchEvent());
    } else if (!events_.empty()) {
      WatchEvent event = std::move(events_.front());
      events_.pop_front();
      if (event.type == EventType::None) {
        end_ = event.state == KeeperState::Expired      ? ErrorCode(Code::SessionExpired)
               : event.state == KeeperState::AuthFailed ? ErrorCode(Code::AuthFailed)
                                                        : ErrorCode(ClientErrc::Closed);
      }
      answer({}, std::move(event));
    } else if (end_) {
      answer(end_, WatchEvent());
    }
  }

  void answer(ErrorCode error, WatchEvent event) {
    NextHandler handler(std::move(waiting_));
    post_completion(std::move(handler), strand_, error, std::move(event));
  }

  asio::any_io_executor strand_;
  std::size_t capacity_;
  std::deque<WatchEvent> events_;
  bool overflowed_ = false;
  ErrorCode end_;
  NextHandler waiting_;
};

WatchStream::WatchStream(Client& client, std::size_t capacity)
    : queue_(std::make_shared<Queue>(client.get_executor(), capacity)), sink_(queue_) {}

void WatchStream::start_next(NextHandler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Queue>(queue_)](asio::cancellation_type) {
      if (auto queue = weak.lock()) asio::post(queue->strand(), [queue] { queue->cancel(); });
    });
  }
  asio::post(queue_->strand(), [queue = queue_, handler = std::move(handler)]() mutable {
    queue->next(std::move(handler));
  });
}

}  // namespace quorate::client
