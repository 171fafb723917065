#include "examples/lambda/serve/serving_core.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace lambda_app;
using pipeline::EventView;
using pipeline::SketchSummary;
using pipeline::Summary;

namespace {

constexpr PartitionNumber kPartitions = 3;

/// The event at a place of the log; some visitors come again, so sessions join over every cut.
template <class AnySummary>
void add_events(AnySummary& to, PartitionNumber p, Offset from, Offset until, int times = 1) {
  for (Offset offset = from; offset < until; ++offset) {
    const std::string visitor = std::to_string(p) + "-" + std::to_string(offset % 5);
    EventView event;
    event.time_ms = static_cast<std::int64_t>(offset) * 300'000;
    event.visitor = visitor;
    event.path = offset % 3 == 0 ? "/a/x" : "/b/y";
    event.status = 200;
    event.bytes = offset;
    for (int i = 0; i < times; ++i) to.add(event);
  }
}

SketchSummary events(PartitionNumber p, Offset from, Offset until, int times = 1) {
  SketchSummary summary;
  add_events(summary, p, from, until, times);
  return summary;
}

DeltaPointer delta(PartitionNumber p, std::int64_t token, Offset from, Offset to,
                   bool closes = false, int times = 1) {
  auto made = std::make_shared<SpeedDelta>();
  made->partition = p;
  made->token = token;
  made->from = from;
  made->to = to;
  made->closes = closes;
  made->summary = events(p, from, to, times);
  return made;
}

/// Parts with these boundaries; the last is open.
SpeedParts parts_of(PartitionNumber p, const std::vector<Offset>& bounds, Offset end) {
  SpeedParts parts({}, bounds.front());
  for (std::size_t i = 0; i + 1 < bounds.size() && bounds[i + 1] <= end; ++i) {
    REQUIRE(parts.apply(*delta(p, 1, bounds[i], bounds[i + 1], /*closes=*/true)));
  }
  REQUIRE(parts.apply(*delta(p, 1, parts.end(), end)));
  return parts;
}

BatchPointer batch_of(std::uint64_t run, const std::vector<Offset>& cuts,
                      const std::vector<Offset>& previous_cuts = {}) {
  auto view = std::make_shared<BatchView>();
  view->generation.run = run;
  view->generation.cuts = cuts;
  view->generation.previous_run = previous_cuts.empty() ? 0 : run - 1;
  view->generation.previous_cuts = previous_cuts;
  Summary exact, previous;
  for (PartitionNumber p = 0; p < cuts.size(); ++p) {
    add_events(exact, p, 0, cuts[p]);
    if (!previous_cuts.empty()) add_events(previous, p, 0, previous_cuts[p]);
  }
  view->sketch = pipeline::sketch_of(exact);
  view->exact = std::make_shared<const Summary>(std::move(exact));
  view->previous = std::make_shared<const Summary>(std::move(previous));
  return view;
}

template <class AnySummary>
std::string bytes_of(const AnySummary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

/// One partition, known from the begin.
struct OnePartition {
  OnePartition() : core(1, snapshots) { core.checkpoint(0, 0, SpeedParts()); }
  std::uint64_t events() {
    REQUIRE(core.publish());
    return snapshots.take()->both.events();
  }
  Snapshots snapshots;
  ServingCore core;
};

}  // namespace

TEST_CASE("serving core: nothing is served until every partition is known") {
  Snapshots snapshots;
  ServingCore core(2, snapshots);
  core.checkpoint(0, 0, SpeedParts());
  REQUIRE(core.publish());
  CHECK(snapshots.take() == nullptr);
  CHECK(core.waiting_for() == "the speed views of partitions 1");
  core.checkpoint(1, 4, parts_of(1, {0}, 7));
  REQUIRE(core.publish());
  REQUIRE(snapshots.take() != nullptr);
  CHECK(snapshots.take()->both.events() == 7);
  CHECK(snapshots.take()->ends == std::vector<Offset>{0, 7});
  CHECK(core.waiting_for() == "");
}

TEST_CASE("serving core: deltas are applied to the view of their owner, where it ends") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  CHECK(one.core.delta(delta(0, 5, 0, 3)) == Taken::Applied);
  CHECK(one.events() == 3);
  CHECK(one.core.delta(delta(0, 5, 0, 3)) == Taken::Known);
  CHECK(one.core.delta(delta(0, 5, 1, 3)) == Taken::Known);
  CHECK(one.core.delta(delta(0, 5, 3, 3)) == Taken::Applied);
  CHECK(one.core.delta(delta(0, 5, 4, 9)) == Taken::Beside);  // A hole before it.
  CHECK(one.events() == 3);
  CHECK(one.core.wants(0, 5, 4));
  one.core.checkpoint(0, 5, parts_of(0, {0}, 4));  // Closes the hole; what waited follows.
  CHECK(one.events() == 9);
}

