#include "quorate/client.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/connection.h"
#include "quorate/errors.h"
#include "znode/proto/records.h"

namespace quorate::client {

namespace {

/// One request on its way: knows how to read its answer and whom to give it to.
template <class Value, class Handler, class Read>
class TypedCall final : public PendingCall {
 public:
  TypedCall(Handler handler, asio::any_io_executor fallback, Read read)
      : handler_(std::move(handler)), fallback_(std::move(fallback)), read_(std::move(read)) {}

  void done(ErrorCode error, const Bytes& body) override {
    Value value{};
    if (!error) error = read_(body, value);
    post_completion(std::move(handler_), fallback_, error, std::move(value));
  }

 private:
  Handler handler_;
  asio::any_io_executor fallback_;
  Read read_;
};

/// As TypedCall for operations whose answer is the error alone.
class DoneCall final : public PendingCall {
 public:
  DoneCall(Client::DoneHandler handler, asio::any_io_executor fallback)
      : handler_(std::move(handler)), fallback_(std::move(fallback)) {}

  void done(ErrorCode error, const Bytes&) override {
    post_completion(std::move(handler_), fallback_, error);
  }

 private:
  Client::DoneHandler handler_;
  asio::any_io_executor fallback_;
};

template <class Record>
ErrorCode read_record(const Bytes& body, Record& record) {
  JuteReader in(body);
  decode(in, record);
  return in.finish();
}

/// Lets the handler's cancellation slot forget the reply. Cancelling an answered request is a
/// no-op, so the slot may stay assigned.
template <class Handler>
std::shared_ptr<RequestId> arm_cancel(Handler& handler, const std::shared_ptr<Connection>& to) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (!slot.is_connected()) return nullptr;
  auto ticket = std::make_shared<RequestId>(0);
  slot.assign([weak = std::weak_ptr<Connection>(to), ticket](asio::cancellation_type type) {
    if (type == asio::cancellation_type::none) return;
    if (auto connection = weak.lock()) connection->cancel(ticket);
  });
  return ticket;
}

/// What all operations share: path to the wire, watch, timeout, call.
class Sender {
 public:
  Sender(const std::shared_ptr<Connection>& connection, OpCode op, std::string path)
      : connection_(connection), path_(std::move(path)) {
    request_.op = op;
    request_.timeout_ms = connection->options().operation_timeout.count();
    bad_path_ = !path_.starts_with('/');
    path_ = add_chroot(connection->chroot(), path_);
  }

  const std::string& wire_path() const { return path_; }

  template <class Record>
  Sender& body(const Record& record) {
    request_.body = encode_all(record);
    return *this;
  }

  Sender& watch(const Watcher& watcher) {
    sink_ = watcher.sink();
    if (sink_) request_.watch = WatchRequest{0, path_};
    return *this;
  }

  template <class Value, class Handler, class Read>
  void go(Handler handler, Read read) {
    if (bad_path_) {
      post_completion(std::move(handler), fallback(), ErrorCode(Code::BadArguments), Value{});
      return;
    }
    auto ticket = arm_cancel(handler, connection_);
    submit(std::make_unique<TypedCall<Value, Handler, Read>>(std::move(handler), fallback(),
                                                             std::move(read)),
           std::move(ticket));
  }

  void go(Client::DoneHandler handler) {
    if (bad_path_) {
      post_completion(std::move(handler), fallback(), ErrorCode(Code::BadArguments));
      return;
    }
    auto ticket = arm_cancel(handler, connection_);
    submit(std::make_unique<DoneCall>(std::move(handler), fallback()), std::move(ticket));
  }

 private:
  asio::any_io_executor fallback() const { return connection_->strand(); }
  void submit(std::unique_ptr<PendingCall> call, std::shared_ptr<RequestId> ticket) {
    connection_->submit(std::move(request_), std::move(sink_), std::move(call), std::move(ticket));
  }

