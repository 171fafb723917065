#include "examples/lambda/topology.h"

#include <algorithm>
#include <map>
#include <utility>

#include "examples/lambda/operator_states.h"

namespace lambda_app {

using namespace pipeline;

// --- Operator ----------------------------------------------------------------------------------

Result<> Operator::send(std::span<const std::string> values) {
  std::vector<Record> records;
  records.reserve(values.size());
  for (const Outlet& outlet : outlets_) {
    std::size_t at = 0;
    while (at < values.size()) {
      records.clear();
      std::size_t bytes = 0;
      for (; at < values.size(); ++at) {
        bytes += values[at].size();
        if (!records.empty() && bytes > kBatchBytesMax / 2) break;
        records.push_back({{}, values[at]});
      }
      const Result<Offset> done = outlet.bus->append(outlet.topic, outlet.partition, records);
      if (!done) return done.error();
    }
  }
  return {};
}

Result<std::vector<std::string>> Operator::last_sent(std::size_t most) const {
  std::vector<std::string> values;
  if (outlets_.empty()) return values;
  const Outlet& outlet = outlets_.front();
  const Result<Marks> marks = outlet.bus->marks(outlet.topic, outlet.partition);
  if (!marks) return marks.error();
  auto reader = outlet.bus->open_reader(outlet.topic);
  if (!reader) return reader.error();
  Offset next = marks->high - std::min<Offset>(most, marks->high - marks->low);
  (*reader)->assign({{outlet.partition, next}});
  while (next < marks->high) {
    const Result<std::vector<Batch>> batches = (*reader)->poll(std::chrono::seconds(10));
    if (!batches) return batches.error();
    if (batches->empty()) {
      return Fault{FaultKind::Connection, outlet.topic + ": no answer at " + std::to_string(next)};
    }
    for (const Batch& batch : *batches) {
      for (const StoredRecord& record : batch.records) values.emplace_back(record.value);
      next = batch.next;
    }
  }
  return values;
}

// --- A task ------------------------------------------------------------------------------------

/// A copy of all that is behind a source, for one partition.
class TopologyTask : public PartitionHandler {
 public:
  TopologyTask(const Topology& topology, const std::string& source, Bus& bus,
               const TaskPlace& place) {
    for (const Topology::Declared& declared : topology.operators_) {
      if (declared.source != source) continue;
      Named& named = operators_.emplace_back(Named{declared.name, declared.make(place)});
      if (declared.behind == source) {
        front_.push_back(named.copy.get());
      } else {
        find(declared.behind)->behind_.push_back(named.copy.get());
      }
    }
    for (const Topology::Sink& sink : topology.sinks_) {
      Operator* sender = find(sink.behind);
      if (sender == nullptr) continue;
      const PartitionNumber partition = sink.grouping == Grouping::Global ? 0 : place.partition;
      sender->outlets_.push_back({&bus, sink.topic, partition});
    }
  }

  bool load(std::string_view state) {
    const auto states = decode_operator_states(state);
    if (!states) return false;
    for (const Named& named : operators_) {
      // An operator that is new in this version begins with nothing.
      const auto at = states->find(named.name);
      if (!named.copy->keeps_state() || at == states->end()) continue;
      if (!named.copy->load(at->second)) return false;
    }
    return true;
  }

  void handle(const Batch& batch) override {
    for (const StoredRecord& record : batch.records) {
      const Tuple tuple{record.offset, record.append_ms, record.value, {}, {}};
      for (Operator* next : front_) next->on(tuple);
    }
    for (const Named& named : operators_) named.copy->end_of_batch(batch.next);
  }
  std::string state() override {
    std::string bytes;
    OperatorStatesWriter out(bytes);
    for (const Named& named : operators_) {
      if (!named.copy->keeps_state()) continue;
      out.add(named.name, [&named](std::string& to) { named.copy->save(to); });
    }
    return bytes;
  }
  void committed(Offset offset) override {
    for (const Named& named : operators_) named.copy->committed(offset);
  }
  bool wants_commit() const override {
    return std::any_of(operators_.begin(), operators_.end(),
                       [](const Named& named) { return named.copy->wants_commit(); });
  }
  std::optional<Operator::Moment> next_tick() const override {
    std::optional<Operator::Moment> first;
    for (const Named& named : operators_) {
      const auto due = named.copy->next_tick();
      if (due && (!first || *due < *first)) first = due;
    }
    return first;
  }
  void tick() override {
    const auto now = std::chrono::steady_clock::now();
    for (const Named& named : operators_) {
      const auto due = named.copy->next_tick();
      if (due && *due <= now) named.copy->tick();
    }
  }