TEST_CASE("serving core: deltas behind a second hole wait for the checkpoint that closes that") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  one.core.delta(delta(0, 5, 4, 6));
  one.core.delta(delta(0, 5, 8, 9));
  one.core.checkpoint(0, 5, parts_of(0, {0}, 4));
  CHECK(one.events() == 6);
  one.core.checkpoint(0, 5, parts_of(0, {0}, 8));
  CHECK(one.events() == 9);
}

TEST_CASE("serving core: once a later owner's claim is known, the former's deltas are refused") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  CHECK(one.core.delta(delta(0, 5, 0, 3)) == Taken::Applied);
  one.core.claimed(0, 9);
  CHECK(one.core.delta(delta(0, 5, 3, 6)) == Taken::Refused);
  CHECK(one.core.refused() == 1);
  CHECK(one.events() == 3);
  CHECK(one.core.partition(0).token() == 9);
  // A delta says as much as a znode.
  CHECK(one.core.delta(delta(0, 12, 0, 1)) == Taken::Beside);
  CHECK(one.core.delta(delta(0, 9, 0, 3)) == Taken::Refused);
}

TEST_CASE("serving core: a later owner's view replaces the old one when it has come as far") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  one.core.delta(delta(0, 5, 0, 10));
  CHECK(one.core.delta(delta(0, 9, 4, 6)) == Taken::Beside);  // Overtook the znode of its claim.
  CHECK(one.core.wants(0, 9, 4));
  one.core.checkpoint(0, 9, parts_of(0, {0}, 4));
  CHECK(one.events() == 10);  // Beside: 6.
  CHECK(one.core.delta(delta(0, 9, 6, 9)) == Taken::Beside);
  CHECK(one.events() == 10);
  CHECK(one.core.delta(delta(0, 9, 9, 12)) == Taken::Beside);
  CHECK(one.events() == 12);
  CHECK(one.core.delta(delta(0, 9, 12, 13)) == Taken::Applied);
  CHECK(one.events() == 13);
}

TEST_CASE("serving core: views of two owners are never joined, even where they fit") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  one.core.delta(delta(0, 5, 0, 10, false, /*times=*/2));  // Of a broken program.
  CHECK(one.events() == 20);
  one.core.checkpoint(0, 9, parts_of(0, {0}, 4));
  one.core.delta(delta(0, 9, 4, 10));
  CHECK(one.core.delta(delta(0, 9, 10, 11)) == Taken::Applied);
  CHECK(one.events() == 11);
}

TEST_CASE("serving core: a generation is served when the views of all partitions go with it") {
  Snapshots snapshots;
  ServingCore core(2, snapshots);
  for (PartitionNumber p = 0; p < 2; ++p) core.checkpoint(p, 5, SpeedParts());
  core.delta(delta(0, 5, 0, 10, /*closes=*/true));
  core.delta(delta(0, 5, 10, 12));
  core.delta(delta(1, 5, 0, 4));
  REQUIRE(core.publish());
  CHECK(snapshots.take()->batch == nullptr);
  // Partition 1 has not come to its cut: below it all is in the batch view.
  core.generation(batch_of(1, {10, 8}));
  REQUIRE(core.publish());
  auto snapshot = snapshots.take();
  REQUIRE(snapshot->batch != nullptr);
  CHECK(snapshot->both.events() == 10 + 2 + 8);
  CHECK(snapshot->speed.events() == 2);
  CHECK(!core.drift()->known);
  core.delta(delta(1, 5, 4, 8, /*closes=*/true));
  core.delta(delta(1, 5, 8, 9));
  REQUIRE(core.publish());
  CHECK(snapshots.take()->both.events() == 10 + 2 + 8 + 1);
  REQUIRE(core.drift()->known);
  CHECK(core.drift()->hits == 0);
  // A query that holds the former goes on reading it.
  CHECK(snapshot->both.events() == 20);
  snapshot.reset();
  // A cut that is no boundary of a part (yet): the former generation stays.
  core.generation(batch_of(2, {11, 8}, {10, 8}));
  REQUIRE(core.publish());
  CHECK(snapshots.take()->batch->generation.run == 1);
  CHECK(core.waiting_for() == "the speed views of partitions 0");
  core.checkpoint(0, 6, parts_of(0, {10, 11}, 13));
  REQUIRE(core.publish());
  CHECK(snapshots.take()->batch->generation.run == 2);
  CHECK(snapshots.take()->both.events() == 13 + 9);
  core.generation(batch_of(1, {10, 8}));  // Late news.
  REQUIRE(core.publish());
  CHECK(snapshots.take()->batch->generation.run == 2);
}

