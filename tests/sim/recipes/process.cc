#include "tests/sim/recipes/process.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>
#include <utility>

#include "base/ensure.h"
#include "client-lib/src/recipes/job.h"
#include "tests/sim/members.h"
#include "tests/sim/recipes/promises.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;

namespace {

/// The server with this address_of().
int server_at(const std::string& address) {
  return std::atoi(address.c_str() + address.rfind('.') + 1);
}

}  // namespace

// ---- Life
// ----------------------------------------------------------------------------------------

Life::Life(Process& owner, std::uint64_t which, Random chance)
    : process(owner),
      world(owner.world()),
      promises(owner.promises()),
      number(which),
      name("p" + std::to_string(owner.number()) + "." + std::to_string(which)),
      random(chance),
      guard(io.get_executor()),
      wire_log(world.plan.mutant, random.fork()),
      draws(random.fork()),
      // The process is there for longer than its lives.
      runtime(client::make_virtual_runtime(
          std::shared_ptr<client::VirtualWorld>(std::shared_ptr<void>(), &owner))) {}

boost::asio::awaitable<void> sleep(LifePtr life, Micros span) {
  if (life->over) co_return;
  const auto timer = life->runtime->make_timer(life->face->get_executor());
  const client::Timer::TimePoint when = life->runtime->now() + std::chrono::microseconds(span);
  const std::uint64_t number = life->asleep.empty() ? 1 : life->asleep.rbegin()->first + 1;
  life->asleep.emplace(number, timer.get());
  auto [ended] = co_await wait_until(*timer, when, kAwait);
  (void)ended;
  life->asleep.erase(number);
}

boost::asio::awaitable<void> rest_of(LifePtr life) {
  while (!life->over) co_await sleep(life, kSecond);
}

bool goes_on(const LifePtr& life) {
  return !life->over && life->world.scheduler.now() < life->world.plan.load_end &&
         !is_final(life->face->state());
}

Micros some_end_of_stay(Life& life) {
  const Micros leaves = life.world.scheduler.now() + some_time(life, 12 * kSecond);
  return leaves < life.world.plan.load_end ? leaves : life.world.plan.end;
}

// ---- Process
// -------------------------------------------------------------------------------------

