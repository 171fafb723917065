#include "quorate/client.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <utility>

#include "client-lib/src/connection.h"

namespace quorate::client {

const std::shared_ptr<Runtime>& runtime_of(const Client& client) {
  return client.connection_->runtime();
}

Client::Client(asio::any_io_executor executor, ConnectOptions options)
    : connection_(std::make_shared<Connection>(std::move(executor), std::move(options))),
      timeout_(connection_->options().operation_timeout) {}

Client::Client(const Client& other, Borrow how)
    : connection_(other.connection_),
      timeout_(how.timeout.value_or(other.timeout_)),
      owner_(false) {}

Client::~Client() {
  if (owner_) connection_->abandon();
}

Client Client::with_timeout(std::chrono::milliseconds operation_timeout) const {
  return Client(*this, Borrow{operation_timeout});
}

asio::any_io_executor Client::get_executor() const {
  return connection_->strand();
}
std::string Client::servers() const {
  return connection_->servers();
}
SessionState Client::state() const {
  return connection_->state();
}
SessionId Client::session_id() const {
  return connection_->session_id();
}

std::uint64_t Client::add_session_listener(std::function<void(const SessionEvent&)> listener) {
  const std::uint64_t id = connection_->next_listener_id();
  connection_->add_listener(id, std::move(listener));
  return id;
}

void Client::remove_session_listener(std::uint64_t id) {
  connection_->remove_listener(id);
}

void Client::start_connect(ConnectHandler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Connection>(connection_)](asio::cancellation_type) {
      if (auto connection = weak.lock()) connection->abandon_connect();
    });
  }
  connection_->connect(std::move(handler));
}

void Client::start_close(DoneHandler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([weak = std::weak_ptr<Connection>(connection_)](asio::cancellation_type) {
      if (auto connection = weak.lock()) connection->abandon_session();
    });
  }
  connection_->close(std::move(handler));
}

void Client::start_update_servers(std::string connect_string, DoneHandler handler) {
  connection_->update_servers(std::move(connect_string), std::move(handler));
}

}  // namespace quorate::client
