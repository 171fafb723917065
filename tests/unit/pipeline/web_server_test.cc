#include "examples/pipeline/web/web_server.h"

#include <doctest/doctest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace pipeline;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;

std::unique_ptr<WebServer> started(const WebOptions& options, WebServer::Answer answer) {
  auto server = WebServer::start(options, std::move(answer));
  if (!server) FAIL(server.error().message);
  return std::move(*server);
}

WebResponse echo(const WebRequest& request) {
  WebResponse response;
  response.body = request.method + " " + request.path + " " + request.body;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  response.headers = {{"Content-Security-Policy", "default-src 'self'"}};
  return response;
}

tcp::socket connected(asio::io_context& io, const WebServer& server) {
  const std::string address = server.address();
  tcp::socket socket(io);
  const auto port = static_cast<unsigned short>(std::stoi(address.substr(address.rfind(':') + 1)));
  socket.connect({asio::ip::make_address("127.0.0.1"), port});
  return socket;
}

/// Everything until the server closes.
std::string rest_of(tcp::socket& socket) {
  std::string text;
  beast::error_code error;
  asio::read(socket, asio::dynamic_buffer(text), error);
  return text;
}

std::string ask(const WebServer& server, const std::string& request) {
  asio::io_context io;
  tcp::socket socket = connected(io, server);
  beast::error_code ignored;  // A server that has seen enough may close while we write.
  asio::write(socket, asio::buffer(request), ignored);
  return rest_of(socket);
}

std::string status_of(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}

std::string with_close(const std::string& first_line, const std::string& headers = "",
                       const std::string& body = "") {
  return first_line + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body;
}

/// A browser's end.
struct Socket {
  explicit Socket(const WebServer& server, const std::string& target = "/api/events",
                  const std::string& origin = "")
      : stream(connected(io, server)) {
    stream.set_option(websocket::stream_base::decorator([&](websocket::request_type& request) {
      if (!origin.empty()) request.set(beast::http::field::origin, origin);
    }));
    stream.handshake("127.0.0.1", target);
  }
  std::string next() {
    beast::flat_buffer buffer;
    stream.read(buffer);
    return beast::buffers_to_string(buffer.data());
  }

  asio::io_context io;
  websocket::stream<tcp::socket> stream;
};

std::string stream_in(const std::string& greeting) {
  const std::size_t at = greeting.find("\"stream\":\"") + 10;
  return greeting.substr(at, greeting.find('"', at) - at);
}

}  // namespace

TEST_CASE("web server: a request is answered with method, path, query and body as sent") {
  const auto server = started({}, echo);
  const std::string response =
      ask(*server, with_close("POST /hits/%C3%A4?a=1", "", "line 1\nline 2\n"));
  CHECK(status_of(response) == "HTTP/1.1 200 OK");
  CHECK(response.find("\r\n\r\nPOST /hits/\xC3\xA4 line 1\nline 2\n a=1") != std::string::npos);
  CHECK(response.find("Content-Security-Policy: default-src 'self'") != std::string::npos);
  CHECK(response.find("X-Content-Type-Options: nosniff") != std::string::npos);
  CHECK(response.find("Cache-Control: no-store") != std::string::npos);
}

TEST_CASE("web server: HEAD has the length and no body; a connection serves many requests") {
  const auto server = started({}, echo);
  const std::string both =
      ask(*server, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + with_close("GET /b"));
  CHECK(both.find("Content-Length: 7") != std::string::npos);
  CHECK(both.find("GET /a") == std::string::npos);
  CHECK(both.find("GET /b") != std::string::npos);
}

