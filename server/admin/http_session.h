// The private part of HttpServer: what its source files share. http_server.cc has ports and thread,
// http_session.cc a connection, http_tree_commands.cc what is done with whole trees.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/admin/http_routes.h"
#include "server/admin/http_server.h"

namespace quorate::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

inline constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
inline constexpr std::size_t kSentAtOnce = 256u << 10;
/// After so long without an answer of the event loop the server counts as hanging.
inline constexpr std::chrono::seconds kLoopPatience{2};
inline constexpr const char* kJson = "application/json";

class HttpSession;

/// One open port.
struct HttpPort {
  explicit HttpPort(asio::io_context& io) : acceptor(io), pause(io) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  bool metrics_only = false;
};

/// What sessions share. Held by each of them, because a job on the event loop may be the last to
/// let go of one.
struct HttpServer::Core : std::enable_shared_from_this<HttpServer::Core> {
  Core(const Config& given, AskLoop ask_loop, OpenSnapshotFile open_file,
       OpenReceivedSnapshot open_received, std::string text)
      : config(given),
        ask(std::move(ask_loop)),
        open_snapshot_file(std::move(open_file)),
        open_received_snapshot(std::move(open_received)),
        config_text(std::move(text)) {}

  std::unique_ptr<HttpPort> open(const std::string& address, std::int64_t number,
                                 const std::string& keys);
  void accept(HttpPort& port);
  void admit(tcp::socket socket, bool metrics_only);
  void end_all();
  /// Until end_all(); no page is worth the process.
  void run();

  const Config& config;
  const AskLoop ask;
  const OpenSnapshotFile open_snapshot_file;
  const OpenReceivedSnapshot open_received_snapshot;
  const std::string config_text;
  bool copying = false;    ///< One copy of the tree at a time.
  bool restoring = false;  ///< Likewise.
  std::optional<std::chrono::steady_clock::time_point> last_copy, last_restore;
  asio::io_context io{1};
  std::unique_ptr<HttpPort> admin, metrics;
  std::set<std::shared_ptr<HttpSession>> sessions;  ///< The admin thread's.
};

/// One connection: read a header, ask the loop, answer, again.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<HttpServer::Core> core, tcp::socket socket, bool metrics_only)
      : core_(std::move(core)),
        stream_(std::move(socket)),
        patience_(core_->io),
        metrics_only_(metrics_only) {}

  void read();
  void close();
  /// The longer a request is on its way, the sooner its connection makes room for another.
  std::chrono::steady_clock::time_point reading_since() const {
    return upload_ ? upload_->moved() : reading_since_;
  }

 private:
  using Response = http::response<http::string_body>;

  void on_header();
  void ask(unsigned wants);
  void on_facts(std::uint64_t question, AdminFacts facts);
  void wait(std::chrono::seconds limit);
  void on_silence();
  bool is_head() const;
  void answer(http::status status, const char* type, std::string body);
  void answer_command(const CommandRow& row, const AdminFacts& facts);
  void write();
  void linger();
  void discard();
  void count(void (*what)(CommandCounts& counts));

  // ---- The command snapshot --------------------------------------------------------------------
  void ask_admission();
  void on_admission(std::uint64_t question, bool serving, Admission admission);
  bool too_soon() const;
  void copy_tree();
  void on_copied(ErrorCode fault);
  void end_copy();
  void answer_snapshot();
  void send_snapshot();
  void refuse(http::status status, std::string_view error);

  // ---- The command restore ---------------------------------------------------------------------
  void receive_tree();
  void on_restored(http::status status, const std::string& error, Zxid zxid);

  std::shared_ptr<HttpServer::Core> core_;
  beast::tcp_stream stream_;
  asio::steady_timer patience_;
  const bool metrics_only_;
  beast::flat_buffer buffer_{kHeaderBytesMax};
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::chrono::steady_clock::time_point reading_since_;
  Route route_;
  std::optional<Response> response_;
  std::shared_ptr<TreeSpool> copy_;  ///< Until its file has been sent.
  bool sends_file_ = false;          ///< Else only what is known of it.
  bool copied_ = false;              ///< And nothing more is written to it.
  std::optional<http::response_serializer<http::empty_body>> header_;
  std::optional<http::response<http::empty_body>> head_;
  std::vector<std::byte> piece_;
  std::uint64_t sent_ = 0;
  std::uint64_t question_ = 0;  ///< An answer to an older one comes too late.
  std::shared_ptr<RestoreUpload> upload_;
  bool keep_alive_ = false;
  bool has_body_ = false;  ///< Of which nothing need have been read.
};

}  // namespace quorate::server
