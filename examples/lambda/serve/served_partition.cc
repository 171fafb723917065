#include "examples/lambda/serve/served_partition.h"

#include <algorithm>
#include <utility>

namespace lambda_app {

namespace {

/// As SpeedParts::since(cut) would say, without merging. Behind the end there is nothing to have.
bool covers_from(const SpeedParts& parts, Offset cut) {
  if (cut >= parts.end()) return true;
  return std::any_of(parts.parts().begin(), parts.parts().end(),
                     [&](const SpeedPart& part) { return part.from == cut; });
}

}  // namespace

void ServedPartition::claimed(std::int64_t token) {
  newest_ = std::max(newest_, token);
}

bool ServedPartition::has_line_of(std::int64_t token) const {
  return (served_ && served_->token >= token) || (beside_ && beside_->token >= token);
}

bool ServedPartition::wants(std::int64_t token, Offset offset) const {
  if (!served_) return true;
  if (token < newest_) return false;
  if (!has_line_of(token)) return true;
  return offset > served_->parts.end() && (!beside_ || offset > beside_->parts.end());
}

void ServedPartition::checkpoint(std::int64_t token, SpeedParts parts) {
  if (!wants(token, parts.end())) return;
  claimed(token);
  Line line{token, std::move(parts)};
  if (!served_) {
    served_ = std::move(line);
    replaced_ = true;
  } else {
    beside_ = std::move(line);
  }
  apply_waiting();
  promote();
}

Taken ServedPartition::delta(const DeltaPointer& delta) {
  if (delta->token < newest_) {
    ++refused_;
    return Taken::Refused;
  }
  claimed(delta->token);
  switch (apply(*delta)) {
    case Fit::Served:
      promote();
      return Taken::Applied;
    case Fit::Beside:
      promote();
      return Taken::Beside;
    case Fit::Behind:
      return Taken::Known;
    case Fit::None:
      break;
  }
  waiting_.push_back(delta);
  if (waiting_.size() > kWaitingMax) waiting_.pop_front();
  return Taken::Beside;
}

ServedPartition::Fit ServedPartition::apply(const SpeedDelta& delta) {
  Fit fit = Fit::None;
  for (std::optional<Line>* at : {&beside_, &served_}) {
    std::optional<Line>& line = *at;
    // Views of two owners are never joined: they went on from another place.
    if (!line || line->token != delta.token) continue;
    if (line->parts.apply(delta)) {
      fit = at == &served_ ? Fit::Served : Fit::Beside;
    } else if (delta.to <= line->parts.end() && fit == Fit::None) {
      fit = Fit::Behind;
    }
  }
  return fit;
}

void ServedPartition::apply_waiting() {
  std::deque<DeltaPointer> waiting;
  waiting.swap(waiting_);
  for (const DeltaPointer& delta : waiting) {
    if (delta->token < newest_) {
      ++refused_;
      continue;
    }
    const Fit fit = apply(*delta);
    if (fit == Fit::Served) replaced_ = true;  // Nobody was told of it as of a delta.
    if (fit == Fit::None) waiting_.push_back(delta);
  }
}

void ServedPartition::promote() {
  if (!beside_ || !covers_from(beside_->parts, cut_)) return;
  if (beside_->parts.end() < served_->parts.end()) return;
  served_ = std::move(beside_);
  beside_.reset();
  replaced_ = true;
}

void ServedPartition::cut_at(Offset cut, Offset keep) {
  cut_ = cut;
  for (std::optional<Line>* line : {&served_, &beside_}) {
    if (*line) (*line)->parts.forget_below(keep);
  }
  promote();
}

bool ServedPartition::covers(Offset cut) const {
  return served_ && covers_from(served_->parts, cut);
}

}  // namespace lambda_app
