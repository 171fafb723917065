#include "examples/pipeline/web/web_server.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <utility>

#include "examples/pipeline/web/http_session.h"
#include "examples/pipeline/web/web_state.h"

namespace pipeline {

namespace {

/// Connections beyond the limit that are told so; more are closed without a word.
constexpr std::size_t kRefusedMax = 32;
/// Out of descriptors or memory: a pause instead of a spin.
constexpr std::chrono::milliseconds kAcceptPause{200};

std::string new_stream_name() {
  std::random_device random;
  char text[17];
  std::snprintf(text, sizeof text, "%08x%08x", random(), random());
  return text;
}

/// Host and port of "HOST:PORT" or "[IPV6]:PORT".
std::optional<std::pair<std::string, std::string>> split(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::string host = listen.substr(0, colon), port = listen.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(port) > 65'535) return std::nullopt;
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  return std::pair(std::move(host), std::move(port));
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
         std::to_string(endpoint.port());
}

}  // namespace

WebServer::State::State(WebOptions given, Answer make_answer)
    : options(std::move(given)),
      answer(std::move(make_answer)),
      stream(new_stream_name()),
      log(options.events_kept) {}

Result<> WebServer::State::open() {
  const auto parts = split(options.listen);
  if (!parts) {
    return Fault{FaultKind::BadArgument,
                 "'" + options.listen + "' is no address to listen on: HOST:PORT or [IPV6]:PORT"};
  }
  boost::system::error_code error;
  const auto found =
      tcp::resolver(io).resolve(parts->first, parts->second, tcp::resolver::passive, error);
  if (!error) {
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return Fault{FaultKind::Connection,
                 "cannot listen on " + options.listen + ": " + error.message()};
  }
  bound = text_of(acceptor_.local_endpoint());
  return {};
}

void WebServer::State::run() {
  pool = std::make_unique<asio::thread_pool>(std::max<std::size_t>(options.answer_threads, 1));
  accept();
  thread_ = std::thread([this] { io.run(); });
}

WebServer::State::~State() {
  if (!thread_.joinable()) return;
  asio::post(io, [this] { stop(); });
  thread_.join();
  pool->stop();  // What nobody waits for any more need not be answered.
  pool->join();
}

void WebServer::State::stop() {
  stopping = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (const auto& connection : std::set(connections_)) connection->finish();
  if (connections_.empty()) return;
  grace_.expires_after(options.stop_limit);
  grace_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    for (const auto& connection : std::set(connections_)) connection->close();
    io.stop();  // An answer that is still being made finds nobody.
  });
}

void WebServer::State::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (stopping || error == asio::error::operation_aborted) return;
    if (error) {
      pause_.expires_after(kAcceptPause);
      return pause_.async_wait([this](boost::system::error_code ended) {
        if (!ended && !stopping) accept();
      });
    }
    // An event is small, and somebody waits for it.
    socket.set_option(tcp::no_delay(true), error);
    if (connections_.size() < options.connections_max + kRefusedMax) {
      serve_http(*this, std::move(socket),
                 /*refuse=*/connections_.size() >= options.connections_max);
    }
    accept();
  });
}

void WebServer::State::admit(std::shared_ptr<WebConnection> connection) {
  connections_.insert(std::move(connection));
}

void WebServer::State::leave(const std::shared_ptr<WebConnection>& connection) {
  connections_.erase(connection);
  if (stopping && connections_.empty()) grace_.cancel();
}

void WebServer::State::publish(const std::string& json) {
  log.add(json);
  if (delivering_.exchange(true)) return;
  asio::post(io, [this] {
    delivering_ = false;
    for (const auto& connection : std::set(connections_)) connection->deliver();
  });
}

// --- WebServer -------------------------------------------------------------------------------

Result<std::unique_ptr<WebServer>> WebServer::start(const WebOptions& options, Answer answer) {
  auto state = std::make_unique<State>(options, std::move(answer));
  if (Result<> opened = state->open(); !opened) return opened.error();
  state->run();
  return std::unique_ptr<WebServer>(new WebServer(std::move(state)));
}

WebServer::WebServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
WebServer::~WebServer() = default;

std::string WebServer::address() const {
  return state_->bound;
}

void WebServer::publish(const std::string& json) {
  state_->publish(json);
}

std::uint64_t WebServer::published() const {
  return state_->log.last();
}

std::size_t WebServer::sockets() const {
  return state_->sockets;
}

}  // namespace pipeline
