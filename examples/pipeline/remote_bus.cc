#include "examples/pipeline/remote_bus.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "examples/pipeline/bus_checks.h"
#include "examples/pipeline/bus_protocol.h"
#include "examples/pipeline/bus_socket.h"
#include "examples/pipeline/embedded_bus.h"

namespace pipeline {

namespace {

using Clock = std::chrono::steady_clock;

std::string request_of(BusOp op, std::uint64_t number) {
  std::string body;
  ByteWriter out(body);
  out.u8(static_cast<std::uint8_t>(op));
  out.varint(number);
  return body;
}

/// The fields behind a reply's head, or the fault that it is.
Result<std::string_view> fields_of(std::string_view reply, std::uint64_t number) {
  ByteReader in(reply);
  const std::uint8_t status = in.u8();
  if (in.varint() != number || !in.ok()) {
    return Fault{FaultKind::Damaged, "the broker's reply is to another request"};
  }
  if (status == 0) return in.rest();
  const std::string message(in.string());
  const auto kind = static_cast<FaultKind>(status - 1);
  if (!in.finished() || kind > FaultKind::BadArgument) {
    return Fault{FaultKind::Damaged, "the broker's reply makes no sense"};
  }
  return Fault{kind, message};
}

Fault lost(const std::string& address, const std::string& why) {
  return {FaultKind::Connection, "broker at " + address + ": " + why};
}

}  // namespace

/// The connection for calls; one call at a time.
class RemoteBus::Connection {
 public:
  Connection(const RemoteBusOptions& options) : options_(options) {}

  /// `fields` go behind the request's head. With `repeat`, a lost connection is no answer until
  /// patience is over.
  Result<std::string> call(BusOp op, const std::string& fields, bool repeat) {
    const std::lock_guard lock(mutex_);
    const auto deadline = Clock::now() + options_.patience;
    while (true) {
      if (Result<> there = socket_.connect(options_.address, deadline, /*wake=*/nullptr); !there) {
        return there.error();
      }
      const std::uint64_t number = ++number_;
      std::string why = socket_.send(frame_of(request_of(op, number) + fields));
      std::string reply;
      if (why.empty()) why = socket_.receive(reply, deadline + std::chrono::seconds(30));
      if (why.empty()) {
        const Result<std::string_view> answer = fields_of(reply, number);
        if (answer) return std::string(*answer);
        if (answer.error().kind == FaultKind::Damaged) socket_.close();
        return answer.error();
      }
      socket_.close();
      if (!repeat || Clock::now() >= deadline) return lost(options_.address, why);
    }
  }

 private:
  RemoteBusOptions options_;
  std::mutex mutex_;  ///< One call at a time: a request and its reply belong together.
  BusSocket socket_;
  std::uint64_t number_ = 0;
};

namespace {

class RemoteReader : public Reader {
 public:
  RemoteReader(RemoteBusOptions options, std::string topic, ReadLimits limits)
      : options_(std::move(options)), topic_(std::move(topic)), limits_(limits) {}

  void assign(std::vector<Position> positions) override {
    positions_ = std::move(positions);
    turn_ = 0;
  }
  const std::vector<Position>& positions() const override { return positions_; }
  void wake() override { wake_.ring(); }

  Result<std::vector<Batch>> poll(std::chrono::milliseconds limit) override {
    const auto deadline =
        Clock::now() + std::clamp<std::chrono::milliseconds>(limit, std::chrono::milliseconds(0),
                                                             std::chrono::hours(1));
    if (positions_.empty()) {
      wake_.wait(deadline);
      return std::vector<Batch>();
    }
    const auto patience = Clock::now() + options_.patience;
    while (true) {
      if (wake_.take()) return std::vector<Batch>();
      const Result<> there = socket_.connect(options_.address, patience, &wake_);
      if (wake_.take()) return std::vector<Batch>();
      if (!there) return there.error();
      auto reply = std::make_shared<std::string>();
      const std::uint64_t number = ++number_;
      const std::string why = ask(number, deadline, *reply);
      if (why.empty()) return take(reply, number);
      socket_.close();
      if (Clock::now() >= patience) return lost(options_.address, why);
    }
  }

