#include "server/net/election_links.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cctype>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "consensus/member_text.h"
#include "server/net/election_link.h"
#include "server/net/steady_ms.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kFirstRetryMs = 20;
constexpr std::int64_t kLastRetryMs = 500;
/// After a knock the larger id connects back at once; if it does not, we knock again.
constexpr std::int64_t kKnockAgainMs = 500;
/// A knock that crossed our own connection must not tear it down again; and nobody makes us
/// reconnect more often than this (R40).
constexpr milliseconds kConnectBackEvery{100};

/// A server that has lost its stream knocks once, and the call back reaches it. Whoever knocks on
/// while calls succeed is not the one that is called.
constexpr int kKnocksOfTwin = 4;
constexpr std::chrono::seconds kKnocksForgottenAfter{10};
constexpr std::chrono::seconds kTwinToldEvery{60};

/// Servers that no config names. Each may make us connect to an address of its choice, so these are
/// few, and so are the calls to all of them together.
constexpr std::size_t kStrangersMax = 16;
constexpr std::int64_t kServerIdMax = 255;
constexpr std::int64_t kCallsToStrangers = 8;
constexpr std::int64_t kCallAgainMs = 200;
constexpr std::chrono::seconds kStrangerForgottenAfter{60};

/// Who logs in does so behind its first message; who need not, and is silent, has nothing to say.
constexpr std::chrono::seconds kLoginBeginsWithin{1};
constexpr const char* kLoginLate = "the login is not over in time";

bool same_election_address(const consensus::Member& a, const consensus::Member& b) {
  return a.host == b.host && a.election_port == b.election_port;
}

/// What a name or an address may consist of; these bytes reach the log and the resolver.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
         });
}

/// What a stranger says of itself; nothing when that is no address.
std::optional<consensus::Member> member_of(const consensus::InitialMessage& message) {
  const std::string_view first =
      std::string_view(message.address).substr(0, message.address.find('|'));
  const auto address = consensus::parse_host_port(first);
  if (!address || !is_host(address->host)) return std::nullopt;
  consensus::Member member;
  member.id = message.sid;
  member.host = address->host;
  member.election_port = address->port;
  return member;
}

std::string host_port(const consensus::Member& member) {
  const bool v6 = member.host.find(':') != std::string::npos;
  return (v6 ? '[' + member.host + ']' : member.host) + ':' + std::to_string(member.election_port);
}

}  // namespace

/// Another server.
struct ElectionLinks::Peer {
  Peer(asio::io_context& io, const consensus::Member& its_line) : member(its_line), retry(io) {}
  ~Peer() {
    if (attempt) attempt->cancel();
  }

  consensus::Member member;
  bool stranger = false;  ///< No config names it.
  SteadyClock::time_point seen_at =
      SteadyClock::now();         ///< Of a stranger: its last initial message.
  LinkPtr link;                   ///< The one stream.
  SteadyClock::time_point up_at;  ///< When `link` came.
  Bytes latest;                   ///< Frame of the last vote: sent again on each fresh stream.
  bool unsent = false;
  std::shared_ptr<Dial> attempt;
  LinkPtr login;             ///< Opened by us; a login is under way on it.
  bool login_ended = false;  ///< The last one, with its connection.
  asio::steady_timer retry;
  bool retry_armed = false;
  std::int64_t retry_ms = kFirstRetryMs;
  int knocks = 0;  ///< Of late, while `link` was up.
  SteadyClock::time_point knocked_at;
};

ElectionLinks::ElectionLinks(asio::io_context& io, ElectionLinkOptions options, Random random,
                             Inbox& inbox)
    : io_(io),
      options_(std::move(options)),
      random_(random),
      inbox_(inbox),
      entrance_(options_.tls, "election",
                [this](PeerSocket socket) { on_socket(std::move(socket)); }),
      acceptor_(
          io,
          [this](ByteStream::Socket socket, const asio::ip::tcp::endpoint&) {
            entrance_.take(std::move(socket));
          },
          [this](const std::string& text) {
            inbox_.note('W', "election-accept error=\"" + text + '"');
          }),
      read_buffer_(kReadBufferBytes),
      calls_to_strangers_(kCallsToStrangers, kCallAgainMs, 1) {
  for (const consensus::Member& member : options_.ensemble.members()) {
    if (member.id == options_.self) {
      self_ = member;
      initial_message_ = consensus::encode(consensus::InitialMessage{member.id, host_port(member)});
    } else {
      peers_[member.id] = std::make_unique<Peer>(io, member);
    }
  }
}

