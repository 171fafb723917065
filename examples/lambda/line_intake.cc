#include "examples/lambda/line_intake.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace lambda_app {

using namespace pipeline;

namespace {
constexpr std::size_t kBatchBytes = 1u << 20;
}  // namespace

Result<std::unique_ptr<LineIntake>> LineIntake::open(Backpressure& bus, const Options& options,
                                                     std::function<void()> told) {
  std::unique_ptr<LineIntake> intake(new LineIntake(bus, options, std::move(told)));
  if (!options.bad_file.empty()) {
    auto letters = DeadLetters::open(options.bad_file);
    if (!letters) return letters.error();
    intake->letters_ = std::move(*letters);
  }
  return intake;
}

Result<> LineIntake::take(std::string_view lines, const std::string& source, std::uint64_t offset) {
  const std::lock_guard one_at_a_time(intake_);
  LogParser parser({options_.identity, source});
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    add(parser, source, lines.substr(0, std::min(end, kLineBytesMax + 1)), offset);
    const std::size_t taken = std::min(end + 1, lines.size());
    lines.remove_prefix(taken);
    offset += taken;
    if (waiting_.size() >= options_.batch || bytes_.size() >= kBatchBytes) {
      if (Result<> sent = send(); !sent) return sent;
    }
  }
  if (Result<> sent = send(); !sent) return sent;
  return letters_.flush();
}

void LineIntake::add(LogParser& parser, const std::string& source, std::string_view line,
                     std::uint64_t offset) {
  const auto event = parser.parse(line, offset);
  if (!event) letters_.add(event.error(), source, offset, line);
  if (event) {
    Waiting waiting;
    waiting.key = bytes_.size();
    bytes_ += event->visitor;
    waiting.value = bytes_.size();
    encode(*event, bytes_);
    waiting.end = bytes_.size();
    waiting_.push_back(waiting);
  }
  const std::lock_guard lock(counts_mutex_);
  ++counts_.lines;
  if (event) return;
  ++counts_.bad;
  ++kinds_[static_cast<std::size_t>(event.error())];
}

Result<> LineIntake::send() {
  if (waiting_.empty()) return {};
  const std::string_view bytes(bytes_);
  std::vector<Record> records;
  records.reserve(waiting_.size());
  for (const Waiting& one : waiting_) {
    records.push_back(
        {bytes.substr(one.key, one.value - one.key), bytes.substr(one.value, one.end - one.value)});
  }
  const Result<> done = offer(records);
  {
    const std::lock_guard lock(counts_mutex_);
    (done ? counts_.events : counts_.unsent) += records.size();
  }
  waiting_.clear();
  bytes_.clear();
  if (told_) told_();
  return done;
}

Result<> LineIntake::offer(const std::vector<Record>& records) {
  while (true) {
    if (stopping_) return Fault{FaultKind::Closed, "the collector is stopping"};
    Result<> done = bus_.offer(records);
    // The bus has waited for its broker, so this is no busy loop. What is there already comes
    // again: the ids tell.
    if (done || done.error().kind != FaultKind::Connection) return done;
    const std::lock_guard lock(counts_mutex_);
    ++counts_.again;
  }
}

IntakeCounts LineIntake::counts() const {
  const std::lock_guard lock(counts_mutex_);
  return counts_;
}

std::string LineIntake::bad_kinds() const {
  nlohmann::json kinds = nlohmann::json::object();
  const std::lock_guard lock(counts_mutex_);
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    if (kinds_[i] > 0) kinds[name_of(static_cast<BadLine>(i))] = kinds_[i];
  }
  return kinds.dump();
}

}  // namespace lambda_app