TEST_CASE("serving core: the drift gauge says by what a broken speed layer differs") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  CHECK(one.core.drift()->reason == "no batch run was served yet");
  one.core.delta(delta(0, 5, 0, 10, /*closes=*/true));
  one.core.generation(batch_of(1, {10}));
  CHECK(one.core.drift()->known);
  CHECK(one.core.drift()->hits == 0);
  one.core.delta(delta(0, 5, 10, 20, /*closes=*/true, /*times=*/2));
  one.core.generation(batch_of(2, {20}, {10}));
  const auto drift = one.core.drift();
  REQUIRE(drift->known);
  CHECK(drift->hits == 10);
  CHECK(drift->bytes == 145);  // 10 + 11 + ... + 19
  CHECK(drift->visitors == 0);
  one.core.delta(delta(0, 5, 20, 30, /*closes=*/true));
  one.core.generation(batch_of(3, {30}, {20}));
  CHECK(one.core.drift()->hits == 0);
  CHECK(one.core.drift()->run == 3);
}

TEST_CASE("serving core: without the parts that a run has added the gauge is unknown, not wrong") {
  OnePartition one;
  one.core.checkpoint(0, 5, parts_of(0, {8}, 12));  // The speed layer has forgotten what is below.
  one.core.generation(batch_of(2, {8}, {4}));
  CHECK(one.events() == 12);
  CHECK(!one.core.drift()->known);
  CHECK(one.core.drift()->reason.find("no longer keeps") != std::string::npos);
}

TEST_CASE("snapshots: a slow query holds up neither others nor what comes") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  one.core.delta(delta(0, 5, 0, 1));
  REQUIRE(one.core.publish());
  const auto slow = one.snapshots.take();
  one.core.delta(delta(0, 5, 1, 2));
  CHECK(one.core.publish());
  const auto other = one.snapshots.take();
  CHECK(slow->both.events() == 1);
  CHECK(other->both.events() == 2);
  // Both copies are being read: what comes gathers.
  for (Offset at = 2; at < 200; ++at) {
    one.core.delta(delta(0, 5, at, at + 1));
    CHECK(!one.core.publish());
  }
  CHECK(slow->both.events() == 1);
  CHECK(other->both.events() == 2);
}

TEST_CASE("snapshots: what has gathered becomes visible when a copy is free") {
  OnePartition one;
  one.core.checkpoint(0, 5, SpeedParts());
  REQUIRE(one.core.publish());
  auto first = one.snapshots.take();
  one.core.delta(delta(0, 5, 0, 1));
  REQUIRE(one.core.publish());
  auto second = one.snapshots.take();
  for (Offset at = 1; at < 300; ++at) one.core.delta(delta(0, 5, at, at + 1));
  CHECK(!one.core.publish());
  first.reset();
  CHECK(one.core.publish());
  CHECK(bytes_of(one.snapshots.take()->both) == bytes_of(events(0, 0, 300)));
  CHECK(one.snapshots.take()->ends == std::vector<Offset>{300});
  second.reset();
  one.core.delta(delta(0, 5, 300, 301));
  CHECK(one.core.publish());
  one.core.delta(delta(0, 5, 301, 302));
  CHECK(one.core.publish());
  CHECK(bytes_of(one.snapshots.take()->both) == bytes_of(events(0, 0, 302)));
  CHECK(bytes_of(one.snapshots.take()->speed) == bytes_of(events(0, 0, 302)));
}

// --- Random interleavings against a plain model -----------------------------------------------

