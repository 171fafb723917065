// Quorum-port connections: bytes straight to the inbox, packets out through a bounded queue.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "consensus/ensemble.h"
#include "consensus/messages.h"
#include "server/net/acceptor.h"
#include "server/net/byte_stream.h"
#include "server/net/dial.h"
#include "server/net/inbox.h"
#include "server/net/peer_tls.h"
#include "server/sasl/peer_login.h"

namespace quorate::server {

struct PeerLinkOptions {
  ServerId self;
  consensus::Ensemble ensemble;  ///< Until set_members().
  std::string listen_address;    ///< Empty: all addresses.
  std::uint16_t listen_port = 0;
  std::int64_t connect_timeout_ms = 5000;
  std::size_t out_bytes_max = 64u << 20;
  /// An accepted link must say something by then; a login must be over.
  std::int64_t silent_timeout_ms = 10000;
  std::size_t accepted_max = 256;  ///< Links opened by others; more are closed at once.
  PeerTls* tls = nullptr;          ///< nullptr: all links are plain. Outlives them.
  PeerSasl sasl;                   ///< Outlives them.
};

/// Owned by the event loop. A link is up once who has to has logged in. Every link that was up gets
/// exactly one on_link_down.
class PeerLinks {
 public:
  PeerLinks(boost::asio::io_context& io, PeerLinkOptions options, Inbox& inbox);
  ~PeerLinks();

  ErrorCode listen();
  void start();
  void stop();  ///< Closes all; nothing is told any more.
  std::uint16_t port() const { return acceptor_.port(); }
  void sweep(std::int64_t now_ms);
  /// Attempts under way go to the new addresses from their next try on.
  void set_members(std::vector<consensus::Member> members);

  void open(ServerId peer);
  void cancel(ServerId peer);
  void close(LinkId link);
  void send(LinkId link, const consensus::QuorumPacket& packet);
  void send_raw(LinkId link, const SharedBytes& bytes);
  std::size_t queued_bytes(LinkId link) const;
  void flush();

 private:
  class Link;
  struct Opening;
  void dial(Opening& opening);
  void retry(Opening& opening, const ErrorCode& error);
  void admit(PeerSocket socket);
  void add(PeerSocket socket, std::optional<ServerId> opened_to);
  void announce(Link& link);
  void on_login_failed(Link& link, const std::string& reason);
  void end(LinkId link);
  Link* find(LinkId link) const;
  const consensus::Member* member(ServerId id) const;
  void listen_as(const consensus::Member& self);

  boost::asio::io_context& io_;
  const PeerLinkOptions options_;
  Inbox& inbox_;
  PeerEntrance entrance_;
  Acceptor acceptor_;
  ReadBuffer read_buffer_;
  std::vector<consensus::Member> members_;
  std::unordered_map<LinkId, std::shared_ptr<Link>> links_;
  std::map<ServerId, std::unique_ptr<Opening>> openings_;
  std::vector<LinkId> unflushed_;
  Bytes scratch_;  ///< One packet at a time on its way into a link's queue.
  std::int64_t last_id_ = 0;
  std::int64_t now_ms_ = 0;
  bool stopped_ = false;
};

}  // namespace quorate::server
