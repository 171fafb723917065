// Election-port connections (zab-protocol section 2): one stream per pair of servers, opened by the
// larger id; one waiting vote per peer, a newer one replaces it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "consensus/codec.h"
#include "consensus/ensemble.h"
#include "consensus/messages.h"
#include "server/net/acceptor.h"
#include "server/net/byte_stream.h"
#include "server/net/dial.h"
#include "server/net/inbox.h"
#include "server/net/peer_tls.h"
#include "server/net/token_bucket.h"
#include "server/sasl/peer_login.h"

namespace quorate::server {

struct ElectionLinkOptions {
  ServerId self;
  consensus::Ensemble ensemble;  ///< Until set_members().
  /// Servers that the config does not name are let in (reconfigEnabled): one that is to join, one
  /// that has been removed and follows on.
  bool strangers = false;
  std::string listen_address;  ///< Empty: all addresses.
  std::uint16_t listen_port = 0;
  std::int64_t connect_timeout_ms = 5000;
  std::int64_t handshake_timeout_ms = 10000;  ///< To say who it is.
  std::size_t half_open_max = 64;             ///< Connections that have not said it yet.
  bool tcp_keep_alive = false;                ///< Whether the kernel probes silent streams.
  PeerTls* tls = nullptr;                     ///< nullptr: all links are plain. Outlives them.
  PeerSasl sasl;                              ///< Outlives them.
};

/// Owned by the event loop. Accepts only the ids of the config and connects back only to its
/// addresses, whatever an initial message says: without TLS nobody here has proved anything (hazard
/// R40). Strangers, where they are allowed at all, are few, and called back only so often.
class ElectionLinks {
 public:
  ElectionLinks(boost::asio::io_context& io, ElectionLinkOptions options, Random random,
                Inbox& inbox);
  ~ElectionLinks();

  ErrorCode listen();
  void start();
  void stop();
  std::uint16_t port() const { return acceptor_.port(); }
  void sweep(std::int64_t now_ms);
  /// Streams that exist stay, but for those to an address that has changed.
  void set_members(const std::vector<consensus::Member>& members);

  void vote(ServerId to, const consensus::Notification& notification);

 private:
  class Link;
  struct Peer;
  using LinkPtr = std::shared_ptr<Link>;

  void on_socket(PeerSocket socket);
  LinkPtr make_link(PeerSocket socket);
  void on_identified(const LinkPtr& link, const consensus::InitialMessage& message);
  void on_login_done(const LinkPtr& link);
  void on_login_failed(const LinkPtr& link, const std::string& reason);
  void connect_back(Peer& peer);
  void count_knock(Peer& peer, const Link& link);
  void note_twin(ServerId id, const Link& link);
  void connect(Peer& peer);
  void on_connected(Peer& peer, const ErrorCode& error, PeerSocket socket);
  void on_opened(Peer& peer, const LinkPtr& link);
  void give_up_login(Peer& peer);
  void adopt(Peer& peer, LinkPtr link);
  void push(Peer& peer);
  void retry_later(Peer& peer, std::int64_t base_ms);
  void on_frame(ServerId from, ByteView body);
  void on_link_end(const LinkPtr& link);
  void on_lost_stream(const LinkPtr& link);
  void on_link_drained(const LinkPtr& link);
  void refuse(const LinkPtr& link);
  Peer* find(ServerId id);
  Peer* admit_stranger(const consensus::InitialMessage& message);
  bool make_room_for_stranger();
  void set_member(const consensus::Member& member);
  void listen_as(const consensus::Member& self);
  void forget_strangers();

  boost::asio::io_context& io_;
  const ElectionLinkOptions options_;
  std::optional<consensus::Member> self_;  ///< Own line of the config, or of the last that had it.
  Random random_;
  Inbox& inbox_;
  PeerEntrance entrance_;
  Acceptor acceptor_;
  ReadBuffer read_buffer_;
  Bytes initial_message_;
  std::map<ServerId, std::unique_ptr<Peer>> peers_;
  std::set<LinkPtr> half_open_;
  TokenBucket calls_to_strangers_;
  std::uint64_t refused_ = 0;      ///< Since the last sweep: one log line for many.
  std::uint64_t refused_tls_ = 0;  ///< Of them, those that spoke TLS to a plain port.
  std::uint64_t malformed_ = 0;
  std::uint64_t lost_streams_ = 0;  ///< Frames of impossible lengths.
  std::uint64_t twins_ = 0;         ///< Knocks under an id that another server has.
  std::chrono::steady_clock::time_point twin_told_at_ =
      std::chrono::steady_clock::time_point() - std::chrono::hours(1);
  std::string last_refused_, last_lost_, last_twin_;
  bool stopped_ = false;
};

}  // namespace quorate::server