 private:
  /// Why there is no reply; "" if there is.
  std::string ask(std::uint64_t number, Clock::time_point deadline, std::string& reply) {
    std::string body = request_of(BusOp::Read, number);
    ByteWriter out(body);
    out.string(topic_);
    out.varint(positions_.size());
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const Position& position = positions_[(turn_ + i) % positions_.size()];
      out.varint(position.partition);
      out.varint(position.offset);
    }
    out.varint(limits_.records_max);
    out.varint(limits_.bytes_max);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    out.varint(static_cast<std::uint64_t>(std::max<std::int64_t>(wait.count(), 0)));
    turn_ = (turn_ + 1) % positions_.size();
    std::string why = socket_.send(frame_of(body));
    if (!why.empty()) return why;
    // Somebody wakes us: the broker is asked to answer at once, so that the connection stays good.
    const auto patience = deadline + std::chrono::seconds(30);
    if (socket_.wait_readable(patience, &wake_) == BusSocket::Waited::Woken) {
      why = socket_.send(frame_of(request_of(BusOp::Cancel, number)));
      if (!why.empty()) return why;
    }
    return socket_.receive(reply, patience);
  }

  Result<std::vector<Batch>> take(const std::shared_ptr<std::string>& reply, std::uint64_t number) {
    const Result<std::string_view> fields = fields_of(*reply, number);
    if (!fields) {
      if (fields.error().kind == FaultKind::Damaged) socket_.close();
      return fields.error();
    }
    std::vector<Batch> batches;
    ByteReader in(*fields);
    if (!read_batches(in, reply, batches)) {
      socket_.close();
      return Fault{FaultKind::Damaged, "the broker's batches make no sense"};
    }
    for (const Batch& batch : batches) {
      for (Position& position : positions_) {
        if (position.partition == batch.partition) position.offset = batch.next;
      }
    }
    return batches;
  }

  RemoteBusOptions options_;
  std::string topic_;
  ReadLimits limits_;
  std::vector<Position> positions_;
  std::size_t turn_ = 0;
  std::uint64_t number_ = 0;
  WakeFd wake_;
  BusSocket socket_;
};

}  // namespace

RemoteBus::RemoteBus(RemoteBusOptions options)
    : options_(std::move(options)), connection_(std::make_unique<Connection>(options_)) {}
RemoteBus::~RemoteBus() = default;

Result<> RemoteBus::create_topic(const std::string& topic, const TopicOptions& options) {
  if (Result<> good = check_topic(topic, options); !good) return good;
  std::string fields;
  ByteWriter out(fields);
  out.string(topic);
  out.varint(options.partitions);
  out.varint(options.retention_bytes);
  out.varint(static_cast<std::uint64_t>(options.retention_age.count()));
  const auto reply = connection_->call(BusOp::CreateTopic, fields, /*repeat=*/true);
  if (!reply) return reply.error();
  return {};
}

Result<PartitionNumber> RemoteBus::partitions(const std::string& topic) {
  {
    const std::lock_guard lock(known_mutex_);
    const auto known = known_.find(topic);
    if (known != known_.end()) return known->second;
  }
  std::string fields;
  ByteWriter out(fields);
  out.string(topic);
  const auto reply = connection_->call(BusOp::Partitions, fields, /*repeat=*/true);
  if (!reply) return reply.error();
  const auto count = static_cast<PartitionNumber>(ByteReader(*reply).varint());
  const std::lock_guard lock(known_mutex_);
  known_[topic] = count;
  return count;
}

Result<Offset> RemoteBus::append(const std::string& topic, PartitionNumber partition,
                                 std::span<const Record> records) {
  if (Result<> good = check_records(records); !good) return good.error();
  std::string fields;
  ByteWriter out(fields);
  out.string(topic);
  out.varint(partition);
  out.varint(records.size());
  for (const Record& record : records) {
    out.string(record.key);
    out.string(record.value);
  }
  const auto reply = connection_->call(BusOp::Append, fields, /*repeat=*/false);
  if (!reply) return reply.error();
  return ByteReader(*reply).varint();
}

Result<Marks> RemoteBus::marks(const std::string& topic, PartitionNumber partition) {
  std::string fields;
  ByteWriter out(fields);
  out.string(topic);
  out.varint(partition);
  const auto reply = connection_->call(BusOp::Marks, fields, /*repeat=*/true);
  if (!reply) return reply.error();
  ByteReader in(*reply);
  Marks marks;
  marks.low = in.varint();
  marks.high = in.varint();
  return marks;
}

Result<> RemoteBus::trim(const std::string& topic, PartitionNumber partition, Offset before) {
  std::string fields;
  ByteWriter out(fields);
  out.string(topic);
  out.varint(partition);
  out.varint(before);
  const auto reply = connection_->call(BusOp::Trim, fields, /*repeat=*/true);
  if (!reply) return reply.error();
  return {};
}

Result<std::unique_ptr<Reader>> RemoteBus::open_reader(const std::string& topic,
                                                       ReadLimits limits) {
  const Result<PartitionNumber> there = partitions(topic);
  if (!there) return there.error();
  return std::unique_ptr<Reader>(std::make_unique<RemoteReader>(options_, topic, limits));
}

}  // namespace pipeline