namespace {

/// What happens in the world, told to the core late, in part, and in any order that the two ways
/// allow: znodes show their latest value now and then; topics keep their order.
class World {
 public:
  World(std::uint64_t seed, bool zombies_lie) : random_(seed), zombies_lie_(zombies_lie) {
    for (PartitionNumber p = 0; p < kPartitions; ++p) claim(p);
  }

  void step() {
    const PartitionNumber p = static_cast<PartitionNumber>(below(kPartitions));
    Shard& shard = shards_[p];
    switch (below(13)) {
      case 0:
      case 1:
        shard.high += below(6);
        break;
      case 2:
      case 3:
      case 4:
        work(p, shard.owners.back(), /*latest=*/true);
        break;
      case 5:
        commit(p);
        break;
      case 6:
        if (below(2) == 0) claim(p);
        break;
      case 7:  // A zombie.
        if (shard.owners.size() > 1) {
          work(p, shard.owners[below(shard.owners.size() - 1)], /*latest=*/false);
        }
        break;
      case 8:
        if (below(5) == 0) run_batch();
        break;
      case 9:
        see_znode(p);
        break;
      case 10:
        load(p, /*surely=*/false);
        break;
      case 11:
        if (below(3) == 0) see_generation();
        break;
      default:
        read(p, 1 + below(4));
    }
    check();
  }

  /// Everything arrives.
  void settle() {
    for (PartitionNumber p = 0; p < kPartitions; ++p) {
      const Owner& owner = shards_[p].owners.back();
      while (owner.end < shards_[p].high || owner.closed < shards_[p].marks.size()) {
        work(p, shards_[p].owners.back(), true);
      }
      read(p, shards_[p].topic.size());
      commit(p);
      see_znode(p);
      load(p, /*surely=*/true);
    }
    while (seen_run_ < batches_.size()) see_generation();
    check();
    const auto snapshot = snapshots_.take();
    REQUIRE(snapshot != nullptr);
    for (PartitionNumber p = 0; p < kPartitions; ++p) {
      CHECK(std::max(snapshot->ends[p], cut(*snapshot, p)) == shards_[p].high);
    }
    CHECK((snapshot->batch ? snapshot->batch->generation.run : 0) == batches_.size());
    if (core_.drift()->known) CHECK(core_.drift()->hits + core_.drift()->bytes == 0);
    if (core_.drift()->known) ++known_drifts;
  }

  std::uint64_t refused() const { return core_.refused(); }
  int replaced_while_behind = 0;
  int known_drifts = 0;

 private:
  struct Owner {
    std::int64_t token = 0;
    Offset end = 0;
    std::size_t closed = 0;  ///< How many marks it has seen.
  };
  struct Committed {
    std::int64_t token = 0;
    Offset end = 0;
    std::size_t closed = 0;
    Offset keep = 0;  ///< Parts below had been forgotten.
  };
  struct Shard {
    Offset high = 0;
    std::vector<Offset> marks;
    std::vector<Owner> owners;  ///< The last is the latest, the others are paused or dead.
    Committed znode;
    std::vector<DeltaPointer> topic;
    std::size_t read = 0;
    std::optional<Committed> wanted;
  };

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  static Offset cut(const Snapshot& snapshot, PartitionNumber p) {
    return snapshot.batch ? snapshot.batch->cut(p) : 0;
  }

  void claim(PartitionNumber p) {
    Shard& shard = shards_[p];
    shard.znode.token = ++token_;
    shard.owners.push_back({token_, shard.znode.end, shard.znode.closed});
    if (shard.owners.size() > 3) shard.owners.erase(shard.owners.begin());
    // Liars are caught from the moment on at which the claim is known.
    if (zombies_lie_) core_.claimed(p, token_);
  }

  void work(PartitionNumber p, Owner& owner, bool latest) {
    Shard& shard = shards_[p];
    Offset to = std::min(shard.high, owner.end + below(5));
    bool closes = false;
    if (owner.closed < shard.marks.size() && shard.marks[owner.closed] <= to) {
      to = shard.marks[owner.closed++];
      closes = true;
    }
    const int times = zombies_lie_ && !latest ? 3 : 1;
    shard.topic.push_back(delta(p, owner.token, owner.end, to, closes, times));
    owner.end = to;
  }

