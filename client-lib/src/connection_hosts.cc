// Which hosts a connection is tried to: those of the user, or of the ensemble's configuration.
#include <boost/asio/post.hpp>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/connection.h"
#include "client-lib/src/ensemble_follower.h"

namespace quorate::client {

void Connection::update_servers(std::string connect_string, Client::DoneHandler handler) {
  asio::post(strand_, [self = shared_from_this(), text = std::move(connect_string),
                       handler = std::move(handler)]() mutable {
    Result<ConnectString> parsed = parse_connect_string(text);
    ErrorCode error = self->bad_options_;
    if (!error && !parsed) error = parsed.error();
    // Another root would give every path and watch another meaning.
    if (!error && parsed->chroot != self->servers_.chroot) error = ClientErrc::BadChroot;
    if (!error) {
      std::optional<Host> current;
      if (self->link_) current = self->link_->host();
      Move move = plan_move(self->servers_.hosts, parsed->hosts, current, self->random_);
      self->named_hosts_ = parsed->hosts;
      self->use_hosts(std::move(parsed->hosts), std::move(move));
      if (self->follower_) self->follower_->on_other_hosts();
    }
    post_completion(std::move(handler), self->strand_, error);
    self->turn();
  });
}

void Connection::use_hosts(std::vector<Host> hosts, Move move) {
  servers_.hosts = std::move(hosts);
  spare_hosts_.clear();
  std::vector<std::size_t> spares;
  for (const Host& host : named_hosts_) {
    if (holds(servers_.hosts, host)) continue;
    spares.push_back(servers_.hosts.size() + spares.size());
    spare_hosts_.push_back(host);
  }
  publish_servers();
  if (const auto probe = std::exchange(probe_, nullptr)) probe->close();  // Its number is no more.
  core_->set_hosts(now_ms(), std::move(move.order), move.leave, std::move(spares));
  schedule_turn();
}

std::optional<Host> Connection::present_host(const std::vector<Host>& known) const {
  if (!link_ || !core_->linked()) return std::nullopt;
  if (holds(known, link_->host())) return link_->host();
  const std::string address = link_->address();
  for (const Host& host : known) {
    if (to_string(host) == address) return host;
  }
  return link_->host();
}

void Connection::publish_servers() {
  std::string text;
  for (const Host& host : servers_.hosts) text += (text.empty() ? "" : ",") + to_string(host);
  const std::lock_guard lock(servers_mutex_);
  servers_text_ = text + servers_.chroot;
}

std::string Connection::servers() const {
  const std::lock_guard lock(servers_mutex_);
  return servers_text_;
}

const Host& Connection::host_at(std::size_t index) const {
  const std::size_t first_spare = servers_.hosts.size();
  return index < first_spare ? servers_.hosts[index] : spare_hosts_[index - first_spare];
}

std::shared_ptr<Link> Connection::make_link(const Host& host) {
  return runtime_->make_link(strand_, host, tls_, options_.tls.verify_host);
}

}  // namespace quorate::client
