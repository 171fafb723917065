#include "server/net/peer_links.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/ensure.h"
#include "consensus/codec.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;

/// The elected leader may not be ready yet: retries come quickly (design.md section 6).
constexpr std::int64_t kRetryMs[] = {2, 5, 10, 20};
/// A name that does not resolve is not asked for 50 times a second, nor a certificate that is
/// refused.
constexpr std::int64_t kSlowRetryMs = 500;

}  // namespace

class PeerLinks::Link : public ByteStream::Owner {
 public:
  Link(PeerLinks& owner, LinkId id, std::optional<ServerId> opened_to, PeerSocket socket)
      : id_(id),
        opened_to_(opened_to),
        from_(socket.address()),
        opened_ms_(owner.now_ms_),
        owner_(owner),
        stream_(std::make_shared<ByteStream>(std::move(socket.socket), *this, owner.read_buffer_,
                                             owner.options_.out_bytes_max, std::move(socket.tls))) {
  }
  ~Link() override { stream_->abandon(); }

  /// Begins to read and, where that comes first, to log in.
  void start() {
    stream_->start();
    const PeerSasl& sasl = owner_.options_.sasl;
    if (opened_to_ && sasl.connects != nullptr) {
      Bytes out;
      login_ = std::make_unique<PeerLogin>(*sasl.connects, out);
      send_now(out);
    } else if (!opened_to_ && sasl.accepts != nullptr) {
      login_ = std::make_unique<PeerLogin>(*sasl.accepts, sasl.required);
    } else {
      owner_.announce(*this);
    }
  }

  LinkId id() const { return id_; }
  ByteStream& stream() { return *stream_; }
  std::optional<ServerId> opened_to() const { return opened_to_; }
  bool accepted() const { return !opened_to_; }
  bool logging_in() const { return login_ != nullptr; }
  bool silent_since(std::int64_t ms) const {
    return (logging_in() || (accepted() && !heard_)) && opened_ms_ < ms;
  }
  const std::string& from() const { return from_; }
  /// Which link, and whose: for a log line.
  std::string described() const { return "link=" + to_string(id_) + " address=" + from_; }
  bool unflushed = false;

 private:
  void on_bytes(ByteView bytes) override {
    if (login_) return log_in(bytes);
    heard_ = true;
    Inbox& inbox = owner_.inbox_;
    inbox.on_link_bytes(id_, bytes);
    inbox.pump();
  }
  void on_end(const std::string& why) override {
    if (login_) return owner_.on_login_failed(*this, /*reason=*/"");
    owner_.inbox_.note('I', "link-ended " + described() + " reason=\"" + why + '"');
    owner_.end(id_);
  }

  void log_in(ByteView bytes) {
    Bytes out;
    const PeerLogin::State state = login_->take(bytes, out);
    if (!out.empty()) send_now(out);
    if (state == PeerLogin::State::UnderWay) return;
    if (state == PeerLogin::State::Failed) {
      return owner_.on_login_failed(*this, login_->fault());
    }
    const Bytes rest = login_->rest();
    login_.reset();
    owner_.announce(*this);
    // Whoever was told of it may have closed it.
    if (!rest.empty() && owner_.find(id_) == this) on_bytes(rest);
  }
  void send_now(ByteView bytes) {
    stream_->write(bytes);
    stream_->flush();
  }

  const LinkId id_;
  const std::optional<ServerId> opened_to_;
  const std::string from_;
  bool heard_ = false;
  const std::int64_t opened_ms_;
  PeerLinks& owner_;
  std::unique_ptr<PeerLogin> login_;  ///< Until it is over.
  std::shared_ptr<ByteStream> stream_;
};

/// One server that we try to reach until it works or cancel().
struct PeerLinks::Opening {
  explicit Opening(asio::io_context& io, ServerId to) : peer(to), timer(io) {}
  ~Opening() {
    if (attempt) attempt->cancel();
  }
  const ServerId peer;
  asio::steady_timer timer;
  std::shared_ptr<Dial> attempt;
  std::optional<LinkId> login;  ///< The link that we log in on.
  bool login_ended = false;     ///< The last one, with its connection.
  std::size_t tries = 0;
};

