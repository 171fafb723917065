#include "examples/pipeline/bus_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include "examples/pipeline/bus_protocol.h"

namespace pipeline {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;

/// A Read for which there is nothing yet.
struct WaitingRead {
  std::uint64_t number = 0;
  std::string topic;
  std::vector<Position> positions;
  ReadLimits limits;
};

class Connection;

/// What connections share. Everything runs on the server's one thread.
struct Shared {
  EmbeddedBus& bus;
  std::set<Connection*> waiting{};
  std::set<std::shared_ptr<Connection>> connections{};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, Shared& shared)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), shared_(shared) {}

  void start() { read_head(); }

  /// An append to the topic: is there something for the read that waits?
  void look_again(const std::string& topic) {
    if (waiting_ && waiting_->topic == topic) answer_read(/*even_if_empty=*/false);
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    shared_.waiting.erase(this);
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    shared_.connections.erase(shared_from_this());
  }

 private:
  void read_head() {
    asio::async_read(
        socket_, asio::buffer(head_),
        [self = shared_from_this()](const error_code& fault, std::size_t) {
          if (fault) return self->close();
          const std::uint32_t size = ByteReader({self->head_.data(), self->head_.size()}).fixed32();
          if (size > kFrameBytesMax) return self->close();
          self->body_.resize(size);
          self->read_body();
        });
  }

  void read_body() {
    asio::async_read(socket_, asio::buffer(body_),
                     [self = shared_from_this()](const error_code& fault, std::size_t) {
                       if (fault || !self->on_request()) return self->close();
                       if (!self->closed_) self->read_head();
                     });
  }

  /// False if the bytes are no request.
  bool on_request() {
    ByteReader in(body_);
    const auto op = static_cast<BusOp>(in.u8());
    const std::uint64_t number = in.varint();
    if (op == BusOp::Cancel) {
      if (waiting_) answer_read(/*even_if_empty=*/true);
      return in.finished();
    }
    if (waiting_) return false;  // One request at a time.
    const std::string topic(in.string());
    if (!in.ok()) return false;
    switch (op) {
      case BusOp::CreateTopic:
        return create_topic(number, topic, in);
      case BusOp::Partitions: {
        const Result<PartitionNumber> count = shared_.bus.partitions(topic);
        count ? reply_numbers(number, {*count}) : reply(number, count.error());
        return in.finished();
      }
      case BusOp::Append:
        return append(number, topic, in);
      case BusOp::Marks: {
        const auto marks = shared_.bus.marks(topic, static_cast<PartitionNumber>(in.varint()));
        marks ? reply_numbers(number, {marks->low, marks->high}) : reply(number, marks.error());
        return in.finished();
      }
      case BusOp::Trim: {
        const auto partition = static_cast<PartitionNumber>(in.varint());
        const Result<> done = shared_.bus.trim(topic, partition, in.varint());
        done ? reply_numbers(number, {}) : reply(number, done.error());
        return in.finished();
      }
      case BusOp::Read:
        return read(number, topic, in);
      case BusOp::Cancel:
        break;
    }
    return false;
  }

  bool create_topic(std::uint64_t number, const std::string& topic, ByteReader& in) {
    TopicOptions options;
    options.partitions = static_cast<PartitionNumber>(in.varint());
    options.retention_bytes = in.varint();
    options.retention_age = std::chrono::milliseconds(in.varint());
    if (!in.finished()) return false;
    const Result<> done = shared_.bus.create_topic(topic, options);
    done ? reply_numbers(number, {}) : reply(number, done.error());
    return true;
  }

  bool append(std::uint64_t number, const std::string& topic, ByteReader& in) {
    const auto partition = static_cast<PartitionNumber>(in.varint());
    std::vector<Record> records(in.count(/*bytes_each=*/2));
    for (Record& record : records) {
      record.key = in.string();
      record.value = in.string();
    }
    if (!in.finished()) return false;
    const Result<Offset> offset = shared_.bus.append(topic, partition, records);
    offset ? reply_numbers(number, {*offset}) : reply(number, offset.error());
    return true;
  }

  bool read(std::uint64_t number, const std::string& topic, ByteReader& in) {
    WaitingRead wanted;
    wanted.number = number;
    wanted.topic = topic;
    wanted.positions.resize(in.count(/*bytes_each=*/2));
    for (Position& position : wanted.positions) {
      position.partition = static_cast<PartitionNumber>(in.varint());
      position.offset = in.varint();
    }
    wanted.limits.records_max = std::max<std::uint64_t>(in.varint(), 1);
    wanted.limits.bytes_max = std::min<std::uint64_t>(in.varint(), kReadBytesMax);
    const std::chrono::milliseconds wait(std::min<std::uint64_t>(in.varint(), 3'600'000));
    if (!in.finished()) return false;
    waiting_ = std::move(wanted);
    if (answer_read(/*even_if_empty=*/wait.count() == 0)) return true;
    shared_.waiting.insert(this);
    timer_.expires_after(wait);
    timer_.async_wait([self = shared_from_this(), number](const error_code& fault) {
      if (!fault && self->waiting_ && self->waiting_->number == number) {
        self->answer_read(/*even_if_empty=*/true);
      }
    });
    return true;
  }

  /// True if the read that waits was answered.
  bool answer_read(bool even_if_empty) {
    std::vector<Batch> batches;
    ReadLimits left = waiting_->limits;
    for (const Position& position : waiting_->positions) {
      Result<Batch> batch = shared_.bus.read(waiting_->topic, position, left);
      if (!batch && batches.empty()) {
        reply(take_waiting(), batch.error());
        return true;
      }
      if (!batch || batch->records.empty()) continue;
      std::size_t bytes = 0;
      for (const StoredRecord& record : batch->records) {
        bytes += record.key.size() + record.value.size();
      }
      left.records_max -= std::min(left.records_max, batch->records.size());
      left.bytes_max -= std::min(left.bytes_max, bytes);
      batches.push_back(std::move(*batch));
      if (left.records_max == 0 || left.bytes_max == 0) break;
    }
    if (batches.empty() && !even_if_empty) return false;
    std::string body = reply_head(take_waiting());
    ByteWriter out(body);
    write_batches(batches, out);
    send(frame_of(body));
    return true;
  }

  std::uint64_t take_waiting() {
    const std::uint64_t number = waiting_->number;
    waiting_.reset();
    shared_.waiting.erase(this);
    timer_.cancel();
    return number;
  }

  static std::string reply_head(std::uint64_t number) {
    std::string body;
    ByteWriter out(body);
    out.u8(0);
    out.varint(number);
    return body;
  }

  void reply_numbers(std::uint64_t number, std::initializer_list<std::uint64_t> values) {
    std::string body = reply_head(number);
    ByteWriter out(body);
    for (const std::uint64_t value : values) out.varint(value);
    send(frame_of(body));
  }

  void reply(std::uint64_t number, const Fault& fault) {
    std::string body;
    ByteWriter out(body);
    out.u8(static_cast<std::uint8_t>(1 + static_cast<int>(fault.kind)));
    out.varint(number);
    out.string(fault.message);
    send(frame_of(body));
  }

  /// One request at a time, so at most two replies wait here.
  void send(std::string frame) {
    out_.push_back(std::move(frame));
    if (out_.size() == 1) write();
  }

  void write() {
    asio::async_write(socket_, asio::buffer(out_.front()),
                      [self = shared_from_this()](const error_code& fault, std::size_t) {
                        if (fault) return self->close();
                        self->out_.pop_front();
                        if (!self->out_.empty()) self->write();
                      });
  }

  Socket socket_;
  asio::steady_timer timer_;
  Shared& shared_;
  std::array<char, 4> head_{};
  std::string body_;
  std::deque<std::string> out_;
  std::optional<WaitingRead> waiting_;
  bool closed_ = false;
};

}  // namespace

