#include "examples/lambda/serve/alerts_follower.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace lambda_app {

using pipeline::Result;

namespace {

constexpr auto kPause = std::chrono::milliseconds(200);

}  // namespace

Result<std::unique_ptr<AlertsFollower>> AlertsFollower::start(
    pipeline::Bus& bus, const std::string& topic, std::function<void(const std::string&)> told) {
  std::unique_ptr<AlertsFollower> follower(new AlertsFollower(bus, topic, std::move(told)));
  Result<std::unique_ptr<pipeline::Reader>> reader = bus.open_reader(topic);
  if (!reader) return reader.error();
  const Result<pipeline::Marks> marks = bus.marks(topic, 0);
  if (!marks) return marks.error();
  follower->reader_ = std::move(*reader);
  follower->new_from_ = marks->high;
  const pipeline::Offset kept = marks->high - marks->low > kKept ? marks->high - kKept : marks->low;
  follower->reader_->assign({{0, kept}});
  follower->thread_ = std::thread([self = follower.get()] { self->run(); });
  return follower;
}

AlertsFollower::~AlertsFollower() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  reader_->wake();
  thread_.join();
}

std::deque<std::string> AlertsFollower::last() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

void AlertsFollower::run() {
  while (!stopping_) {
    const auto batches = reader_->poll(std::chrono::hours(1));
    if (!batches) {
      if (batches.error().kind == pipeline::FaultKind::OutOfRange) {
        const Result<pipeline::Marks> marks = bus_.marks(topic_, 0);
        if (marks) reader_->assign({{0, marks->low}});
      }
      std::this_thread::sleep_for(kPause);
      continue;
    }
    for (const pipeline::Batch& batch : *batches) {
      for (const pipeline::StoredRecord& record : batch.records) {
        if (!nlohmann::json::accept(record.value)) continue;
        const std::string text(record.value);
        {
          const std::lock_guard lock(mutex_);
          kept_.push_back(text);
          if (kept_.size() > kKept) kept_.pop_front();
        }
        if (record.offset >= new_from_) told_(text);
      }
    }
  }
}

}  // namespace lambda_app