PeerLinks::PeerLinks(asio::io_context& io, PeerLinkOptions options, Inbox& inbox)
    : io_(io),
      options_(std::move(options)),
      inbox_(inbox),
      entrance_(options_.tls, "quorum", [this](PeerSocket socket) { admit(std::move(socket)); }),
      acceptor_(
          io,
          [this](ByteStream::Socket socket, const asio::ip::tcp::endpoint&) {
            entrance_.take(std::move(socket));
          },
          [this](const std::string& text) {
            inbox_.note('W', "quorum-accept error=\"" + text + '"');
          }),
      read_buffer_(kReadBufferBytes),
      members_(options_.ensemble.members()) {}

PeerLinks::~PeerLinks() = default;

// ---- Members
// -------------------------------------------------------------------------------------

const consensus::Member* PeerLinks::member(ServerId id) const {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [id](const consensus::Member& one) { return one.id == id; });
  return found == members_.end() ? nullptr : &*found;
}

void PeerLinks::set_members(std::vector<consensus::Member> members) {
  if (stopped_) return;
  const consensus::Member* before = member(options_.self);
  const std::optional<consensus::Member> old = before ? std::optional(*before) : std::nullopt;
  members_ = std::move(members);
  const consensus::Member* now = member(options_.self);
  if (now == nullptr) {
    // Not named, as before it joins or when it has been removed: it stays where it is.
    if (old) members_.push_back(*old);
  } else if (!old || old->host != now->host || old->quorum_port != now->quorum_port) {
    listen_as(*now);
  }
}

void PeerLinks::listen_as(const consensus::Member& self) {
  const std::string address = options_.listen_address.empty() ? std::string() : self.host;
  if (self.quorum_port == port() && address.empty()) return;
  const ErrorCode error = acceptor_.move_to(address, self.quorum_port, -1);
  const std::string where = self.host + ':' + std::to_string(self.quorum_port);
  if (!error) return inbox_.note('I', "quorum-port-moved address=" + where);
  inbox_.note('E', "quorum-port-not-moved address=" + where + " error=\"" + error.message() +
                       "\" remedy=\"make the address free, then restart this server\"");
}

ErrorCode PeerLinks::listen() {
  return acceptor_.listen(options_.listen_address, options_.listen_port, -1);
}

void PeerLinks::admit(PeerSocket socket) {
  const auto accepted = std::count_if(links_.begin(), links_.end(),
                                      [](const auto& one) { return one.second->accepted(); });
  // Above the limit the socket closes as it leaves this scope.
  if (static_cast<std::size_t>(accepted) < options_.accepted_max) {
    add(std::move(socket), std::nullopt);
  }
}

void PeerLinks::start() {
  acceptor_.start();
}

void PeerLinks::stop() {
  stopped_ = true;
  acceptor_.stop();
  entrance_.close();
  openings_.clear();
  for (auto& [id, link] : links_) link->stream().finish();
  links_.clear();
}

void PeerLinks::open(ServerId peer) {
  if (stopped_ || openings_.count(peer) != 0) return;
  Opening& opening = *openings_.emplace(peer, std::make_unique<Opening>(io_, peer)).first->second;
  dial(opening);
}

void PeerLinks::cancel(ServerId peer) {
  const auto found = openings_.find(peer);
  if (found == openings_.end()) return;
  const std::optional<LinkId> login = found->second->login;
  openings_.erase(found);
  Link* link = login ? find(*login) : nullptr;
  if (link == nullptr) return;
  link->stream().abort();
  end(*login);
}

void PeerLinks::dial(Opening& opening) {
  const consensus::Member* to = member(opening.peer);
  // It may be named by a config that is on its way to here.
  if (to == nullptr) return retry(opening, asio::error::host_not_found);
  opening.attempt = std::make_shared<Dial>(io_, options_.tls);
  opening.attempt->start(
      to->host, to->quorum_port, std::chrono::milliseconds(options_.connect_timeout_ms),
      // Destroying the Opening cancels the attempt, so it is alive when this is called.
      [this, &opening](const ErrorCode& error, PeerSocket socket) {
        opening.attempt.reset();
        error ? retry(opening, error) : add(std::move(socket), opening.peer);
      });
}

