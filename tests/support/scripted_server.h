// A real Replica behind a loopback socket, with faults on demand, for tests of client code. All of
// it, the client included, runs on one thread in one io_context: what happens when is decided by
// the test.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/standalone_replica.h"

namespace quorate::server {

class ScriptedServer {
 public:
  using Tcp = boost::asio::ip::tcp;

  explicit ScriptedServer(boost::asio::io_context& io)
      : io_(io), acceptor_(io, Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {
    accept();
    other_ = {next_++};
    replica.client(other_, 60'000);
  }

  std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  // ---- Faults

  /// The next request `op` is carried out; its reply is lost with the link.
  void lose_reply(OpCode op) { lose_reply_ = op; }
  /// The next request `op` is lost with the link.
  void lose_request(OpCode op) { lose_request_ = op; }
  /// As a server of a time before `op`: an error, and the link is closed.
  void never_heard_of(OpCode op) { unknown_ = op; }
  bool faults_done() const { return !lose_reply_ && !lose_request_; }
  /// From now on connections are closed as soon as they are made.
  void refuse(bool yes) { refuse_ = yes; }
  /// Every link breaks; sessions live on.
  void cut() {
    for (auto& [id, link] : std::map(links_)) drop(id);
  }
  /// Ends the session, as its expiry does: ephemerals go, its client is refused.
  void expire(SessionId session) {
    const auto password = passwords_.find(session.value);
    REQUIRE(password != passwords_.end());
    const ConnectionId id{next_++};
    ConnectRequest again;
    again.session_id = session;
    again.password = password->second;
    again.timeout_ms = 60'000;
    replica.connect(id, again);
    replica.take_connect(id);
    replica.put(id, 1, OpCode::CloseSession);
    replica.settle();
    flush();  // Taking the session up elsewhere has closed its own connection.
  }
  /// How many requests `op` have come since the start.
  int count(OpCode op) const {
    const auto found = counts_.find(op);
    return found == counts_.end() ? 0 : found->second;
  }

  // ---- Another client, which nothing happens to

  Code create(const std::string& path, const std::string& data = "", CreateMode mode = {}) {
    CreateRequest request{path, data, open_acl(), static_cast<std::int32_t>(mode)};
    return ask(OpCode::Create, request).header.err;
  }
  Code set(const std::string& path, const std::string& data) {
    return ask(OpCode::SetData, SetDataRequest{path, data, -1}).header.err;
  }
  Code remove(const std::string& path) {
    return ask(OpCode::Delete, DeleteRequest{path, -1}).header.err;
  }
  std::vector<std::string> children(const std::string& path) {
    Reply reply = ask(OpCode::GetChildren, PathWatchRequest{path, false});
    if (reply.header.err != Code::Ok) return {};
    auto response = decode_all<GetChildrenResponse>(reply.body);
    REQUIRE(response.has_value());
    return response->children;
  }
  std::optional<GetDataResponse> get(const std::string& path) {
    Reply reply = ask(OpCode::GetData, PathWatchRequest{path, false});
    if (reply.header.err != Code::Ok) return std::nullopt;
    auto response = decode_all<GetDataResponse>(reply.body);
    REQUIRE(response.has_value());
    return *response;
  }
  std::string data(const std::string& path) {
    const auto node = get(path);
    return node && node->data ? *node->data : "";
  }

  StandaloneReplica replica;

 private:
  struct Link {
    explicit Link(Tcp::socket s) : socket(std::move(s)) {}
    Tcp::socket socket;
    FrameReader reader;
    std::array<std::byte, 65536> input;
    std::deque<Bytes> out;
    bool connected = false;  ///< Its ConnectRequest has come.
    bool answered = false;   ///< Its ConnectResponse has gone.
    bool lose_next = false;
  };
  using LinkPtr = std::shared_ptr<Link>;

  template <class Record>
  Reply ask(OpCode op, const Record& record) {
    replica.put(other_, ++xid_, op, record);
    replica.settle();
    Reply reply = replica.must_take(other_);
    flush();
    return reply;
  }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket socket) {
      if (error) return;
      if (!refuse_) {
        auto link = std::make_shared<Link>(std::move(socket));
        const ConnectionId id{next_++};
        links_[id] = link;
        replica.open(id);
        read(id, link);
      }
      accept();
    });
  }

  void read(ConnectionId id, const LinkPtr& link) {
    link->socket.async_read_some(
        boost::asio::buffer(link->input),
        [this, id, link](boost::system::error_code error, std::size_t size) {
          if (!links_.contains(id)) return;
          if (error) return drop(id);
          (void)link->reader.feed(ByteView(link->input.data(), size), [&](ByteView frame) {
            on_frame(id, *link, Bytes(frame.begin(), frame.end()));
            return links_.contains(id);
          });
          if (links_.contains(id)) read(id, link);
        });
  }

  void on_frame(ConnectionId id, Link& link, Bytes frame) {
    std::optional<OpCode> op;
    if (std::exchange(link.connected, true)) {
      JuteReader in(frame);
      RequestHeader header;
      decode(in, header);
      op = header.type;
      ++counts_[*op];
    }
    if (op && unknown_ == op) frame[6] = std::byte{0x7f};  // Of the type.
    if (op && lose_request_ == op) {
      lose_request_.reset();
      return drop(id);
    }
    if (op && lose_reply_ == op) {
      lose_reply_.reset();
      link.lose_next = true;
    }
    replica.put(id, frame);
    replica.settle();
    replica.tick(1);
    if (link.lose_next) {
      replica.fake.clients.received[id].clear();
      drop(id);
    }
    flush();
  }

  /// Sends what the replica has for each link.
  void flush() {
    for (auto& [id, link] : std::map(links_)) {
      for (Bytes frame = replica.fake.clients.take(id); !frame.empty();
           frame = replica.fake.clients.take(id)) {
        if (!std::exchange(link->answered, true)) note_session(frame);
        Bytes packet;
        append_frame(packet, [&](JuteWriter& out) { out.raw(frame); });
        link->out.push_back(std::move(packet));
        if (link->out.size() == 1) write(id, link);
      }
      if (replica.closed(id) && link->out.empty()) drop(id);
    }
  }

  void write(ConnectionId id, const LinkPtr& link) {
    boost::asio::async_write(link->socket, boost::asio::buffer(link->out.front()),
                             [this, id, link](boost::system::error_code error, std::size_t) {
                               if (!links_.contains(id)) return;
                               if (error) return drop(id);
                               link->out.pop_front();
                               if (!link->out.empty()) return write(id, link);
                               if (replica.closed(id)) drop(id);
                             });
  }

  void note_session(const Bytes& frame) {
    auto response = decode_all<ConnectResponse>(frame);
    if (response && response->timeout_ms > 0) {
      passwords_[response->session_id.value] = response->password;
    }
  }

  void drop(ConnectionId id) {
    auto found = links_.find(id);
    if (found == links_.end()) return;
    LinkPtr link = found->second;
    links_.erase(found);
    boost::system::error_code ignored;
    link->socket.close(ignored);
    replica.replica->on_client_closed(id);
    replica.pump();
  }

  boost::asio::io_context& io_;
  Tcp::acceptor acceptor_;
  std::int64_t next_ = 1;
  ConnectionId other_;
  std::int32_t xid_ = 0;
  std::map<ConnectionId, LinkPtr> links_;
  std::map<std::int64_t, Buffer> passwords_;
  std::map<OpCode, int> counts_;
  std::optional<OpCode> lose_reply_, lose_request_, unknown_;
  bool refuse_ = false;
};

}  // namespace quorate::server
