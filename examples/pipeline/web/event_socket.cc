#include "examples/pipeline/web/event_socket.h"

#include <algorithm>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <charconv>
#include <utility>

namespace pipeline {

namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

/// Nothing that a browser says matters, so it need not say much.
constexpr std::size_t kMessageBytesMax = 1'024;

/// A reading place in the log: events wait there, once for all sockets, not in a queue per socket.
class EventSocket : public WebConnection, public std::enable_shared_from_this<EventSocket> {
 public:
  EventSocket(WebServer::State& state, beast::tcp_stream stream, std::uint64_t place,
              std::string greeting)
      : state_(state),
        socket_(std::move(stream)),
        place_(place),
        sending_(std::make_shared<const std::string>(std::move(greeting))) {
    ++state_.sockets;
  }
  ~EventSocket() override { --state_.sockets; }

  template <class Request>
  void start(const Request& request);
  void finish() override;
  void close() override;
  void deliver() override;

 private:
  void write();
  void read();
  void drop();

  WebServer::State& state_;
  websocket::stream<beast::tcp_stream> socket_;
  beast::flat_buffer heard_{kMessageBytesMax};
  std::uint64_t place_;  ///< Number of the last event that was sent, or is being.
  EventText sending_;    ///< None: nothing is.
  bool open_ = false;
  bool closed_ = false;
};

template <class Request>
void EventSocket::start(const Request& request) {
  beast::get_lowest_layer(socket_).expires_never();  // The stream has a clock of its own.
  websocket::stream_base::timeout limits;
  limits.handshake_timeout = state_.options.write_limit;
  limits.idle_timeout = state_.options.write_limit;
  limits.keep_alive_pings = true;  // A browser that is gone without a word is found out.
  socket_.set_option(limits);
  socket_.read_message_max(kMessageBytesMax);
  socket_.text(true);
  socket_.async_accept(request, [self = shared_from_this()](beast::error_code error) {
    if (error || self->closed_) return self->close();
    self->open_ = true;
    self->read();
    self->write();
  });
}

void EventSocket::write() {
  socket_.async_write(asio::buffer(*sending_),
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        if (error) return self->close();
                        self->sending_.reset();
                        self->deliver();
                      });
}

void EventSocket::deliver() {
  if (!open_ || closed_) return;
  // Too far behind: it comes back, and asks for what it has missed.
  const std::uint64_t last = state_.log.last();
  if (last - place_ > state_.options.socket_queue_max) return drop();
  if (sending_) return;
  sending_ = state_.log.after(place_);
  if (!sending_) {
    if (last > place_) drop();
    return;
  }
  ++place_;
  write();
}

void EventSocket::read() {
  socket_.async_read(heard_, [self = shared_from_this()](beast::error_code error, std::size_t) {
    if (error) return self->close();
    self->heard_.clear();
    self->read();
  });
}

void EventSocket::finish() {
  if (!open_ || sending_) return close();
  open_ = false;
  socket_.async_close(websocket::close_code::going_away,
                      [self = shared_from_this()](beast::error_code) { self->close(); });
}

/// Without waiting until what is on its way has been read: it is not being read.
void EventSocket::drop() {
  beast::error_code ignored;
  beast::get_lowest_layer(socket_).socket().set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void EventSocket::close() {
  if (closed_) return;
  closed_ = true;
  beast::get_lowest_layer(socket_).close();
  state_.leave(shared_from_this());
}

}  // namespace

std::string serve_events(WebServer::State& state, beast::tcp_stream& stream,
                         const beast::http::request_parser<beast::http::string_body>& parser,
                         const WebRequest& request) {
  std::uint64_t place = state.log.last();
  bool missed = false;
  if (const auto after = request.query.find("after"); after != request.query.end()) {
    const std::string& text = after->second;
    std::uint64_t asked = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), asked);
    if (error != std::errc() || end != text.data() + text.size()) {
      return "after=" + text + " is no number of an event";
    }
    const auto stream_name = request.query.find("stream");
    missed = (stream_name != request.query.end() && stream_name->second != state.stream) ||
             !state.log.keeps_after(asked) ||
             state.log.last() - asked > state.options.socket_queue_max;
    if (!missed) place = asked;
  }
  const std::string greeting = "{\"n\":" + std::to_string(place) + ",\"stream\":\"" + state.stream +
                               (missed ? "\",\"missed\":true}" : "\"}");
  const auto socket = std::make_shared<EventSocket>(state, std::move(stream), place, greeting);
  state.admit(socket);
  socket->start(parser.get());
  return "";
}

}  // namespace pipeline