void PeerLinks::retry(Opening& opening, const ErrorCode& error) {
  const bool slow = error == asio::error::host_not_found ||
                    error == asio::error::host_not_found_try_again || error == kTlsFault;
  const std::size_t step = std::min(opening.tries, std::size(kRetryMs) - 1);
  if (opening.tries++ == 0) {
    inbox_.note('I',
                "link-retry peer=" + to_string(opening.peer) + " error=\"" + error.message() + '"');
  }
  opening.timer.expires_after(std::chrono::milliseconds(slow ? kSlowRetryMs : kRetryMs[step]));
  opening.timer.async_wait([this, peer = opening.peer, self = &opening](const ErrorCode& stopped) {
    // A timer that fired just before cancel() is still called: the entry tells.
    const auto found = openings_.find(peer);
    if (!stopped && found != openings_.end() && found->second.get() == self) dial(*self);
  });
}

void PeerLinks::add(PeerSocket socket, std::optional<ServerId> opened_to) {
  const LinkId id{++last_id_};
  const auto link = std::make_shared<Link>(*this, id, opened_to, std::move(socket));
  links_.emplace(id, link);
  if (opened_to) openings_.at(*opened_to)->login = id;
  link->start();
}

void PeerLinks::announce(Link& link) {
  if (link.opened_to()) openings_.erase(*link.opened_to());
  inbox_.on_link_up(link.id(), link.opened_to());
  inbox_.pump();
}

/// Nobody has heard of this link.
void PeerLinks::on_login_failed(Link& link, const std::string& reason) {
  const std::optional<ServerId> peer = link.opened_to();
  Opening* opening = peer ? openings_.at(*peer).get() : nullptr;
  const bool again = opening != nullptr && opening->login_ended;
  const FailedLogin failed{"quorum", link.from(), peer, peer.has_value(), reason, again};
  inbox_.note(failed.severity(), failed.line());
  // What it has to be told leaves first.
  link.stream().finish();
  end(link.id());
  if (opening == nullptr) return;
  opening->login.reset();
  opening->login_ended = reason.empty();
  retry(*opening, failed.harmless() ? asio::error::connection_reset : kTlsFault);
}

PeerLinks::Link* PeerLinks::find(LinkId link) const {
  const auto found = links_.find(link);
  return found == links_.end() ? nullptr : found->second.get();
}

void PeerLinks::close(LinkId link) {
  Link* found = find(link);
  if (found == nullptr) return;
  // Why was said by who closes it; here is from where the other side came.
  if (found->accepted()) inbox_.note('I', "link-closed " + found->described());
  found->stream().finish();
  end(link);
}

/// The entry goes at once, the word about it comes later: no port calls back from inside a call.
void PeerLinks::end(LinkId link) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  std::shared_ptr<Link> leaving = std::move(found->second);
  links_.erase(found);
  const bool was_up = !leaving->logging_in();
  asio::post(io_, [this, link, was_up, leaving = std::move(leaving)] {
    if (stopped_ || !was_up) return;
    inbox_.on_link_down(link);
    inbox_.pump();
  });
}

void PeerLinks::send(LinkId link, const consensus::QuorumPacket& packet) {
  Link* found = find(link);
  if (found == nullptr) return;
  scratch_.clear();
  consensus::encode(scratch_, packet);
  found->stream().write(scratch_);
  if (!found->unflushed) unflushed_.push_back(link);
  found->unflushed = true;
}

void PeerLinks::send_raw(LinkId link, const SharedBytes& bytes) {
  Link* found = find(link);
  if (found == nullptr) return;
  found->stream().write(bytes.view());
  if (!found->unflushed) unflushed_.push_back(link);
  found->unflushed = true;
}

std::size_t PeerLinks::queued_bytes(LinkId link) const {
  Link* found = find(link);
  return found == nullptr ? 0 : found->stream().queued();
}

void PeerLinks::flush() {
  for (const LinkId link : unflushed_) {
    Link* found = find(link);
    if (found == nullptr) continue;
    found->unflushed = false;
    found->stream().flush();
  }
  unflushed_.clear();
}

void PeerLinks::sweep(std::int64_t now_ms) {
  now_ms_ = now_ms;
  std::vector<LinkId> silent;
  for (const auto& [id, link] : links_) {
    if (link->silent_since(now_ms - options_.silent_timeout_ms)) silent.push_back(id);
  }
  for (const LinkId id : silent) {
    Link* link = find(id);
    if (link == nullptr) continue;
    link->logging_in() ? on_login_failed(*link, "the login is not over in time") : close(id);
  }
}

}  // namespace quorate::server
