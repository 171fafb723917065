// A topology after Storm: sources (its spouts) read topics of the bus, operators (its bolts) make
// something of what comes to them, sinks write topics. What is declared is what runs, and what
// prints itself.
//
// A source has one task per partition of its topic: a copy of each operator behind it, all in the
// thread of the consumer that owns the partition. Storm's groupings are where copies meet: within a
// task a tuple goes to the copy beside the sender (local grouping); a sink hands it to the task of
// the same partition of the next source (fields grouping: one key, one partition) or all of it to
// one task (global grouping). The operators' states lie in the partition's checkpoint, so they are
// never without the offset that belongs to them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/bus.h"
#include "examples/pipeline/consumer.h"
#include "examples/pipeline/cut.h"
#include "examples/pipeline/event.h"

namespace lambda_app {

using pipeline::Offset;
using pipeline::PartitionNumber;

/// What flows: a record of the bus and what operators have found in it. Valid during the call.
struct Tuple {
  Offset offset = 0;
  std::int64_t append_ms = 0;
  std::string_view value;
  std::optional<pipeline::EventView> event;
  std::optional<pipeline::Cut> mark;
};

/// Where a task's records are, and which of its owners it works for.
struct TaskPlace {
  PartitionNumber partition = 0;
  std::int64_t token = 0;
  Offset from = 0;  ///< Its first record.
};

/// One copy of an operator. Called by the thread that owns its partition.
class Operator {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  virtual ~Operator() = default;

  virtual void on(const Tuple& tuple) = 0;
  /// All records below `next` have come, also those that operators before this one kept back.
  virtual void end_of_batch(Offset /*next*/) {}
  /// As PartitionHandler's.
  virtual std::optional<Moment> next_tick() const { return std::nullopt; }
  virtual void tick() {}
  virtual bool wants_commit() const { return false; }
  virtual void committed(Offset /*offset*/) {}

  /// An operator with a state is saved before each commit, and a successor's copy is loaded with it
  /// before its first tuple. load(): false if the bytes are no state of this operator.
  virtual bool keeps_state() const { return false; }
  virtual void save(std::string& /*to*/) {}
  virtual bool load(std::string_view /*bytes*/) { return true; }

 protected:
  /// To the operators declared behind this one, in their order.
  void emit(const Tuple& tuple) {
    for (Operator* next : behind_) next->on(tuple);
  }
  /// To the sinks declared behind this one, all or nothing for each of them.
  pipeline::Result<> send(std::span<const std::string> values);
  /// The newest records of the first sink, `most` at most, whoever has sent them: how a successor
  /// sees what its predecessor has come to.
  pipeline::Result<std::vector<std::string>> last_sent(std::size_t most) const;

 private:
  friend class TopologyTask;
  struct Outlet {
    pipeline::Bus* bus = nullptr;
    std::string topic;
    PartitionNumber partition = 0;
  };
  std::vector<Operator*> behind_;
  std::vector<Outlet> outlets_;
};

using MakeOperator = std::function<std::unique_ptr<Operator>(const TaskPlace&)>;

/// To whom a sink gives what it is sent.
enum class Grouping {
  SamePartition,  ///< To the partition with the sender's number: what has one key stays together.
  Global,         ///< All to partition 0: one task sees it all.
};

/// Declared front to back: whatever is named behind something must have been declared. Immutable
/// from then on; it must outlive its tasks.
class Topology {
 public:
  explicit Topology(std::string name) : name_(std::move(name)) {}

  /// Reads `topic` as consumer group `group`.
  Topology& source(const std::string& name, const std::string& topic, const std::string& group);
  /// `behind` is a source or an operator.
  Topology& op(const std::string& name, const std::string& behind, MakeOperator make);
  /// `behind` is an operator.
  Topology& sink(const std::string& name, const std::string& behind, const std::string& topic,
                 Grouping grouping);

  /// The first declaration that does not fit, or "".
  const std::string& fault() const { return fault_; }
  std::string text() const;  ///< A line for each part, indented behind what it is behind.

  struct Source {
    std::string name;
    std::string topic;
    std::string group;
  };
  const std::vector<Source>& sources() const { return sources_; }
  /// Makes the tasks of a source: what a Consumer of its group runs. `bus` must outlive them.
  pipeline::HandlerFactory tasks_of(const std::string& source, pipeline::Bus& bus) const;

 private:
  friend class TopologyTask;
  struct Declared {
    std::string name;
    std::string behind;
    std::string source;  ///< At the front of it.
    MakeOperator make;
  };
  struct Sink {
    std::string name;
    std::string behind;
    std::string topic;
    Grouping grouping = Grouping::SamePartition;
  };
  bool is_new(const std::string& name);
  const Declared* operator_of(const std::string& name) const;
  void print_behind(const std::string& name, const std::string& indent, std::string& to) const;

  std::string name_;
  std::vector<Source> sources_;
  std::vector<Declared> operators_;
  std::vector<Sink> sinks_;
  std::string fault_;
};

}  // namespace lambda_app