class BusServer::State {
 public:
  explicit State(EmbeddedBus& bus) : bus_(bus), shared_{bus} {}

  ~State() {
    bus_.set_append_listener({});
    asio::post(io_, [this] {
      const auto all = shared_.connections;
      for (const auto& connection : all) connection->close();
      io_.stop();
    });
    if (thread_.joinable()) thread_.join();
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Result<> listen(const std::string& wanted) {
    const Result<BusAddress> address = parse_bus_address(wanted);
    if (!address) return address.error();
    error_code fault;
    if (!address->path.empty()) {
      listen_unix(address->path, fault);
      address_ = wanted;
    } else {
      listen_tcp(*address, fault);
    }
    if (fault) return Fault{FaultKind::Connection, wanted + ": " + fault.message()};
    bus_.set_append_listener([this](const std::string& topic, PartitionNumber) {
      asio::post(io_, [this, topic] {
        // Answering takes a connection out of the set.
        const auto waiting = shared_.waiting;
        for (Connection* connection : waiting) connection->look_again(topic);
      });
    });
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  const std::string& address() const { return address_; }

 private:
  void listen_unix(const std::string& path, error_code& fault) {
    struct stat found {};
    // Only a socket is taken away: what a killed broker leaves.
    if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
    auto& acceptor = acceptor_.emplace<asio::local::stream_protocol::acceptor>(io_);
    acceptor.open({}, fault);
    if (!fault) acceptor.bind(asio::local::stream_protocol::endpoint(path), fault);
    if (!fault) acceptor.listen(asio::socket_base::max_listen_connections, fault);
    if (fault) return;
    path_ = path;
    accept(acceptor);
  }

  void listen_tcp(const BusAddress& address, error_code& fault) {
    const auto host = asio::ip::make_address(address.host, fault);
    if (fault) return;
    const asio::ip::tcp::endpoint endpoint(host, address.port);
    auto& acceptor = acceptor_.emplace<asio::ip::tcp::acceptor>(io_);
    acceptor.open(endpoint.protocol(), fault);
    if (!fault) acceptor.set_option(asio::socket_base::reuse_address(true), fault);
    if (!fault) acceptor.bind(endpoint, fault);
    if (!fault) acceptor.listen(asio::socket_base::max_listen_connections, fault);
    if (fault) return;
    address_ = "tcp:" + address.host + ":" + std::to_string(acceptor.local_endpoint(fault).port());
    accept(acceptor);
  }

  template <class Acceptor>
  void accept(Acceptor& acceptor) {
    auto socket = std::make_shared<Socket>(io_);
    acceptor.async_accept(*socket, [this, socket, &acceptor](const error_code& fault) {
      if (fault == asio::error::operation_aborted) return;
      if (!fault && shared_.connections.size() < kConnectionsMax) {
        error_code ignored;
        if constexpr (std::is_same_v<Acceptor, asio::ip::tcp::acceptor>) {
          socket->set_option(asio::ip::tcp::no_delay(true), ignored);
        }
        const auto connection = std::make_shared<Connection>(std::move(*socket), shared_);
        shared_.connections.insert(connection);
        connection->start();
      }
      accept(acceptor);
    });
  }

  EmbeddedBus& bus_;
  Shared shared_;
  std::string address_;
  std::string path_;
  asio::io_context io_;
  std::variant<std::monostate, asio::local::stream_protocol::acceptor, asio::ip::tcp::acceptor>
      acceptor_;
  std::thread thread_;
};

BusServer::BusServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
BusServer::~BusServer() = default;
const std::string& BusServer::address() const {
  return state_->address();
}

Result<std::unique_ptr<BusServer>> BusServer::start(EmbeddedBus& bus, const std::string& address) {
  auto state = std::make_unique<State>(bus);
  if (Result<> listening = state->listen(address); !listening) return listening.error();
  return std::unique_ptr<BusServer>(new BusServer(std::move(state)));
}

}  // namespace pipeline
