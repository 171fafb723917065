#include "examples/lambda/serve/snapshots.h"

#include <iterator>
#include <utility>

namespace lambda_app {

using pipeline::SketchSummary;

void Snapshots::replace(Snapshot snapshot) {
  next_ = std::make_unique<Snapshot>(std::move(snapshot));
  fresh_.clear();
}

void Snapshots::grow(Growth growth) {
  if (next_) {
    std::vector<Growth> one;
    one.push_back(std::move(growth));
    return apply(one, *next_);
  }
  fresh_.push_back(std::move(growth));
  if (fresh_.size() > kGatheredMax) gather(fresh_);
}

void Snapshots::apply(const std::vector<Growth>& changes, Snapshot& to) {
  for (const Growth& change : changes) {
    // Options were compared before: both are of one core.
    if (change.added && (!to.speed.merge(*change.added) || !to.both.merge(*change.added))) continue;
    to.ends = change.ends;
  }
}

void Snapshots::gather(std::vector<Growth>& changes) {
  std::shared_ptr<SketchSummary> all;
  for (const Growth& change : changes) {
    if (!change.added) continue;
    if (!all) {
      all = std::make_shared<SketchSummary>(*change.added);
    } else if (!all->merge(*change.added)) {
      return;
    }
  }
  Growth one{std::move(all), std::move(changes.back().ends)};
  changes.clear();
  changes.push_back(std::move(one));
}

bool Snapshots::publish() {
  if (!pending() || (front_ < 0 && !next_)) return true;
  const int back = front_ == 0 ? 1 : 0;
  {
    const std::lock_guard lock(mutex_);
    if (copies_[back].readers > 0) return false;
  }
  // Nobody can come to read the copy in the back: readers are given the front one.
  std::unique_ptr<Snapshot>& copy = copies_[back].snapshot;
  if (next_) {
    copy = std::move(next_);
    behind_.clear();
    back_is_older_ = true;
  } else {
    if (back_is_older_ && front_ >= 0) {
      copy = std::make_unique<Snapshot>(*copies_[front_].snapshot);
      back_is_older_ = false;
    } else {
      apply(behind_, *copy);
    }
    apply(fresh_, *copy);
    behind_ = std::move(fresh_);
    fresh_.clear();
  }
  copy->number = ++number_;
  const std::lock_guard lock(mutex_);
  front_ = back;
  return true;
}

std::shared_ptr<const Snapshot> Snapshots::take() const {
  const std::lock_guard lock(mutex_);
  if (front_ < 0) return nullptr;
  Copy& copy = copies_[front_];
  ++copy.readers;
  return {copy.snapshot.get(), [this, &copy](const Snapshot*) {
            const std::lock_guard done(mutex_);
            --copy.readers;
          }};
}

}  // namespace lambda_app
