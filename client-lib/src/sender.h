// What all operations share: path to the wire, watch, timeout, cancellation, the typed reply.
#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "client-lib/src/connection.h"
#include "client-lib/src/error_place.h"
#include "quorate/client.h"
#include "quorate/errors.h"
#include "znode/proto/records.h"

namespace quorate::client {

/// Calls `handler(args...)` on its executor; on the spot where that is `home`, on which we are.
template <class Handler, class... Args>
void deliver_to(Handler handler, const asio::any_completion_executor& home, Args... args) {
  const auto executor = asio::get_associated_executor(handler, home);
  if (executor == home) {
    std::move(handler)(std::move(args)...);
    return;
  }
  asio::dispatch(executor, [handler = std::move(handler),
                            all = std::make_tuple(std::move(args)...)]() mutable {
    std::apply(std::move(handler), std::move(all));
  });
}

/// One request on its way: knows how to read its answer and whom to give it to.
template <class Value, class Handler, class Read>
class TypedCall final : public PendingCall {
 public:
  TypedCall(Handler handler, Read read, const char* op, std::string path)
      : handler_(std::move(handler)), read_(std::move(read)), op_(op), path_(std::move(path)) {}

  void answer(ErrorCode error, ByteView body, const std::string& chroot) override {
    if (!error) error = read_(body, chroot, value_);
    if (error) error = at_place(error, op_, path_);
    error_ = error;
  }
  void deliver(const asio::any_completion_executor& home) override {
    deliver_to(std::move(handler_), home, error_, std::move(value_));
  }

 private:
  Handler handler_;
  Read read_;
  const char* op_;
  std::string path_;
  ErrorCode error_;
  Value value_{};
};

/// As TypedCall for operations whose answer is the error alone.
class DoneCall final : public PendingCall {
 public:
  DoneCall(Client::DoneHandler handler, const char* op, std::string path)
      : handler_(std::move(handler)), op_(op), path_(std::move(path)) {}

  void answer(ErrorCode error, ByteView, const std::string&) override {
    error_ = error ? at_place(error, op_, path_) : error;
  }
  void deliver(const asio::any_completion_executor& home) override {
    deliver_to(std::move(handler_), home, error_);
  }

 private:
  Client::DoneHandler handler_;
  const char* op_;
  std::string path_;
  ErrorCode error_;
};

template <class Record>
ErrorCode read_record(ByteView body, Record& record) {
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

OpCode create_op(CreateMode mode);
void put_create(JuteWriter& out, OpCode op, const std::string& path, const Buffer& data,
                const CreateOptions& options);

/// Builds one request and hands it to the connection.
class Sender {
 public:
  Sender(const std::shared_ptr<Connection>& connection, std::chrono::milliseconds timeout,
         OpCode op, const char* name)
      : connection_(connection), op_(name) {
    submission_.request.op = op;
    submission_.request.timeout_ms = timeout.count();
  }

  /// What the operation is about, as the client names it. `suffixed`: the server completes the
  /// name.
  Sender& path(std::string path, bool suffixed = false) {
    if (!valid_path(path, suffixed)) fault_ = Code::BadArguments;
    path_ = std::move(path);
    return *this;
  }
  Sender& refuse(ErrorCode why) {
    fault_ = why;
    return *this;
  }
  /// Something else for the message of an error.
  Sender& about(std::string what) {
    path_ = std::move(what);
    return *this;
  }

  const std::string& chroot() const { return connection_->chroot(); }
  std::string wire_path() const { return add_chroot(chroot(), path_); }

  template <class Record>
  Sender& record(const Record& record) {
    JuteWriter out(submission_.request.body);
    encode(out, record);
    return *this;
  }
  /// Where fields are written one by one.
  JuteWriter body() { return JuteWriter(submission_.request.body); }

  Sender& watch(const Watcher& watcher, std::string wire_path, bool recursive = false) {
    if (!watcher.sink()) return *this;
    submission_.sink = watcher.sink();
    submission_.request.watch = WatchRequest{0, std::move(wire_path), recursive};
    return *this;
  }
  Sender& removal(WatchRemoval removal, const Watcher& watcher) {
    submission_.sink = watcher.sink();
    submission_.request.watch = std::move(removal);
    return *this;
  }

  template <class Value, class Handler, class Read>
  void go(Handler handler, Read read) {
    auto ticket = arm_cancel(handler, connection_);
    send(std::make_unique<TypedCall<Value, Handler, Read>>(std::move(handler), std::move(read), op_,
                                                           std::move(path_)),
         std::move(ticket));
  }
  void go(Client::DoneHandler handler) {
    auto ticket = arm_cancel(handler, connection_);
    send(std::make_unique<DoneCall>(std::move(handler), op_, std::move(path_)), std::move(ticket));
  }

 private:
  void send(std::unique_ptr<PendingCall> call, std::shared_ptr<RequestId> ticket) {
    submission_.call = std::move(call);
    submission_.ticket = std::move(ticket);
    submission_.fault = fault_;
    connection_->submit(std::move(submission_));
  }

  std::shared_ptr<Connection> connection_;
  const char* op_;
  std::string path_;
  ErrorCode fault_;
  Submission submission_;
};

}  // namespace quorate::client
