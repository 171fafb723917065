#include "shell/remote.h"

namespace quorate::shell {

using client::Client;
using client::Watcher;

namespace {

/// ask() for operations that answer nothing but success.
template <class Start>
Status ask_done(Start start, std::chrono::milliseconds limit = std::chrono::hours(24)) {
  return ask<client::Nothing>(
      [&start](auto handler) {
        start([handler = std::move(handler)](client::ErrorCode error) mutable {
          handler(error, client::Nothing());
        });
      },
      limit);
}

}  // namespace

Remote::~Remote() {
  close();
}

Reply<client::Connected> Remote::connect(client::ConnectOptions options) {
  close();
  options_ = std::move(options);
  sync_ = std::make_unique<client::SyncClient>(options_);
  sync_->add_session_listener([this](const client::SessionEvent& event) { hear(event); });
  auto report = ask<client::ConnectReport>(
      [this](auto handler) { face().start_connect(std::move(handler)); });
  Reply<client::Connected> reply;
  reply.code = report.code;
  reply.message = std::move(report.message);
  reply.value.server = report.value.server;
  reply.value.session_id = report.value.session_id;
  reply.value.timeout_ms = report.value.timeout_ms;
  for (const auto& failure : report.value.failures) {
    reply.value.failures.emplace_back(failure.server, failure.reason.message());
  }
  return reply;
}

bool Remote::reads_batches() {
  if (reads_batches_) return *reads_batches_;
  // ZooKeeper 3.4 says nothing at all to what it does not know.
  constexpr auto kPatience = std::chrono::seconds(3);
  client::ReadBatch batch;
  batch.get_data("/");
  client::Client asking = face().with_timeout(kPatience);
  const auto reply = ask<client::ReadBatchReply>(
      [&](auto handler) { asking.start_multi_read(std::move(batch), std::move(handler)); });
  if (cancel_flag() || reply.code == client::Code::ConnectionLoss) return false;
  reads_batches_ = reply.ok();
  return *reads_batches_;
}

void Remote::close() {
  reads_batches_.reset();
  if (!sync_) return;
  // A server that does not answer must not keep anybody from leaving.
  if (!client::is_final(sync_->state())) {
    cancel_flag() = false;
    ask_done([this](auto handler) { face().start_close(std::move(handler)); },
             std::chrono::seconds(2));
  }
  sync_.reset();
}

bool Remote::alive() const {
  return sync_ && !client::is_final(sync_->state());
}

client::SessionState Remote::state() const {
  return sync_ ? sync_->state() : client::SessionState::Closed;
}

client::SessionId Remote::session_id() const {
  return sync_ ? sync_->session_id() : client::SessionId();
}

void Remote::hear(const client::SessionEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    last_event_ = event;
  }
  if (listener_) listener_(event);
}

client::SessionEvent Remote::last_event() const {
  const std::lock_guard lock(mutex_);
  return last_event_;
}

std::string Remote::server() const {
  using client::SessionState;
  const SessionState now = state();
  const bool up = now == SessionState::Connected || now == SessionState::Reconnected ||
                  now == SessionState::ReadOnly;
  return up ? last_event().server : "";
}

Reply<client::CreateReply> Remote::create(const std::string& path, client::Buffer data,
                                          client::CreateOptions options) {
  return ask<client::CreateReply>([&](auto handler) {
    face().start_create(path, std::move(data), std::move(options), std::move(handler));
  });
}

Reply<client::GetDataReply> Remote::get_data(const std::string& path, Watcher watch) {
  return ask<client::GetDataReply>(
      [&](auto handler) { face().start_get_data(path, std::move(watch), std::move(handler)); });
}

Reply<client::Stat> Remote::set_data(const std::string& path, client::Buffer data,
                                     std::int32_t version) {
  return ask<client::Stat>([&](auto handler) {
    face().start_set_data(path, std::move(data), version, std::move(handler));
  });
}

Reply<client::Stat> Remote::exists(const std::string& path, Watcher watch) {
  return ask<client::Stat>(
      [&](auto handler) { face().start_exists(path, std::move(watch), std::move(handler)); });
}

Status Remote::remove(const std::string& path, std::int32_t version) {
  return ask_done([&](auto handler) { face().start_remove(path, version, std::move(handler)); });
}

Reply<client::GetChildrenReply> Remote::get_children(const std::string& path, Watcher watch,
                                                     std::chrono::milliseconds limit) {
  return ask<client::GetChildrenReply>(
      [&](auto handler) { face().start_get_children(path, std::move(watch), std::move(handler)); },
      limit);
}

Status Remote::sync(const std::string& path) {
  return ask_done([&](auto handler) { face().start_sync(path, std::move(handler)); });
}

Reply<client::GetAclReply> Remote::get_acl(const std::string& path) {
  return ask<client::GetAclReply>(
      [&](auto handler) { face().start_get_acl(path, std::move(handler)); });
}

Reply<client::Stat> Remote::set_acl(const std::string& path, client::AclList acl,
                                    std::int32_t version) {
  return ask<client::Stat>([&](auto handler) {
    face().start_set_acl(path, std::move(acl), version, std::move(handler));
  });
}

Status Remote::add_auth(const std::string& scheme, const std::string& identity) {
  return ask_done(
      [&](auto handler) { face().start_add_auth(scheme, identity, std::move(handler)); });
}

Reply<client::TransactionReply> Remote::commit(client::Transaction transaction) {
  return ask<client::TransactionReply>(
      [&](auto handler) { face().start_commit(std::move(transaction), std::move(handler)); });
}

Status Remote::add_watch(const std::string& path, client::AddWatchMode mode, Watcher watcher) {
  return ask_done([&](auto handler) {
    face().start_add_watch(path, mode, std::move(watcher), std::move(handler));
  });
}

Status Remote::remove_watches(const std::string& path, client::WatchType type, Watcher watcher,
                              bool local) {
  return ask_done([&](auto handler) {
    face().start_remove_watches(path, type, std::move(watcher), local, std::move(handler));
  });
}

Reply<std::vector<std::string>> Remote::get_ephemerals(const std::string& prefix) {
  return ask<std::vector<std::string>>(
      [&](auto handler) { face().start_get_ephemerals(prefix, std::move(handler)); });
}

Reply<std::int32_t> Remote::get_all_children_number(const std::string& path) {
  return ask<std::int32_t>(
      [&](auto handler) { face().start_get_all_children_number(path, std::move(handler)); });
}

Reply<std::vector<client::AuthId>> Remote::who_am_i() {
  return ask<std::vector<client::AuthId>>(
      [&](auto handler) { face().start_who_am_i(std::move(handler)); });
}

Reply<client::ConfigReply> Remote::get_config(Watcher watch) {
  return ask<client::ConfigReply>(
      [&](auto handler) { face().start_get_config(std::move(watch), std::move(handler)); });
}

Reply<client::ConfigReply> Remote::reconfig(client::ReconfigOptions options) {
  return ask<client::ConfigReply>(
      [&](auto handler) { face().start_reconfig(std::move(options), std::move(handler)); });
}

}  // namespace quorate::shell
