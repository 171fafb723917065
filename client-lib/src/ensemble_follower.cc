#include "client-lib/src/ensemble_follower.h"

#include <algorithm>
#include <utility>

#include "client-lib/src/connection.h"
#include "quorate/errors.h"
#include "znode/proto/records.h"

namespace quorate::client {

namespace {

constexpr const char* kConfigPath = "/zookeeper/config";  // Of the ensemble: under no chroot.
/// After an answer that was lost, while the connection stands.
constexpr std::chrono::seconds kPause{1};
/// For one server to be reached, at most.
constexpr std::chrono::seconds kReachMax{5};

class ConfigCall final : public PendingCall {
 public:
  explicit ConfigCall(std::weak_ptr<EnsembleFollower> follower) : follower_(std::move(follower)) {}

  void answer(ErrorCode error, ByteView body, const std::string&) override {
    error_ = error;
    if (error_) return;
    Result<GetDataResponse> response = decode_all<GetDataResponse>(body);
    if (!response) {
      error_ = response.error();
    } else {
      text_ = std::move(response->data).value_or("");
    }
  }
  void deliver(const asio::any_completion_executor&) override {
    if (const auto follower = follower_.lock()) follower->on_config(error_, text_);
  }

 private:
  const std::weak_ptr<EnsembleFollower> follower_;
  ErrorCode error_;
  std::string text_;
};

/// Another try may have another answer, without anything having changed.
bool passes(const ErrorCode& error) {
  return is_transient(error) || error == ErrorCode(ClientErrc::QueueFull);
}

}  // namespace

EnsembleFollower::EnsembleFollower(Connection& connection)
    : connection_(&connection),
      pause_(connection.runtime()->make_timer(connection.strand())),
      limit_(connection.runtime()->make_timer(connection.strand())) {}

void EnsembleFollower::stop() {
  give_up_reaching();
  pause_->cancel();
  connection_ = nullptr;
}

// ---- What the configuration says ---------------------------------------------------------------

/// A read-only server's tree may be old: what it says of the members is not followed.
void EnsembleFollower::on_session(SessionState state) {
  if (state != SessionState::Connected && state != SessionState::Reconnected) return;
  // A list of which nothing could be reached may have more luck now.
  if (!watching_ || !hosts_.empty()) return ask();
  if (!strayed()) return;
  hosts_ = connection_->hosts();
  plan();
}

/// The client is at a server that the list it has taken does not name: the link was on its way
/// there when the list came, or nothing else could be reached.
bool EnsembleFollower::strayed() const {
  if (!taken_) return false;
  const std::optional<Host> present = connection_->present_host(connection_->hosts());
  return present && !holds(connection_->hosts(), *present);
}

void EnsembleFollower::on_identity() {
  if (!watching_) ask();
}

void EnsembleFollower::on_other_hosts() {
  give_up_reaching();
  hosts_.clear();
  taken_ = false;
}

void EnsembleFollower::ask() {
  if (connection_ == nullptr || asking_) return;
  asking_ = true;
  Submission submission;
  submission.request.op = OpCode::GetData;
  submission.request.body = encode_all(PathWatchRequest{kConfigPath, /*watch=*/true});
  submission.request.watch = WatchRequest{0, kConfigPath};
  submission.request.timeout_ms = connection_->options().operation_timeout.count();
  submission.sink = shared_from_this();
  submission.call = std::make_unique<ConfigCall>(weak_from_this());
  connection_->submit(std::move(submission));
}

void EnsembleFollower::ask_later() {
  pause_->start_wait(connection_->runtime()->now() + kPause,
                     [weak = weak_from_this()](ErrorCode cancelled) {
                       const auto self = weak.lock();
                       if (!self || cancelled) return;
                       if (!self->watching_) self->ask();
                     });
}

void EnsembleFollower::deliver(const WatchEvent& event) {
  watching_ = false;
  if (event.type != EventType::None) ask();
}

void EnsembleFollower::on_config(ErrorCode error, std::string_view text) {
  asking_ = false;
  if (connection_ == nullptr) return;
  if (error) {
    if (passes(error)) ask_later();
    return;
  }
  watching_ = true;
  EnsembleConfig config = read_ensemble_config(text, connection_->options().tls.enabled);
  // From a server that lags behind the one we were at.
  if (version_ && config.version && *config.version < *version_) return;
  if (config.version) version_ = config.version;
  if (config.hosts.empty()) return;
  if (!config.complete) {
    for (const Host& host : connection_->named_hosts()) {
      if (!holds(config.hosts, host)) config.hosts.push_back(host);
    }
  }
  give_up_reaching();
  hosts_.clear();
  if (same_hosts(config.hosts, connection_->hosts()) && !strayed()) return;
  hosts_ = std::move(config.hosts);
  plan();
}

// ---- The way to another list -------------------------------------------------------------------

std::chrono::milliseconds EnsembleFollower::patience() const {
  return std::min<std::chrono::milliseconds>(kReachMax, connection_->options().session_timeout / 3);
}

void EnsembleFollower::plan() {
  planned_at_ = connection_->present_host(hosts_);
  move_ = plan_move(connection_->hosts(), hosts_, planned_at_, connection_->random());
  trying_ = 0;
  reach_next();
}

void EnsembleFollower::reach_next() {
  if (trying_ == move_.order.size()) return;  // Until something changes.
  const Host& host = hosts_[move_.order[trying_]];
  // We are there, or can stay where we are instead.
  if (planned_at_ == host || (may_stay() && holds(connection_->hosts(), host))) return reached();
  link_ = connection_->make_link(host);
  limit_->start_wait(connection_->runtime()->now() + patience(),
                     [weak = weak_from_this(), link = std::weak_ptr(link_)](ErrorCode cancelled) {
                       const auto self = weak.lock();
                       if (!self || cancelled) return;
                       if (!self->link_ || link.lock() != self->link_) return;
                       self->give_up_reaching();
                       ++self->trying_;
                       self->reach_next();
                     });
  link_->open(connection_->random().next(), shared_from_this());
}

void EnsembleFollower::on_open(Link& link, ErrorCode error) {
  if (&link != link_.get()) return;
  give_up_reaching();
  if (!error) return reached();
  ++trying_;
  reach_next();
}

void EnsembleFollower::give_up_reaching() {
  if (!link_) return;
  limit_->cancel();
  std::exchange(link_, nullptr)->close();
}

void EnsembleFollower::reached() {
  const std::optional<Host> present = connection_->present_host(hosts_);
  // On another server by now, for which the plan was not made.
  if (present && present != planned_at_) return plan();
  // Those who could not be reached come last.
  std::rotate(move_.order.begin(), move_.order.begin() + static_cast<std::ptrdiff_t>(trying_),
              move_.order.end());
  const bool fresh = !holds(connection_->hosts(), hosts_[move_.order.front()]);
  move_.leave = move_.leave && present && (fresh || !may_stay());
  taken_ = true;
  connection_->use_hosts(std::exchange(hosts_, {}), std::move(move_));
}

/// The new list has the server where the client is.
bool EnsembleFollower::may_stay() const {
  return planned_at_ && holds(hosts_, *planned_at_);
}

}  // namespace quorate::client
