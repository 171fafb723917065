#include "server/admin/http_server.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <fstream>
#include <iterator>

#include "server/admin/http_session.h"
#include "server/log/log.h"

namespace quorate::server {

namespace {

constexpr std::size_t kConnectionsMax = 64;
constexpr std::size_t kConfigTextMax = 256 * 1024;
/// Out of descriptors or memory: a pause instead of a spin.
constexpr std::chrono::milliseconds kAcceptPause{500};

std::string read_config_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  text.resize(std::min(text.size(), kConfigTextMax));
  return text;
}

std::uint16_t port_of(const std::unique_ptr<HttpPort>& port) {
  beast::error_code ignored;
  if (!port) return 0;
  return port->acceptor.local_endpoint(ignored).port();
}

}  // namespace

// ---- Ports ------------------------------------------------------------------------------------

/// Nothing, with a warning that names the keys, when it cannot be opened.
std::unique_ptr<HttpPort> HttpServer::Core::open(const std::string& address, std::int64_t number,
                                                 const std::string& keys) {
  auto port = std::make_unique<HttpPort>(io);
  beast::error_code error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(address, std::to_string(number),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  const tcp::endpoint endpoint = error ? tcp::endpoint() : found.begin()->endpoint();
  if (!error) port->acceptor.open(endpoint.protocol(), error);
  if (!error) port->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) port->acceptor.bind(endpoint, error);
  if (!error) port->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return port;
  log::warn("http-port-not-open address=" + address + ':' + std::to_string(number) + " error=\"" +
            error.message() + "\" remedy=\"these pages are missing; choose another " + keys + "\"");
  return nullptr;
}

void HttpServer::Core::accept(HttpPort& port) {
  port.acceptor.async_accept(
      [self = shared_from_this(), &port](beast::error_code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
          self->admit(std::move(socket), port.metrics_only);
          return self->accept(port);
        }
        port.pause.expires_after(kAcceptPause);
        port.pause.async_wait([self, &port](beast::error_code stopped) {
          if (!stopped) self->accept(port);
        });
      });
}

/// Full: whoever has been sending a request for the longest time gives way.
void HttpServer::Core::admit(tcp::socket socket, bool metrics_only) {
  if (sessions.size() >= kConnectionsMax) {
    const auto slowest =
        std::min_element(sessions.begin(), sessions.end(), [](const auto& left, const auto& right) {
          return left->reading_since() < right->reading_since();
        });
    const std::shared_ptr<HttpSession> leaves = *slowest;
    leaves->close();
  }
  auto session = std::make_shared<HttpSession>(shared_from_this(), std::move(socket), metrics_only);
  sessions.insert(session);
  session->read();
}

void HttpServer::Core::run() {
  while (true) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      log::error(std::string("admin-page-failed error=\"") + error.what() + '"');
    }
  }
}

void HttpServer::Core::end_all() {
  for (const auto& port : {admin.get(), metrics.get()}) {
    if (port == nullptr) continue;
    beast::error_code ignored;
    port->acceptor.close(ignored);
    port->pause.cancel();
  }
  for (const auto& session : std::set(sessions)) session->close();
}

// ---- The face ---------------------------------------------------------------------------------

HttpServer::HttpServer(const Config& config, AskLoop ask, OpenSnapshotFile open_file,
                       OpenReceivedSnapshot open_received)
    : core_(std::make_shared<Core>(config, std::move(ask), std::move(open_file),
                                   std::move(open_received), read_config_text(config.file))) {}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::start() {
  const AdminConfig& admin = core_->config.admin;
  const MetricsConfig& metrics = core_->config.metrics;
  if (admin.enable_server) {
    core_->admin =
        core_->open(admin.address, admin.port, "admin.serverPort or admin.serverAddress");
  }
  if (metrics.prometheus()) {
    core_->metrics = core_->open(metrics.address, metrics.port,
                                 "metricsProvider.httpPort or metricsProvider.httpHost");
  }
  if (!core_->admin && !core_->metrics) return;
  if (core_->admin) core_->accept(*core_->admin);
  if (core_->metrics) {
    core_->metrics->metrics_only = true;
    core_->accept(*core_->metrics);
  }
  log::info("listening admin=" + std::to_string(admin_port()) +
            " metrics=" + std::to_string(metrics_port()));
  thread_ = std::thread([core = core_] {
    ::pthread_setname_np(::pthread_self(), "quorate-admin");
    core->run();
  });
}

void HttpServer::stop() {
  if (!thread_.joinable()) return;
  asio::post(core_->io, [core = core_] { core->end_all(); });
  thread_.join();
}

std::uint16_t HttpServer::admin_port() const {
  return port_of(core_->admin);
}
std::uint16_t HttpServer::metrics_port() const {
  return port_of(core_->metrics);
}

}  // namespace quorate::server
