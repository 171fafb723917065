// The second half of the alert rule: one task sees the counts of all partitions and tells when the
// rate of errors crosses a limit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/lambda/error_rate.h"
#include "examples/lambda/outbox.h"
#include "examples/lambda/speed_operators.h"
#include "examples/lambda/topology.h"
#include "examples/pipeline/windows.h"

namespace lambda_app {

struct AlertOptions {
  /// Windows of event time, one begins every `slide_ms`, which divides `window_ms`. Partial counts
  /// come in slices of `slide_ms`.
  std::int64_t window_ms = 60'000;
  std::int64_t slide_ms = 10'000;
  double percent = 5;           ///< Of a window's hits that may fail, at most.
  std::uint64_t hits_min = 20;  ///< A window with fewer is never above the limit.
  /// How much older than the newest an event may be and still be counted.
  std::int64_t disorder_ms = 20'000;
  /// A partition that has said nothing for so long while others have does not hold the watermark.
  std::int64_t idle_ms = 10'000;
};

/// A crossing of the limit, upwards or downwards, by the window that ends at `window.end_ms`.
struct Alert {
  bool raised = false;
  pipeline::WindowSpan window;
  ErrorCounts counts;

  /// The same crossing has the same id, whoever tells it and how often: readers ignore repetitions.
  std::string id() const;
};
/// {"id","rule":"error-rate","state":"raised"|"cleared","from_ms","to_ms","hits","errors","percent",
/// "limit_percent"}
std::string to_json(const Alert& alert, const AlertOptions& options);

/// Pure: the same counts in the same order make the same alerts. Owned by one thread.
class AlertRule {
 public:
  explicit AlertRule(AlertOptions options) : options_(options), watermark_(options.disorder_ms) {}

  /// False if this range was taken before. `append_ms`: when the bus got it.
  bool add(const PartialCounts& counts, std::int64_t append_ms);
  /// The crossings of the windows that the watermark has passed since the last call.
  std::vector<Alert> advance();

  std::uint64_t late() const { return late_; }  ///< Hits whose windows were all told.
  bool raised() const { return raised_; }

  void save(pipeline::ByteWriter& out) const;
  bool load(pipeline::ByteReader& in);

 private:
  struct Partition {
    Offset end = 0;
    std::int64_t newest_ms = EventClock::kNever;
    std::int64_t append_ms = 0;
    bool idle = false;
  };
  void note_time(const PartialCounts& counts, std::int64_t append_ms);
  void restore_watermark();
  void judge(std::int64_t end_ms, std::vector<Alert>& alerts);

  AlertOptions options_;
  pipeline::Watermark watermark_;
  std::map<PartitionNumber, Partition> partitions_;
  std::map<std::int64_t, ErrorCounts> slices_;  ///< Of windows that are not told yet, by begin.
  std::int64_t told_ms_ = EventClock::kNever;   ///< End of the window told last.
  /// How far the watermark has ever come: partitions that come back late do not move it back.
  std::int64_t now_ms_ = EventClock::kNever;
  bool raised_ = false;
  std::uint64_t late_ = 0;
};

/// Takes partial counts, sends alerts as JSON: each once it is committed. A successor looks for
/// those that its predecessor has sent, and sends the others. (A predecessor that is only paused
/// may still send one; so they have ids.)
class AlertOperator : public Operator {
 public:
  AlertOperator(AlertOptions options, std::shared_ptr<SpeedCounts> counts)
      : options_(options), counts_(std::move(counts)), rule_(options) {}

  void on(const Tuple& tuple) override;
  std::optional<Moment> next_tick() const override { return outbox_.due(); }
  void tick() override { send_committed(); }
  bool wants_commit() const override { return outbox_.has_uncommitted(); }
  void committed(Offset offset) override;
  bool keeps_state() const override { return true; }
  void save(std::string& to) override;
  bool load(std::string_view bytes) override;

 private:
  void send_committed();

  AlertOptions options_;
  std::shared_ptr<SpeedCounts> counts_;
  AlertRule rule_;
  Outbox outbox_;            ///< Alerts, JSON.
  bool look_first_ = false;  ///< What is in the outbox may have been sent.
};

}  // namespace lambda_app
