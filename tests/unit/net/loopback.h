// An event loop, an inbox that remembers, and blocking sockets on the other end.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/net/inbox.h"

namespace quorate::server {

struct RecordingInbox : Inbox {
  std::optional<std::string> on_four_letter_word(std::string_view word) override {
    if (word.substr(0, 4) == "ruok") return "imok";
    return std::nullopt;
  }
  void on_client_open(ConnectionId connection, ClientOrigin origin) override {
    origins.push_back(origin);
    opened.emplace_back(connection, std::move(origin.address));
  }
  bool on_client_frame(ConnectionId connection, ByteView frame) override {
    frames.emplace_back(as_text(frame));
    frames_of[connection].emplace_back(as_text(frame));
    return frames_before_full == 0 || frames.size() % frames_before_full != 0;
  }
  void on_client_closed(ConnectionId connection) override { closed.push_back(connection); }
  void on_notification(ServerId from, consensus::Notification notification) override {
    votes.emplace_back(from, std::move(notification));
  }
  void on_election_link(ServerId peer, bool reachable) override {
    hints.emplace_back(peer, reachable);
  }
  void on_link_up(LinkId link, std::optional<ServerId> opened_to) override {
    up.emplace_back(link, opened_to);
  }
  void on_link_bytes(LinkId link, ByteView bytes) override { bytes_of[link] += as_text(bytes); }
  void on_link_down(LinkId link) override { ++down[link]; }
  void pump() override {
    ++pumps;
    if (on_pump) on_pump();
  }
  void note(char severity, const std::string& text) override {
    notes.push_back(severity + (' ' + text));
  }

  std::vector<std::pair<ConnectionId, std::string>> opened;
  std::vector<ClientOrigin> origins;
  std::vector<std::string> frames;
  std::map<ConnectionId, std::vector<std::string>> frames_of;
  std::size_t frames_before_full = 0;  ///< Every so many frames the answers must leave first.
  std::vector<ConnectionId> closed;
  std::vector<std::pair<ServerId, consensus::Notification>> votes;
  std::vector<std::pair<ServerId, bool>> hints;
  std::vector<std::pair<LinkId, std::optional<ServerId>>> up;
  std::map<LinkId, std::string> bytes_of;
  std::map<LinkId, int> down;
  std::vector<std::string> notes;
  int pumps = 0;
  std::function<void()> on_pump;
};

/// Whether a line says all of it.
inline bool noted(const RecordingInbox& inbox, std::string_view text, std::string_view more = "") {
  return std::any_of(inbox.notes.begin(), inbox.notes.end(), [&](const std::string& note) {
    return note.find(text) != std::string::npos && note.find(more) != std::string::npos;
  });
}

namespace asio = boost::asio;
using asio::ip::tcp;

/// Runs the loop until `condition`; false when 10 s did not bring it.
template <class Condition>
bool run_until(asio::io_context& io, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

/// The other end of a connection; its calls do not run the loop under test.
class Remote {
 public:
  explicit Remote(std::uint16_t port, asio::ip::address to = asio::ip::address_v4::loopback())
      : socket_(io_) {
    socket_.connect(tcp::endpoint(to, port));
    socket_.non_blocking(true);
  }
  void send(std::string_view text) { asio::write(socket_, asio::buffer(text)); }
  /// However long it takes; for a thread of its own.
  void send_all(std::string_view text) {
    while (!text.empty()) {
      ErrorCode error;
      text.remove_prefix(socket_.write_some(asio::buffer(text), error));
      if (error && error != asio::error::would_block && error != asio::error::try_again) return;
      if (error) socket_.wait(tcp::socket::wait_write, error);
    }
  }
  void close() { socket_.close(); }

  /// Takes what has come; true once the other side has closed.
  bool poll() {
    char piece[65536];
    ErrorCode error;
    while (true) {
      const std::size_t count = socket_.read_some(asio::buffer(piece), error);
      if (error) break;
      received.append(piece, count);
    }
    return error != asio::error::would_block && error != asio::error::try_again;
  }
  std::string received;

 private:
  asio::io_context io_;
  tcp::socket socket_;
};

/// A free port that nobody else is given as long as this process lives: bound by a socket that does
/// not listen, beside which one that may share the address can.
inline std::uint16_t free_port() {
  static asio::io_context io;
  static std::deque<tcp::socket> held;
  tcp::socket& socket = held.emplace_back(io, tcp::v4());
  socket.set_option(tcp::socket::reuse_address(true));
  socket.bind({asio::ip::address_v4::loopback(), 0});
  return socket.local_endpoint().port();
}

/// A packet: length and body.
inline std::string framed(const std::string& body) {
  Bytes length(4);
  store_be(length.data(), static_cast<std::int32_t>(body.size()));
  return std::string(as_text(length)) + body;
}

}  // namespace quorate::server
