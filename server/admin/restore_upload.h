// The body of the command restore, on its way from a connection into the replica's place for the
// tree: received into a file, read back and checked whole, and only then handed over.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "server/admin/facts.h"
#include "server/replica/restore.h"

namespace quorate::server {

/// A snapshot that comes in pieces; nobody else sees it, and it ends with this object.
class ReceivedSnapshot {
 public:
  virtual ~ReceivedSnapshot() = default;
  /// Room for so many bytes.
  virtual std::uint64_t bytes_max() const = 0;
  virtual ErrorCode add(ByteView bytes) = 0;
  /// After the last byte: reads on what was received, a piece at each call. Returns "" or what is
  /// wrong with it; sets `done` when everything has been read and checked.
  virtual std::string check(bool& done) = 0;
  /// After that, once.
  virtual TreeToRestore take() = 0;
};
using OpenReceivedSnapshot = std::function<Result<std::unique_ptr<ReceivedSnapshot>>()>;

/// Owned by the admin thread. While it works nobody else uses stream and buffer.
class RestoreUpload : public std::enable_shared_from_this<RestoreUpload> {
 public:
  using Clock = std::chrono::steady_clock;
  using Status = boost::beast::http::status;
  /// Once, on the thread of `io`: 200 and the zxid, or what went wrong.
  using OnEnd = std::function<void(Status status, std::string error, Zxid zxid)>;
  struct Ends {
    boost::asio::io_context& io;
    boost::beast::tcp_stream& stream;
    boost::beast::flat_buffer& buffer;
    std::function<void(std::function<void(AdminSource&)> job)> ask;
  };
  /// `keeper` lives as long as this: what `ends` refers to belongs to it.
  RestoreUpload(std::shared_ptr<void> keeper, Ends ends, std::unique_ptr<ReceivedSnapshot> into,
                std::chrono::milliseconds idle_limit, OnEnd on_end);

  /// `header` has been read, and nothing behind it.
  void start(boost::beast::http::request_parser<boost::beast::http::empty_body>&& header);
  /// Nobody waits any more: `on_end` is not called. A tree handed over already is restored all the
  /// same.
  void abandon();
  /// When the last bytes came.
  Clock::time_point moved() const { return moved_; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  void go_on();
  void receive();
  void on_piece(boost::beast::error_code error);
  void check();
  void hand_over();
  void on_outcome(RestoreOutcome outcome);
  void end(Status status, std::string error, Zxid zxid = {});

  std::shared_ptr<void> keeper_;
  Ends ends_;
  std::unique_ptr<ReceivedSnapshot> into_;
  const std::chrono::milliseconds idle_limit_;
  OnEnd on_end_;
  std::optional<Parser> parser_;
  std::vector<std::byte> piece_;
  std::uint64_t received_ = 0;
  Clock::time_point moved_, began_;
};

}  // namespace quorate::server