ElectionLinks::~ElectionLinks() = default;

ErrorCode ElectionLinks::listen() {
  return acceptor_.listen(options_.listen_address, options_.listen_port, -1);
}

void ElectionLinks::start() {
  acceptor_.start();
}

void ElectionLinks::stop() {
  stopped_ = true;
  acceptor_.stop();
  entrance_.close();
  half_open_.clear();
  peers_.clear();
}

ElectionLinks::Peer* ElectionLinks::find(ServerId id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

// ---- Members
// -------------------------------------------------------------------------------------

/// No Peer goes here: one of its calls may be what has led to this.
void ElectionLinks::set_members(const std::vector<consensus::Member>& members) {
  if (stopped_) return;
  for (auto& [id, peer] : peers_) {
    const bool named = std::any_of(members.begin(), members.end(),
                                   [id = id](const auto& member) { return member.id == id; });
    if (named || peer->stranger) continue;
    peer->stranger = true;
    peer->seen_at = SteadyClock::now();
  }
  for (const consensus::Member& member : members) {
    if (member.id == options_.self) {
      listen_as(member);
    } else {
      set_member(member);
    }
  }
}

void ElectionLinks::set_member(const consensus::Member& member) {
  std::unique_ptr<Peer>& peer = peers_[member.id];
  if (!peer) {
    peer = std::make_unique<Peer>(io_, member);
    return;
  }
  const bool moved = !same_election_address(peer->member, member);
  peer->member = member;
  peer->stranger = false;
  if (!moved) return;
  if (peer->link) peer->link->stream().finish();
  peer->link.reset();
  if (peer->attempt) peer->attempt->cancel();
  peer->attempt.reset();
  give_up_login(*peer);
  push(*peer);
}

void ElectionLinks::listen_as(const consensus::Member& self) {
  const bool moved = !self_ || !same_election_address(*self_, self);
  self_ = self;
  if (!moved) return;
  initial_message_ = consensus::encode(consensus::InitialMessage{self.id, host_port(self)});
  const std::string address = options_.listen_address.empty() ? std::string() : self.host;
  if (self.election_port == port() && address.empty()) return;
  const ErrorCode error = acceptor_.move_to(address, self.election_port, -1);
  if (!error) return inbox_.note('I', "election-port-moved address=" + host_port(self));
  inbox_.note('E', "election-port-not-moved address=" + host_port(self) + " error=\"" +
                       error.message() +
                       "\" remedy=\"make the address free, then restart this server\"");
}

/// nullptr: it may not come in, or says no address at which it could be called.
ElectionLinks::Peer* ElectionLinks::admit_stranger(const consensus::InitialMessage& message) {
  if (!options_.strangers || message.sid == options_.self) return nullptr;
  if (message.sid < ServerId{0} || message.sid.value > kServerIdMax) return nullptr;
  const auto member = member_of(message);
  if (!member || !make_room_for_stranger()) return nullptr;
  auto peer = std::make_unique<Peer>(io_, *member);
  peer->stranger = true;
  inbox_.note(
      'I', "election-stranger server=" + to_string(member->id) + " address=" + host_port(*member));
  return (peers_[member->id] = std::move(peer)).get();
}

/// Whoever has no stream has to come again.
bool ElectionLinks::make_room_for_stranger() {
  std::size_t strangers = 0;
  Peer* oldest = nullptr;
  for (const auto& [id, peer] : peers_) {
    if (!peer->stranger) continue;
    ++strangers;
    const bool older = oldest == nullptr || peer->seen_at < oldest->seen_at;
    if (!peer->link && older) oldest = peer.get();
  }
  if (strangers < kStrangersMax) return true;
  if (oldest == nullptr) return false;
  peers_.erase(ServerId{oldest->member.id});
  return true;
}

void ElectionLinks::forget_strangers() {
  const auto limit = SteadyClock::now() - kStrangerForgottenAfter;
  std::erase_if(peers_, [limit](const auto& one) {
    const Peer& peer = *one.second;
    return peer.stranger && !peer.link && peer.seen_at < limit;
  });
}

// ---- Sending
// -------------------------------------------------------------------------------------

void ElectionLinks::vote(ServerId to, const consensus::Notification& notification) {
  Peer* peer = find(to);
  if (peer == nullptr || stopped_) return;
  const Bytes body = consensus::encode(notification);
  peer->latest.resize(4);
  store_be(peer->latest.data(), static_cast<std::int32_t>(body.size()));
  append(peer->latest, body);
  peer->unsent = true;
  push(*peer);
}

void ElectionLinks::push(Peer& peer) {
  if (!peer.unsent) return;
  if (!peer.link) return connect(peer);
  // While the kernel is full the vote waits in its one slot, where a newer one may replace it.
  if (peer.link->stream().queued() > 0) return;
  peer.link->stream().write(peer.latest);
  peer.link->stream().flush();
  peer.unsent = false;
}

void ElectionLinks::connect(Peer& peer) {
  if (peer.attempt || peer.login || peer.retry_armed) return;
  peer.attempt = std::make_shared<Dial>(io_, options_.tls);
  peer.attempt->start(peer.member.host, peer.member.election_port,
                      milliseconds(options_.connect_timeout_ms),
                      // The attempt is cancelled with its Peer, so the Peer is alive here.
                      [this, &peer](const ErrorCode& error, PeerSocket socket) {
                        on_connected(peer, error, std::move(socket));
                      });
}

void ElectionLinks::on_connected(Peer& peer, const ErrorCode& error, PeerSocket socket) {
  peer.attempt.reset();
  if (error) {
    if (peer.unsent) retry_later(peer, peer.retry_ms);
    peer.retry_ms = std::min(2 * peer.retry_ms, kLastRetryMs);
    if (error == asio::error::connection_refused) {
      inbox_.on_election_link(peer.member.id, false);
      inbox_.pump();
    }
    return;
  }
  if (peer.link) return;  // It was quicker; our socket closes here.
  const LinkPtr link = make_link(std::move(socket));
  // In one write: ZooKeeper reads the address with a single call (zab-protocol section 2.1).
  link->stream().write(initial_message_);
  SaslLogin* const account = options_.sasl.connects;
  if (account != nullptr) link->log_in_to(peer.member.id, *account);
  link->stream().flush();
  link->stream().start();
  if (account == nullptr) return on_opened(peer, link);
  peer.login = link;
}

/// The other side knows who we are.
void ElectionLinks::on_opened(Peer& peer, const LinkPtr& link) {
  if (options_.self < peer.member.id) {
    link->stream().finish();
    if (peer.unsent) retry_later(peer, kKnockAgainMs);
    return;
  }
  link->peer = peer.member.id;
  adopt(peer, link);
}

void ElectionLinks::give_up_login(Peer& peer) {
  if (!peer.login) return;
  peer.login->stream().finish();
  peer.login.reset();
}

void ElectionLinks::retry_later(Peer& peer, std::int64_t base_ms) {
  if (peer.retry_armed) return;
  peer.retry_armed = true;
  // Jitter, so that two servers do not knock in step for ever.
  peer.retry.expires_after(milliseconds(random_.between(base_ms / 2, base_ms * 3 / 2)));
  peer.retry.async_wait([this, id = peer.member.id](const ErrorCode& stopped) {
    Peer* found = find(id);
    if (found == nullptr || stopped) return;
    found->retry_armed = false;
    if (!found->link && found->unsent) connect(*found);
  });
}

// ---- Who keeps the connection (zab-protocol section 2.2)
// -----------------------------------------

void ElectionLinks::on_socket(PeerSocket socket) {
  if (half_open_.size() >= options_.half_open_max) {
    // The oldest gives way: a flood of silent connections must not lock real servers out.
    const auto oldest = std::min_element(
        half_open_.begin(), half_open_.end(),
        [](const LinkPtr& a, const LinkPtr& b) { return a->opened_at < b->opened_at; });
    refuse(*oldest);
  }
  LinkPtr link = make_link(std::move(socket));
  link->stream().start();
  half_open_.insert(std::move(link));
}

ElectionLinks::LinkPtr ElectionLinks::make_link(PeerSocket socket) {
  ErrorCode ignored;
  if (options_.tcp_keep_alive) {
    socket.socket.set_option(asio::socket_base::keep_alive(true), ignored);
  }
  return std::make_shared<Link>(*this, std::move(socket));
}

void ElectionLinks::refuse(const LinkPtr& link) {
  const LinkPtr keep = link;
  ++refused_;
  last_refused_ = keep->from;
  if (keep->spoke_tls) ++refused_tls_;
  keep->stream().abort();
  half_open_.erase(keep);
}

void ElectionLinks::on_identified(const LinkPtr& link, const consensus::InitialMessage& message) {
  // Before that nothing it says makes us keep its address, or look for it in the config.
  const PeerSasl& sasl = options_.sasl;
  if (sasl.accepts != nullptr && !link->said) {
    return link->expect_login(message, *sasl.accepts, sasl.required);
  }
  if (message.sid == options_.self) note_twin(message.sid, *link);
  Peer* peer = find(message.sid);
  if (peer == nullptr) peer = admit_stranger(message);
  if (peer == nullptr) return refuse(link);
  if (peer->stranger) {
    peer->seen_at = SteadyClock::now();
    if (const auto said = member_of(message)) peer->member = *said;
  }
  if (options_.tls != nullptr && !options_.tls->may_be(peer->member, link->stream().tls())) {
    return refuse(link);
  }
  half_open_.erase(link);
  if (options_.self > message.sid) {
    link->stream().finish();
    count_knock(*peer, *link);
    return connect_back(*peer);
  }
  link->peer = message.sid;
  adopt(*peer, link);
}

void ElectionLinks::on_login_done(const LinkPtr& link) {
  if (link->said) return on_identified(link, *link->said);
  Peer* peer = find(*link->opened_to);
  if (peer == nullptr || peer->login != link) return link->stream().abort();
  peer->login.reset();
  on_opened(*peer, link);
}

void ElectionLinks::on_login_failed(const LinkPtr& link, const std::string& reason) {
  const ServerId server = link->said ? link->said->sid : *link->opened_to;
  Peer* peer = find(server);
  if (peer != nullptr && peer->login != link) peer = nullptr;
  const bool again = peer != nullptr && peer->login_ended;
  const FailedLogin failed{"election", link->from, server, !link->said, reason, again};
  inbox_.note(failed.severity(), failed.line());
  // What it has to be told leaves first.
  link->stream().finish();
  half_open_.erase(link);
  if (peer == nullptr) return;
  peer->login.reset();
  peer->login_ended = reason.empty();
  if (peer->unsent) retry_later(*peer, failed.harmless() ? peer->retry_ms : kLastRetryMs);
}

void ElectionLinks::count_knock(Peer& peer, const Link& link) {
  const auto now = SteadyClock::now();
  if (now - peer.knocked_at > kKnocksForgottenAfter) peer.knocks = 0;
  peer.knocked_at = now;
  if (!peer.link || now - peer.up_at < kConnectBackEvery) return;
  if (++peer.knocks >= kKnocksOfTwin) note_twin(peer.member.id, link);
}

void ElectionLinks::note_twin(ServerId id, const Link& link) {
  ++twins_;
  last_twin_ = "server=" + to_string(id) + " last-address=" + link.from;
}

void ElectionLinks::connect_back(Peer& peer) {
  if (peer.attempt || peer.login) return;
  if (peer.link && SteadyClock::now() - peer.up_at < kConnectBackEvery) return;
  if (peer.stranger && !calls_to_strangers_.take(steady_ms())) return;
  if (peer.link) {
    peer.link->stream().finish();
    peer.link.reset();
  }
  peer.retry.cancel();
  peer.retry_armed = false;
  peer.retry_ms = kFirstRetryMs;
  connect(peer);
}

void ElectionLinks::adopt(Peer& peer, LinkPtr link) {
  if (peer.link) peer.link->stream().finish();
  if (peer.attempt) peer.attempt->cancel();
  peer.attempt.reset();
  give_up_login(peer);
  peer.link = std::move(link);
  peer.login_ended = false;
  peer.up_at = SteadyClock::now();
  peer.retry_ms = kFirstRetryMs;
  // The last vote may have been lost inside a stream that was closing; receivers accept repeats.
  if (!peer.latest.empty()) {
    peer.unsent = true;
    push(peer);
  }
  inbox_.on_election_link(peer.member.id, true);
  inbox_.pump();
}

// ---- What arrives
// --------------------------------------------------------------------------------

void ElectionLinks::on_frame(ServerId from, ByteView body) {
  auto notification = consensus::decode_notification(body);
  if (!notification) {
    ++malformed_;  // Costs this message only (hazard R38).
    return;
  }
  inbox_.on_notification(from, std::move(*notification));
  inbox_.pump();
}

void ElectionLinks::on_link_end(const LinkPtr& link) {
  // One that need not log in has knocked, and is gone.
  if (link->may_be_plain() && link->said->sid < options_.self) {
    return on_identified(link, *link->said);
  }
  if (link->logging_in()) return on_login_failed(link, /*reason=*/"");
  if (half_open_.erase(link) != 0 || !link->peer) return;
  Peer* peer = find(*link->peer);
  if (peer == nullptr || peer->link != link) return;
  peer->link.reset();
  inbox_.on_election_link(peer->member.id, false);
  inbox_.pump();
  push(*peer);
}

void ElectionLinks::on_lost_stream(const LinkPtr& link) {
  ++lost_streams_;
  last_lost_ = link->from + (link->peer ? " server=" + to_string(*link->peer) : "");
  on_link_end(link);
}

void ElectionLinks::on_link_drained(const LinkPtr& link) {
  Peer* peer = link->peer ? find(*link->peer) : nullptr;
  if (peer != nullptr && peer->link == link) push(*peer);
}

void ElectionLinks::sweep(std::int64_t) {
  forget_strangers();
  const auto limit = SteadyClock::now() - milliseconds(options_.handshake_timeout_ms);
  const auto plain_limit = std::max(limit, SteadyClock::now() - kLoginBeginsWithin);
  std::vector<LinkPtr> late;
  for (const LinkPtr& link : half_open_) {
    if (link->opened_at < (link->may_be_plain() ? plain_limit : limit)) late.push_back(link);
  }
  for (const LinkPtr& link : late) {
    if (link->may_be_plain()) {
      // It has nothing to say as yet.
      link->end_login();
      on_identified(link, *link->said);
    } else if (link->logging_in()) {
      on_login_failed(link, kLoginLate);
    } else {
      refuse(link);
    }
  }
  for (const auto& [id, peer] : peers_) {
    const LinkPtr login = peer->login;
    if (login && login->opened_at < limit) on_login_failed(login, kLoginLate);
  }
  if (refused_ > 0) {
    inbox_.note('W', "election-refused connections=" + std::to_string(refused_) +
                         " last-address=" + last_refused_ +
                         " reason=\"no valid initial message of a server of the config\"");
  }
  if (refused_tls_ > 0) {
    inbox_.note('W', "election-refused-tls connections=" + std::to_string(refused_tls_) +
                         " remedy=\"set sslQuorum=true or portUnification=true here, or "
                         "sslQuorum=false on the other server\"");
  }
  if (twins_ > 0 && SteadyClock::now() >= twin_told_at_ + kTwinToldEvery) {
    inbox_.note('W', "election-twin " + last_twin_ + " times=" + std::to_string(twins_) +
                         " reason=\"the server of this id is another one; do two servers have "
                         "this id?\" remedy=\"give each its own number in dataDir/myid\"");
    twin_told_at_ = SteadyClock::now();
    twins_ = 0;
  }
  if (malformed_ > 0) {
    inbox_.note('W', "election-malformed notifications=" + std::to_string(malformed_));
  }
  if (lost_streams_ > 0) {
    inbox_.note('W', "election-malformed closed=" + std::to_string(lost_streams_) +
                         " last=" + last_lost_ + " reason=\"a frame of an impossible length\"");
  }
  refused_ = refused_tls_ = malformed_ = lost_streams_ = 0;
}

}  // namespace quorate::server