Process::Process(World& world, Promises& promises, int number, Random random)
    : world_(world), promises_(promises), number_(number), random_(random) {
  drift_ppm_ = world.plan.skewed() ? random_.between(-20'000, 20'000) : random_.between(-500, 500);
  clock_base_ms_ = random_.between(1'000, 1'000'000);
  // The mutant: two thirds of the timeout by this clock are more than the timeout by others.
  if (world.plan.mutant == Mutant::SlowClientClock) drift_ppm_ = -550'000;
}

Process::~Process() {
  if (life_) end_life();
}

void Process::start() {
  world_.network.attach(host(), *this);
  attached_ = true;
  begin();
}

void Process::begin() {
  world_.trace.event("process-begins", {number_, static_cast<std::int64_t>(lives_)});
  life_ = std::make_shared<Life>(*this, lives_++, random_.fork());
  client::ConnectOptions options;
  // Who follows the ensemble's list learns from it who has joined; others have to be told.
  life_->follows = world_.plan.reconfig_enabled && random_.percent(60);
  options.follow_ensemble = life_->follows;
  options.servers.clear();
  for (int id = 1; id <= world_.plan.servers; ++id) {
    if (life_->follows && world_.plan.joins(id)) continue;
    options.servers += (id == 1 ? "" : ",") + address_of(id) + ":2181";
  }
  options.session_timeout = std::chrono::milliseconds(world_.plan.session_timeout_ms);
  if (random_.percent(70)) options.operation_timeout = std::chrono::seconds(0);
  options.runtime = life_->runtime;
  life_->face.emplace(life_->io.get_executor(), std::move(options));
  life_->face->add_session_listener([this, weak = std::weak_ptr<Life>(life_)](const auto& event) {
    if (auto life = weak.lock(); life && !life->over) on_session(event);
  });
  life_->face->async_connect([](client::ErrorCode, const client::ConnectReport&) {});
  begin_work(life_);
  current_since_ = world_.scheduler.now();
  poll();
}

void Process::on_session(const client::SessionEvent& event) {
  using client::SessionState;
  world_.trace.event("process-session",
                     {number_, static_cast<std::int64_t>(event.state), event.session_id.value});
  if (event.state == SessionState::Suspended) {
    world_.checks.disturbed("process " + std::to_string(number_) + " was suspended");
    if (!event.server.empty()) REACHED("client in doubt on a standing link");
  }
  const bool back = event.state == SessionState::Reconnected && life_->follows;
  if (back && world_.plan.joins(server_at(event.server.substr(0, event.server.rfind(':'))))) {
    REACHED("session taken along to a server that joined");
  }
  if (event.state == SessionState::Expired) promises_.expired(number_);
  if (is_final(event.state)) renew_after(random_.between(1, 500) * kMillisecond);
}

void Process::renew_after(Micros pause) {
  world_.scheduler.after(pause, [this, which = ++waits_] {
    if (which != waits_) return;
    if (frozen_) return renew_after(100 * kMillisecond);
    if (life_) end_life();
    if (!attached_) {
      world_.network.attach(host(), *this);
      attached_ = true;
    }
    begin();
  });
}

/// As the end of the program's main(): the client goes, whoever waits is told so, and ends.
void Process::end_life() {
  const LifePtr life = life_;
  world_.checks.left(session());
  life->over = true;
  promises_.life_over(number_);
  for (int round = 0; round < 3; ++round) {
    if (round == 1) life->face.reset();
    for (const auto& [number, timer] : life->asleep) timer->cancel();
    poll();
  }
  for (const auto& [conn, open] : std::exchange(links_, {})) open.end->forget();
  poll();
  life_.reset();
  frozen_ = behind_ = false;
  backlog_.clear();
  // Whoever still holds the life waits for something that will never come.
  if (life.use_count() != 1) promises_.fail("work of " + life->name + " outlives its client");
}

void Process::crash(bool silent, Micros down) {
  if (!life_) return;
  world_.trace.event("process-crash", {number_, silent});
  world_.network.detach(host(), silent);
  attached_ = false;
  end_life();
  renew_after(down);
}

void Process::say_farewell() {
  if (!current() || session().value == 0) return;
  world_.trace.event("process-farewell", {number_});
  world_.checks.farewell(session());
  life_->face->async_close([](client::ErrorCode) {});
  poll();
}

void Process::drop() {
  if (links_.empty()) return;
  world_.network.break_connection(links_.begin()->first);
}

SessionId Process::session() const {
  return life_ && life_->face ? life_->face->session_id() : SessionId{};
}

// ---- Pause
// ---------------------------------------------------------------------------------------

void Process::freeze(Micros duration) {
  if (!life_ || frozen_) return;
  world_.trace.event("process-freeze", {number_, duration});
  frozen_ = true;
  world_.scheduler.after(duration, [this, which = ++pauses_] {
    if (which == pauses_) thaw();
  });
}

/// What came meanwhile is there all at once: sockets and clocks in the order of their coming, or
/// one kind before the other.
void Process::thaw() {
  if (!frozen_) return;
  world_.trace.event("process-thaw", {number_, static_cast<std::int64_t>(backlog_.size())});
  frozen_ = false;
  behind_ = true;
  std::vector<Late> backlog = std::exchange(backlog_, {});
  const std::uint64_t order = random_.below(3);
  if (order != 0) {
    std::stable_partition(backlog.begin(), backlog.end(),
                          [&](const Late& late) { return late.timer == (order == 1); });
  }
  const LifePtr life = life_;
  for (Late& late : backlog) {
    if (life != life_) return;
    late.action();
    poll();
  }
  behind_ = false;
  current_since_ = world_.scheduler.now();
  promises_.check(number_);
  promises_.raise();
}

// ---- Turns
// ---------------------------------------------------------------------------------------

void Process::turn(bool timer, std::function<void()> action) {
  if (!life_) return;
  if (frozen_) {
    backlog_.push_back({timer, std::move(action)});
    return;
  }
  action();
  poll();
}

void Process::poll() {
  constexpr int kTurnsMax = 1'000'000;
  int turns = 0;
  while (life_->io.poll_one() != 0) {
    if (++turns == kTurnsMax) throw Violation("process " + std::to_string(number_) + " spins");
  }
  if (!life_->over) promises_.raise();
}

client::Timer::TimePoint Process::clock() const {
  const Micros now = world_.scheduler.now();
  const Micros own = now + now / 1'000'000 * drift_ppm_ + now % 1'000'000 * drift_ppm_ / 1'000'000;
  return client::Timer::TimePoint(std::chrono::milliseconds(clock_base_ms_) +
                                  std::chrono::microseconds(own));
}

void Process::at(client::Timer::TimePoint when, std::function<void()> action) {
  const Micros left = std::chrono::duration_cast<std::chrono::microseconds>(when - clock()).count();
  const Micros wait = left <= 0 ? 0 : left * 1'000'000 / (1'000'000 + drift_ppm_) + 1;
  world_.scheduler.after(
      wait, [this, life = std::weak_ptr<Life>(life_), when, action = std::move(action)]() mutable {
        if (life.expired() || life.lock() != life_) return;
        if (clock() < when) return at(when, std::move(action));
        turn(/*timer=*/true, std::move(action));
      });
}

// ---- Network
// -------------------------------------------------------------------------------------

Process::Connection Process::connect(const std::string& address, std::uint16_t,
                                     std::shared_ptr<client::VirtualEnd> end) {
  if (!attached_) return 0;
  const HostId server = server_at(address);
  const ConnId conn = world_.network.connect(host(), server, Port::Client);
  links_[conn] = {std::move(end), std::make_shared<Wire>(life_->wire_log)};
  return conn;
}

void Process::send(Connection conn, ByteView bytes) {
  const auto known = links_.find(conn);
  if (known == links_.end()) return;
  Bytes passed = known->second.wire->leaves(Bytes(bytes.begin(), bytes.end()));
  if (attached_) world_.network.send(conn, host(), std::move(passed));
}

void Process::close(Connection conn) {
  const auto known = links_.find(conn);
  if (known == links_.end()) return;
  known->second.wire->ended();
  links_.erase(known);
  if (attached_) world_.network.close(conn, host());
}

void Process::link_event(ConnId conn, std::function<void(Open&)> action) {
  turn(/*timer=*/false, [this, conn, action = std::move(action)] {
    const auto known = links_.find(conn);
    if (known == links_.end()) return;
    Open open = known->second;
    action(open);
  });
}

void Process::on_connected(ConnId conn, bool ok) {
  link_event(conn, [ok](Open& open) { open.end->connected(ok); });
}

void Process::on_bytes(ConnId conn, ByteView bytes) {
  link_event(conn, [copy = Bytes(bytes.begin(), bytes.end())](Open& open) {
    open.end->arrived(open.wire->arrives(copy));
  });
}

void Process::on_end(ConnId conn) {
  link_event(conn, [](Open& open) { open.end->ended(); });
}

}  // namespace quorate::sim