  void commit(PartitionNumber p) {
    const Owner& owner = shards_[p].owners.back();
    const Offset keep = served_run_ >= 2 ? batches_[served_run_ - 1]->previous_cut(p) : 0;
    shards_[p].znode = {owner.token, owner.end, owner.closed, std::min(keep, owner.end)};
  }

  void run_batch() {
    std::vector<Offset> cuts, previous;
    for (PartitionNumber p = 0; p < kPartitions; ++p) {
      cuts.push_back(shards_[p].high);
      if (!batches_.empty()) previous.push_back(batches_.back()->cut(p));
      shards_[p].marks.push_back(shards_[p].high);
    }
    batches_.push_back(batch_of(batches_.size() + 1, cuts, previous));
    served_run_ = batches_.size();
  }

  void see_znode(PartitionNumber p) {
    const Committed& now = shards_[p].znode;
    core_.claimed(p, now.token);
    if (core_.wants(p, now.token, now.end)) shards_[p].wanted = now;
  }

  void load(PartitionNumber p, bool surely) {
    Shard& shard = shards_[p];
    if (!shard.wanted) return;
    const Committed from = *shard.wanted;
    shard.wanted.reset();
    // Its file is gone when the owner has committed meanwhile.
    if (!surely && from.end != shard.znode.end && below(2) == 0) return;
    std::vector<Offset> bounds{from.keep};
    for (std::size_t i = 0; i < from.closed; ++i) {
      if (shard.marks[i] > bounds.back()) bounds.push_back(shard.marks[i]);
    }
    if (!core_.wants(p, from.token, from.end)) return;
    if (core_.partition(p).known() && core_.partition(p).end() > from.end) ++replaced_while_behind;
    core_.checkpoint(p, from.token, parts_of(p, bounds, from.end));
  }

  void see_generation() {
    if (seen_run_ < batches_.size()) core_.generation(batches_[seen_run_++]);
  }

  void read(PartitionNumber p, std::size_t count) {
    Shard& shard = shards_[p];
    for (; count > 0 && shard.read < shard.topic.size(); --count) {
      // Now and then the topic's retention is faster.
      if (below(40) == 0) {
        ++shard.read;
        continue;
      }
      core_.delta(shard.topic[shard.read++]);
    }
  }

  void check() {
    REQUIRE(core_.publish());
    const auto snapshot = snapshots_.take();
    if (!snapshot) return;
    SketchSummary all, speed;
    for (PartitionNumber p = 0; p < kPartitions; ++p) {
      const Offset begin = cut(*snapshot, p);
      const Offset end = std::max(snapshot->ends[p], begin);
      CHECK(end >= seen_[p]);  // What was seen stays.
      seen_[p] = end;
      add_events(all, p, 0, end);
      add_events(speed, p, begin, end);
    }
    const std::uint64_t run = snapshot->batch ? snapshot->batch->generation.run : 0;
    CHECK(run >= shown_run_);
    shown_run_ = run;
    CHECK(bytes_of(snapshot->both) == bytes_of(all));
    CHECK(bytes_of(snapshot->speed) == bytes_of(speed));
  }

  std::mt19937_64 random_;
  const bool zombies_lie_;
  Snapshots snapshots_;
  ServingCore core_{kPartitions, snapshots_};
  Shard shards_[kPartitions];
  std::vector<BatchPointer> batches_;
  std::size_t seen_run_ = 0, served_run_ = 0;
  std::int64_t token_ = 0;
  Offset seen_[kPartitions] = {};
  std::uint64_t shown_run_ = 0;
};

}  // namespace

TEST_CASE(
    "serving core: any interleaving shows the events below the ends, once, and never goes back") {
  std::uint64_t refused = 0;
  int beside = 0, drifts = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    CAPTURE(seed);
    World world(seed, /*zombies_lie=*/false);
    for (int i = 0; i < 400; ++i) world.step();
    world.settle();
    refused += world.refused();
    beside += world.replaced_while_behind;
    drifts += world.known_drifts;
  }
  CHECK(refused > 100);
  CHECK(beside > 40);
  CHECK(drifts > 20);
}

TEST_CASE("serving core: what a zombie makes up is seen by nobody, once the claim is known") {
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    World world(seed, /*zombies_lie=*/true);
    for (int i = 0; i < 400; ++i) world.step();
    world.settle();
    refused += world.refused();
  }
  CHECK(refused > 100);
}
