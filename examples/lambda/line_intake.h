// Lines of logs in, events on the bus: what the collector does with every line, wherever it is
// from.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/backpressure.h"
#include "examples/pipeline/dead_letters.h"
#include "examples/pipeline/log_parser.h"

namespace lambda_app {

struct IntakeCounts {
  std::uint64_t lines = 0;
  std::uint64_t events = 0;  ///< Handed on; what became of them is in BackpressureCounts.
  std::uint64_t bad = 0;
  std::uint64_t again = 0;   ///< Batches offered again because the bus did not answer.
  std::uint64_t unsent = 0;  ///< Parsed, but not handed on when it was told to stop.
};

/// Parses lines, keeps bad ones aside, batches events. Any thread: a call holds all others up, as
/// back pressure shall.
class LineIntake {
 public:
  struct Options {
    pipeline::Identity identity = pipeline::Identity::Content;
    std::size_t batch = 1'000;  ///< Events offered at once.
    std::string bad_file;       ///< "": bad lines are only counted.
  };
  /// `told` is called after each batch, by the thread that sent it.
  static pipeline::Result<std::unique_ptr<LineIntake>> open(pipeline::Backpressure& bus,
                                                            const Options& options,
                                                            std::function<void()> told);

  /// Complete lines of one source that begins at `offset`; all of them are on the bus, in the
  /// buffer or dropped when this has succeeded. Closed after stop(); other faults are the bus's.
  pipeline::Result<> take(std::string_view lines, const std::string& source, std::uint64_t offset);
  /// Ends what waits in take(), and everything later. The bus must have been closed, too.
  void stop() { stopping_ = true; }

  IntakeCounts counts() const;
  /// Of bad lines: how many of which kind.
  std::string bad_kinds() const;

 private:
  /// Where an event lies in bytes_.
  struct Waiting {
    std::size_t key = 0;
    std::size_t value = 0;
    std::size_t end = 0;
  };
  LineIntake(pipeline::Backpressure& bus, const Options& options, std::function<void()> told)
      : bus_(bus), options_(options), told_(std::move(told)) {}
  void add(pipeline::LogParser& parser, const std::string& source, std::string_view line,
           std::uint64_t offset);
  pipeline::Result<> send();
  pipeline::Result<> offer(const std::vector<pipeline::Record>& records);

  pipeline::Backpressure& bus_;
  const Options options_;
  const std::function<void()> told_;
  std::atomic<bool> stopping_{false};

  std::mutex intake_;  ///< Keeps letters_, waiting_ and bytes_: one call at a time.
  pipeline::DeadLetters letters_;
  std::vector<Waiting> waiting_;
  std::string bytes_;

  mutable std::mutex counts_mutex_;  ///< Keeps both below, which are asked for while a call waits.
  IntakeCounts counts_;
  std::vector<std::uint64_t> kinds_ = std::vector<std::uint64_t>(pipeline::kBadLineKinds);
};

}  // namespace lambda_app
