#include "examples/pipeline/web/http_session.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "examples/pipeline/web/event_socket.h"
#include "examples/pipeline/web/web_target.h"

namespace pipeline {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint32_t kHeaderBytesMax = 16 * 1024;
/// How long a client may take to see why it is being closed.
constexpr std::chrono::seconds kLinger{1};

class HttpSession : public WebConnection, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(WebServer::State& state, tcp::socket socket, bool refuse)
      : state_(state), stream_(std::move(socket)), refuse_(refuse) {}

  void read();
  void finish() override;
  void close() override;

 private:
  using Response = http::response<http::string_body>;

  void on_header(beast::error_code error);
  void on_unreadable(beast::error_code error);
  void read_body();
  void upgrade();
  void ask();
  std::string fault_of_origin() const;
  void fail(int status, std::string_view text);
  void answer(WebResponse made);
  void linger();

  WebServer::State& state_;
  beast::tcp_stream stream_;
  const bool refuse_;
  beast::flat_buffer buffer_{kHeaderBytesMax + 64 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<Response> response_;
  WebRequest request_;
  bool waiting_ = false;  ///< For a request that has not begun, as far as is known.
  bool keep_alive_ = false;
};

void HttpSession::read() {
  response_.reset();
  parser_.emplace();
  parser_->header_limit(kHeaderBytesMax);
  parser_->body_limit(state_.options.body_bytes_max);
  waiting_ = true;
  // For the whole header, however slowly it drips.
  stream_.expires_after(state_.options.header_limit);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            self->on_header(error);
                          });
}

void HttpSession::on_header(beast::error_code error) {
  waiting_ = false;
  if (error) return on_unreadable(error);
  const auto& header = parser_->get();
  keep_alive_ = header.keep_alive();
  if (refuse_) return fail(503, "too many connections; try again");
  if (!parse_target({header.target().data(), header.target().size()}, request_)) {
    return fail(400, "the target of the request cannot be read: a path in UTF-8 with %XX");
  }
  request_.method = std::string(header.method_string());
  if (const std::string fault = fault_of_origin(); !fault.empty()) return fail(403, fault);
  if (request_.path == state_.options.events_path) return upgrade();
  if (!beast::iequals(header[http::field::expect], "100-continue")) return read_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kContinue),
                    [self = shared_from_this()](beast::error_code unwritten, std::size_t) {
                      unwritten ? self->close() : self->read_body();
                    });
}

/// Whoever sent no request gets no answer; whoever sent a bad one is told.
void HttpSession::on_unreadable(beast::error_code error) {
  if (error == http::error::body_limit) {
    return fail(413, "the body is larger than " + std::to_string(state_.options.body_bytes_max) +
                         " bytes: send it in parts");
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return fail(431, "the header is larger than " + std::to_string(kHeaderBytesMax) + " bytes");
  }
  const bool of_http = error.category() == beast::error_code(http::error::end_of_stream).category();
  if (of_http && error != http::error::end_of_stream && error != http::error::partial_message) {
    return fail(400, "this is no HTTP/1 request: " + error.message());
  }
  close();
}

void HttpSession::read_body() {
  stream_.expires_after(state_.options.body_limit);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](beast::error_code error, std::size_t) {
                     if (error) return self->on_unreadable(error);
                     self->stream_.expires_never();
                     self->ask();
                   });
}

/// Browsers name the page that asks. What has no effect anybody may ask: the browser keeps the
/// answer from foreign pages.
std::string HttpSession::fault_of_origin() const {
  const auto& header = parser_->get();
  const bool harmless = header.method() == http::verb::get || header.method() == http::verb::head;
  if (harmless && request_.path != state_.options.events_path) return "";
  const auto text = [&](auto name) {
    const auto value = header[name];
    return std::string_view(value.data(), value.size());
  };
  const std::string_view site = text("Sec-Fetch-Site");
  const bool foreign = !site.empty() && site != "same-origin" && site != "none";
  const std::string_view origin = text(http::field::origin);
  if (!foreign &&
      (origin.empty() || same_origin(origin, text(http::field::host), state_.options.host_names))) {
    return "";
  }
  return "only pages of this server may do that, not those of " + std::string(origin);
}

void HttpSession::upgrade() {
  if (!beast::websocket::is_upgrade(parser_->get())) {
    return fail(400, request_.path + " is a WebSocket: ask for it by an upgrade");
  }
  const auto self = shared_from_this();
  if (std::string fault = serve_events(state_, stream_, *parser_, request_); !fault.empty()) {
    return fail(400, fault);
  }
  state_.leave(self);
}

void HttpSession::ask() {
  request_.body = std::move(parser_->get().body());
  if (request_.method == "HEAD") request_.method = "GET";
  // One request of a connection at a time: so no more wait for the pool than connections are let
  // in.
  asio::post(*state_.pool, [self = shared_from_this()] {
    WebResponse made;
    try {
      made = self->state_.answer(self->request_);
    } catch (const std::exception& error) {
      made = web_error(500, std::string("this should not happen: ") + error.what());
    }
    asio::post(self->state_.io,
               [self, made = std::move(made)]() mutable { self->answer(std::move(made)); });
  });
}

void HttpSession::fail(int status, std::string_view text) {
  keep_alive_ = false;  // Of its body nothing was read.
  answer(web_error(status, text));
}

void HttpSession::answer(WebResponse made) {
  if (!stream_.socket().is_open()) return;
  const bool head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  response_.emplace(static_cast<http::status>(made.status), 11);
  response_->set(http::field::content_type, made.content_type);
  response_->set(http::field::cache_control, "no-store");
  response_->set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : made.headers) response_->set(name, value);
  response_->content_length(made.body.size());
  if (!head) response_->body() = std::move(made.body);
  response_->keep_alive(keep_alive_ && !state_.stopping);
  stream_.expires_after(state_.options.write_limit);
  http::async_write(stream_, *response_,
                    [self = shared_from_this()](beast::error_code error, std::size_t) {
                      if (error) return self->close();
                      self->response_->keep_alive() ? self->read() : self->linger();
                    });
}

/// To close on bytes that were not read would throw away the answer that is on its way.
void HttpSession::linger() {
  beast::error_code error;
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  if (error) return close();
  buffer_.clear();
  stream_.expires_after(kLinger);
  struct Drain {
    std::shared_ptr<HttpSession> self;
    void operator()(beast::error_code ended, std::size_t size) {
      if (ended) return self->close();
      if (size > 0) self->buffer_.clear();
      HttpSession& session = *self;
      session.stream_.async_read_some(session.buffer_.prepare(16 * 1024), std::move(*this));
    }
  };
  Drain{shared_from_this()}({}, 0);
}

void HttpSession::finish() {
  if (waiting_) close();
}

void HttpSession::close() {
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
  state_.leave(shared_from_this());
}

}  // namespace

void serve_http(WebServer::State& state, tcp::socket socket, bool refuse) {
  const auto session = std::make_shared<HttpSession>(state, std::move(socket), refuse);
  state.admit(session);
  session->read();
}

}  // namespace pipeline