  std::shared_ptr<Connection> connection_;
  std::string path_;
  CoreRequest request_;
  std::shared_ptr<WatchSink> sink_;
  bool bad_path_ = false;
};

ErrorCode read_stat(const Bytes& body, Stat& stat) {
  StatResponse response;
  const ErrorCode fault = read_record(body, response);
  stat = response.stat;
  return fault;
}

}  // namespace

Client::Client(asio::any_io_executor executor, ConnectOptions options)
    : connection_(std::make_shared<Connection>(std::move(executor), std::move(options))) {}

Client::Client(const Client& other, Borrow) : connection_(other.connection_), owner_(false) {}

Client::~Client() {
  if (owner_) connection_->abandon();
}

asio::any_io_executor Client::get_executor() const {
  return connection_->strand();
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
  connection_->close(std::move(handler));
}

void Client::start_create(std::string path, Buffer data, CreateOptions options,
                          CreateHandler handler) {
  Sender sender(connection_, OpCode::Create2, std::move(path));
  CreateRequest record;
  record.path = sender.wire_path();
  record.data = std::move(data);
  record.acl = std::move(options.acl);
  record.flags = static_cast<std::int32_t>(options.mode);
  auto read = [chroot = connection_->chroot()](const Bytes& body, CreateReply& reply) {
    Create2Response response;
    const ErrorCode fault = read_record(body, response);
    reply.path = strip_chroot(chroot, response.path);
    reply.stat = response.stat;
    return fault;
  };
  sender.body(record).go<CreateReply>(std::move(handler), std::move(read));
}

void Client::start_get_data(std::string path, Watcher watcher, GetDataHandler handler) {
  Sender sender(connection_, OpCode::GetData, std::move(path));
  const PathWatchRequest record{sender.wire_path(), watcher.sink() != nullptr};
  auto read = [](const Bytes& body, GetDataReply& reply) {
    GetDataResponse response;
    const ErrorCode fault = read_record(body, response);
    reply.data = std::move(response.data);
    reply.stat = response.stat;
    return fault;
  };
  sender.body(record).watch(watcher).go<GetDataReply>(std::move(handler), read);
}

void Client::start_set_data(std::string path, Buffer data, std::int32_t version,
                            StatHandler handler) {
  Sender sender(connection_, OpCode::SetData, std::move(path));
  const SetDataRequest record{sender.wire_path(), std::move(data), version};
  sender.body(record).go<Stat>(std::move(handler), read_stat);
}

void Client::start_exists(std::string path, Watcher watcher, StatHandler handler) {
  Sender sender(connection_, OpCode::Exists, std::move(path));
  const PathWatchRequest record{sender.wire_path(), watcher.sink() != nullptr};
  sender.body(record).watch(watcher).go<Stat>(std::move(handler), read_stat);
}

void Client::start_remove(std::string path, std::int32_t version, DoneHandler handler) {
  Sender sender(connection_, OpCode::Delete, std::move(path));
  const DeleteRequest record{sender.wire_path(), version};
  sender.body(record).go(std::move(handler));
}

void Client::start_get_children(std::string path, Watcher watcher, GetChildrenHandler handler) {
  Sender sender(connection_, OpCode::GetChildren2, std::move(path));
  const PathWatchRequest record{sender.wire_path(), watcher.sink() != nullptr};
  auto read = [](const Bytes& body, GetChildrenReply& reply) {
    GetChildren2Response response;
    const ErrorCode fault = read_record(body, response);
    reply.children = std::move(response.children);
    reply.stat = response.stat;
    return fault;
  };
  sender.body(record).watch(watcher).go<GetChildrenReply>(std::move(handler), read);
}

void Client::start_sync(std::string path, DoneHandler handler) {
  Sender sender(connection_, OpCode::Sync, std::move(path));
  const PathRequest record{sender.wire_path()};
  sender.body(record).go(std::move(handler));
}

}  // namespace quorate::client