 private:
  struct Named {
    std::string name;
    std::unique_ptr<Operator> copy;
  };
  Operator* find(const std::string& name) const {
    const auto at = std::find_if(operators_.begin(), operators_.end(),
                                 [&name](const Named& named) { return named.name == name; });
    return at == operators_.end() ? nullptr : at->copy.get();
  }

  std::vector<Named> operators_;  ///< As declared, so each behind what it hears from.
  std::vector<Operator*> front_;  ///< Right behind the source.
};

// --- Topology ----------------------------------------------------------------------------------

Topology& Topology::source(const std::string& name, const std::string& topic,
                           const std::string& group) {
  if (is_new(name)) sources_.push_back({name, topic, group});
  return *this;
}

Topology& Topology::op(const std::string& name, const std::string& behind, MakeOperator make) {
  if (!is_new(name)) return *this;
  const auto source = std::find_if(sources_.begin(), sources_.end(),
                                   [&behind](const Source& of) { return of.name == behind; });
  const Declared* before = operator_of(behind);
  if (source == sources_.end() && before == nullptr) {
    fault_ = name + ": there is no " + behind + " before it";
    return *this;
  }
  std::string front = before != nullptr ? before->source : behind;
  operators_.push_back({name, behind, std::move(front), std::move(make)});
  return *this;
}

Topology& Topology::sink(const std::string& name, const std::string& behind,
                         const std::string& topic, Grouping grouping) {
  if (!is_new(name)) return *this;
  if (operator_of(behind) == nullptr) {
    fault_ = name + ": there is no operator " + behind + " before it";
    return *this;
  }
  sinks_.push_back({name, behind, topic, grouping});
  return *this;
}

/// False, too, when something before was wrong: only the first fault is told.
bool Topology::is_new(const std::string& name) {
  if (!fault_.empty()) return false;
  const auto same = [&name](const auto& part) { return part.name == name; };
  if (std::any_of(sources_.begin(), sources_.end(), same) ||
      std::any_of(operators_.begin(), operators_.end(), same) ||
      std::any_of(sinks_.begin(), sinks_.end(), same)) {
    fault_ = name + " is declared twice";
  }
  return fault_.empty();
}

const Topology::Declared* Topology::operator_of(const std::string& name) const {
  const auto at = std::find_if(operators_.begin(), operators_.end(),
                               [&name](const Declared& of) { return of.name == name; });
  return at == operators_.end() ? nullptr : &*at;
}

std::string Topology::text() const {
  std::string lines = "topology " + name_ + "\n";
  for (const Source& source : sources_) {
    lines += "  source " + source.name + ": topic " + source.topic + ", group " + source.group +
             ", a task per partition\n";
    print_behind(source.name, "    ", lines);
  }
  return lines;
}

void Topology::print_behind(const std::string& name, const std::string& indent,
                            std::string& to) const {
  for (const Sink& sink : sinks_) {
    if (sink.behind != name) continue;
    to += indent + "sink " + sink.name + ": topic " + sink.topic +
          (sink.grouping == Grouping::Global ? ", all to one partition\n" : ", same partition\n");
  }
  for (const Declared& declared : operators_) {
    if (declared.behind != name) continue;
    to += indent + "operator " + declared.name + "\n";
    print_behind(declared.name, indent + "  ", to);
  }
}

HandlerFactory Topology::tasks_of(const std::string& source, Bus& bus) const {
  return [this, source, &bus](PartitionNumber partition, std::int64_t token,
                              const Checkpoint& last) -> std::unique_ptr<PartitionHandler> {
    auto task = std::make_unique<TopologyTask>(*this, source, bus,
                                               TaskPlace{partition, token, last.offset});
    if (!last.state.empty() && !task->load(last.state)) return nullptr;
    return task;
  };
}

}  // namespace lambda_app
