// From the disk's threads to the event loop: whole batches, one post each.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace quorate::server {

class Replica;

class Mailbox {
 public:
  using Letter = std::function<void(Replica&)>;
  using Deliver = std::function<void(std::vector<Letter>)>;

  /// `deliver` runs on the loop, once per batch, letters in the order of put().
  Mailbox(boost::asio::io_context& io, Deliver deliver) : io_(io), deliver_(std::move(deliver)) {}

  /// Any thread.
  void put(Letter letter) {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      first = letters_.empty();
      letters_.push_back(std::move(letter));
    }
    if (first) boost::asio::post(io_, [this] { deliver_(take()); });
  }

  /// Any thread; false also while letters are about to be delivered.
  bool empty() {
    std::lock_guard lock(mutex_);
    return letters_.empty();
  }

 private:
  std::vector<Letter> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(letters_, {});
  }

  boost::asio::io_context& io_;
  const Deliver deliver_;
  // Guards letters_. Posting each letter alone would wake the loop once per letter.
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace quorate::server