TEST_CASE("web server: a body that waits for leave gets it") {
  const auto server = started({}, echo);
  const std::string response =
      ask(*server, with_close("POST /x", "Expect: 100-continue\r\n", "abc"));
  CHECK(response.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_CASE("web server: what is no request is answered 400, and what is too large 413 or 431") {
  WebOptions options;
  options.body_bytes_max = 1'000;
  const auto server = started(options, echo);
  struct Row {
    std::string sent;
    const char* status;
  };
  for (const Row& row : {
           Row{"hello\r\n\r\n", "HTTP/1.1 400 Bad Request"},
           Row{"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400 Bad Request"},
           Row{std::string("\x16\x03\x01\x02\x00\x01\x00\xFF\r\n\r\n", 12),
               "HTTP/1.1 400 Bad Request"},
           Row{with_close("GET /%zz"), "HTTP/1.1 400 Bad Request"},
           Row{with_close("GET /", "Content-Length: x\r\n"), "HTTP/1.1 400 Bad Request"},
           Row{with_close("GET /api/events"), "HTTP/1.1 400 Bad Request"},
           Row{with_close("POST /x", "", std::string(1'001, 'a')),
               "HTTP/1.1 413 Payload Too Large"},
           Row{with_close("GET /", "X: " + std::string(20'000, 'a') + "\r\n"),
               "HTTP/1.1 431 Request Header Fields Too Large"},
       }) {
    CAPTURE(row.sent.substr(0, 60));
    const std::string response = ask(*server, row.sent);
    CHECK(status_of(response) == row.status);
    CHECK(response.find("{\"error\":") != std::string::npos);
  }
}

TEST_CASE("web server: what a handler throws is a 500 for one, and the server goes on") {
  const auto server = started({}, [](const WebRequest& request) -> WebResponse {
    if (request.path == "/bad") throw std::runtime_error("boom");
    return echo(request);
  });
  CHECK(status_of(ask(*server, with_close("GET /bad"))) == "HTTP/1.1 500 Internal Server Error");
  CHECK(status_of(ask(*server, with_close("GET /good"))) == "HTTP/1.1 200 OK");
}

TEST_CASE("web server: pages of other origins can look, but have no effect") {
  const auto server = started({}, echo);
  const std::string own = "Origin: http://127.0.0.1\r\n",
                    foreign = "Origin: http://evil.example\r\n";
  CHECK(status_of(ask(*server, with_close("POST /kill", own))) == "HTTP/1.1 200 OK");
  CHECK(status_of(ask(*server, with_close("POST /kill"))) == "HTTP/1.1 200 OK");  // No browser.
  CHECK(status_of(ask(*server, with_close("GET /status", foreign))) == "HTTP/1.1 200 OK");
  for (const std::string& headers :
       {foreign, std::string("Origin: null\r\n"), std::string("Sec-Fetch-Site: cross-site\r\n")}) {
    for (const char* line : {"POST /kill", "DELETE /kill", "PUT /kill"}) {
      CAPTURE(headers);
      CHECK(status_of(ask(*server, with_close(line, headers))) == "HTTP/1.1 403 Forbidden");
    }
  }
  CHECK_THROWS(Socket(*server, "/api/events", "http://evil.example"));
  CHECK_NOTHROW(Socket(*server, "/api/events", "http://127.0.0.1"));
}

TEST_CASE(
    "web server: a request that drips is closed after its limit, others are served meanwhile") {
  WebOptions options;
  options.header_limit = 100ms;
  options.body_limit = 100ms;
  const auto server = started(options, echo);
  for (const char* begun : {"GET / HT", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"}) {
    asio::io_context io;
    tcp::socket slow = connected(io, *server);
    asio::write(slow, asio::buffer(std::string(begun)));
    CHECK(status_of(ask(*server, with_close("GET /"))) == "HTTP/1.1 200 OK");
    CHECK(rest_of(slow) == "");
  }
}

TEST_CASE("web server: connections beyond the limit are told so") {
  WebOptions options;
  options.connections_max = 2;
  const auto server = started(options, echo);
  asio::io_context io;
  std::vector<tcp::socket> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(connected(io, *server));
    asio::write(held.back(), asio::buffer(std::string("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")));
    char first = 0;
    asio::read(held.back(), asio::buffer(&first, 1));  // Answered, so admitted.
  }
  const std::string refused = ask(*server, with_close("GET /b"));
  CHECK(status_of(refused) == "HTTP/1.1 503 Service Unavailable");
}

TEST_CASE("web events: a socket gets what is published from then on, in order") {
  const auto server = started({}, echo);
  server->publish("\"before\"");
  Socket a(*server), b(*server);
  const std::string greeting = a.next();
  CHECK(greeting.starts_with(R"({"n":1,"stream":")"));
  CHECK(b.next() == greeting);
  server->publish("{\"x\":1}");
  server->publish("{\"x\":2}");
  for (Socket* socket : {&a, &b}) {
    CHECK(socket->next() == R"({"n":2,"event":{"x":1}})");
    CHECK(socket->next() == R"({"n":3,"event":{"x":2}})");
  }
  CHECK(server->published() == 3);
}

TEST_CASE("web events: a socket that comes back goes on where it was, or is told what it missed") {
  WebOptions options;
  options.events_kept = 5;
  const auto server = started(options, echo);
  for (int i = 1; i <= 10; ++i) server->publish(std::to_string(i));
  std::string stream;
  {
    Socket socket(*server, "/api/events?after=7");
    const std::string greeting = socket.next();
    stream = stream_in(greeting);
    CHECK(greeting == "{\"n\":7,\"stream\":\"" + stream + "\"}");
    for (int i = 8; i <= 10; ++i) {
      CHECK(socket.next() ==
            "{\"n\":" + std::to_string(i) + ",\"event\":" + std::to_string(i) + "}");
    }
  }
  const std::string missed = "{\"n\":10,\"stream\":\"" + stream + "\",\"missed\":true}";
  // No longer kept; not there yet; of a server before this one.
  for (const char* query : {"after=4", "after=11", "after=7&stream=0123"}) {
    CAPTURE(query);
    Socket socket(*server, std::string("/api/events?") + query);
    CHECK(socket.next() == missed);
  }
  Socket same(*server, "/api/events?after=10&stream=" + stream);
  CHECK(same.next() == "{\"n\":10,\"stream\":\"" + stream + "\"}");
  for (const char* query : {"after=", "after=-1", "after=1x", "after=99999999999999999999"}) {
    CAPTURE(query);
    CHECK_THROWS(Socket(*server, std::string("/api/events?") + query));
  }
}

TEST_CASE("web events: a socket that does not read is closed, and holds up nobody") {
  WebOptions options;
  options.events_kept = 100'000;
  options.socket_queue_max = 200;
  const auto server = started(options, echo);
  Socket slow(*server), good(*server);
  good.next();
  const std::string large = "\"" + std::string(64 * 1024, 'x') + "\"";
  // More than the kernel takes for the slow one.
  for (int i = 0; i < 400; ++i) {
    server->publish(large);
    CHECK(good.next().size() > large.size());
  }
  const auto read_all = [&] {
    while (true) slow.next();
  };
  CHECK_THROWS(read_all());
}

TEST_CASE("web events: what a browser says is ignored, garbage ends its socket only") {
  const auto server = started({}, echo);
  Socket good(*server), loud(*server);
  good.next();
  loud.next();
  loud.stream.write(asio::buffer(std::string("hello")));
  asio::write(loud.stream.next_layer(), asio::buffer(std::string(64, '\xFF')));
  CHECK_THROWS(loud.next());
  server->publish("1");
  CHECK(good.next() == R"({"n":1,"event":1})");
}

TEST_CASE(
    "web server: the end waits for answers that are being made, and closes sockets properly") {
  std::mutex mutex;
  std::condition_variable bell;
  bool asked = false, go_on = false;
  auto server = started({}, [&](const WebRequest& request) {
    std::unique_lock lock(mutex);
    asked = true;
    bell.notify_all();
    bell.wait(lock, [&] { return go_on; });
    return echo(request);
  });
  Socket socket(*server);
  socket.next();
  auto answer = std::async(std::launch::async, [&] { return ask(*server, with_close("GET /x")); });
  {
    std::unique_lock lock(mutex);
    bell.wait(lock, [&] { return asked; });
  }
  std::thread end([&] { server.reset(); });
  beast::error_code why;
  beast::flat_buffer buffer;
  socket.stream.read(buffer, why);
  CHECK(why == websocket::error::closed);
  CHECK(socket.stream.reason().code == websocket::close_code::going_away);
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  bell.notify_all();
  CHECK(status_of(answer.get()) == "HTTP/1.1 200 OK");
  end.join();
}

TEST_CASE("web server: an address that cannot be had is named") {
  const auto server = started({}, echo);
  WebOptions options;
  options.listen = server->address();
  const auto second = WebServer::start(options, echo);
  REQUIRE(!second);
  CHECK(second.error().kind == FaultKind::Connection);
  CHECK(second.error().message.find(server->address()) != std::string::npos);
  for (const char* bad :
       {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:99999", "::1:80", "a:b"}) {
    CAPTURE(bad);
    options.listen = bad;
    const auto refused = WebServer::start(options, echo);
    REQUIRE(!refused);
    CHECK(refused.error().kind == FaultKind::BadArgument);
  }
}
