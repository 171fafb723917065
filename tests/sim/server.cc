#include "tests/sim/server.h"

#include <algorithm>

#include "base/ensure.h"
#include "server/storage/format.h"
#include "server/storage/log_segment.h"
#include "tests/sim/ports.h"
#include "tests/sim/world.h"

namespace quorate::sim {

/// From start to crash. Members in the order in which they need one another.
struct Server::Life {
  Life(World& world, Server& server)
      : links(world, server),
        clients(world, server),
        clock(world, server),
        observer(world, server.id_) {}

  SimLinks links;
  SimClients clients;
  SimClock clock;
  SimObserver observer;
  std::unique_ptr<SimDisk> disk;
  std::unique_ptr<server::Replica> replica;
  bool telling = false;  ///< A turn for Replica::pump_more() is on its way.
};

Server::Server(World& world, int id, Random random)
    : world_(world),
      id_(id),
      random_(random),
      files_(random_.next()),
      clock_offset_ms_(random_.between(1000, 1'000'000)),
      drift_ppm_(world.plan.skewed() ? random_.between(-20'000, 20'000)
                                     : random_.between(-500, 500)) {
  if (world.plan.mutant == Mutant::NoDirSync) files_.ignore_directory_syncs();
  if (world.plan.mutant == Mutant::IgnoreSyncError) files_.ignore_sync_errors();
}

Server::~Server() = default;

const server::Replica& Server::replica() const {
  return *life_->replica;
}
server::Replica& Server::replica() {
  return *life_->replica;
}

bool Server::leading() const {
  return alive() && replica().peer().role() == consensus::Role::Leading;
}

std::size_t Server::longest_queue() const {
  return life_->links.longest_queue();
}

server::StorageOptions Server::storage_options() const {
  server::StorageOptions options;
  options.data_dir = "/data";
  options.data_log_dir = "/log";
  options.segment_bytes = world_.plan.segment_bytes;
  options.initialize = !ever_opened_ && !world_.plan.joins(id_);
  options.standalone = world_.plan.standalone();
  options.window_records = world_.plan.window_records;
  return options;
}

server::ReplicaOptions Server::replica_options() const {
  const Plan& plan = world_.plan;
  server::ReplicaOptions options;
  options.peer.self = ServerId{id_};
  options.peer.standalone = plan.standalone();
  options.peer.observer = plan.observes(id_);
  options.peer.reconfig_enabled = plan.reconfig_enabled && !plan.standalone();
  options.peer.outstanding_max = plan.proposals_max;
  options.peer.ensemble = first_members(plan, id_);
  options.peer.tick_time_ms = plan.tick_time_ms;
  options.peer.init_limit = plan.init_limit;
  options.peer.sync_limit = plan.sync_limit;
  if (plan.uneven_limits && id_ == plan.voters()) options.peer.sync_limit *= 3;
  options.peer.max_notification_ms = plan.max_notification_ms;
  options.peer.window_records = plan.window_records;
  options.min_session_timeout_ms = 100;
  options.max_session_timeout_ms = 60000;
  options.outstanding_max = plan.outstanding_max;
  // On half of the servers every event waits for its slice, a connection at a time.
  if (id_ % 2 == 1) options.fan_out = {.at_once = 0, .slice = 1};
  options.per_connection_max = plan.per_connection_max;
  options.checkpoint_dirty_bytes = plan.checkpoint_dirty_bytes;
  options.checkpoint_log_bytes = plan.checkpoint_log_bytes;
  options.checkpoint_slice.nodes = options.install_slice.nodes = plan.slice_nodes;
  options.snap_count = plan.snap_count;
  options.linearizable_reads = plan.linearizable(id_);
  options.read_only_mode = plan.read_only(id_);
  options.read_only_after_ms = plan.read_only_after_ms;
  options.local_sessions = plan.local_sessions;
  options.upgrade_local_sessions = plan.upgrade_local_sessions;
  options.ops.extended_types_enabled = options.reaper.rules.ttl_nodes = true;
  options.reaper.check_interval_ms = 500;
  options.ops.skip_acl = plan.faults.reconfig;  // Everybody may ask for one.
  return options;
}

void Server::start() {
  ENSURE(!alive());
  world_.trace.event("start", {id_});
  server::Recovered recovered;
  server::StorageFault fault;
  auto worker = server::DiskWorker::open(files_, files_.open_tree_store(), storage_options(),
                                         recovered, fault);
  if (worker == nullptr) return refused(fault);
  ever_opened_ = true;
  check_recovered(recovered, fault);
  ++incarnation_;
  frozen_ = false;
  life_ = std::make_unique<Life>(world_, *this);
  life_->disk = std::make_unique<SimDisk>(world_.plan, id_, *this, world_.trace, files_,
                                          std::move(worker), durable_, random_.fork());
  world_.checks.on_start(*this, recovered);
  server::Ports ports{*life_->disk, life_->links, life_->clients, life_->clock, life_->observer};
  life_->replica = std::make_unique<server::Replica>(replica_options(), std::move(recovered), ports,
                                                     random_.fork());
  world_.network.attach(id_, *this);
  run([] {});
  tick();
}

// ---- Crash and pause
// -----------------------------------------------------------------------------

void Server::crash(bool silent, test::Loss loss, Micros down) {
  if (!alive()) return;
  world_.trace.event("crash", {id_, silent, static_cast<std::int64_t>(loss), down});
  world_.checks.on_crash(*this);
  ++incarnation_;
  armed_.reset();
  backlog_.clear();
  frozen_ = false;
  world_.network.detach(id_, silent);
  life_->replica.reset();
  in_doubt_ = life_->disk->power_lost();
  install_in_doubt_ = life_->disk->install_in_doubt();
  life_.reset();
  files_.crash(loss);
  world_.scheduler.after(down, [this, incarnation = incarnation_] {
    if (incarnation == incarnation_ && !alive()) start();
  });
}

void Server::crash_at(CrashPoint point, Micros down) {
  if (!alive()) return;
  down_ = down;
  life_->disk->arm(point);
}

void Server::crash_at(consensus::EventKind moment, Micros down) {
  if (!alive()) return;
  down_ = down;
  armed_ = moment;
}

void Server::happened(consensus::EventKind event) {
  if (armed_ != event) return;
  armed_.reset();
  REACHED("crash at a moment of consensus");
  crash_point_reached();
}

void Server::crash_point_reached() {
  // Not from inside a call of the replica: the very next event of this instant.
  bool silent = random_.percent(50);
  world_.scheduler.after(0, [this, silent, incarnation = incarnation_] {
    if (incarnation == incarnation_) crash(silent, test::Loss::Seeded, down_);
  });
}

void Server::freeze(Micros duration) {
  if (!alive() || frozen_) return;
  world_.trace.event("freeze", {id_, duration});
  frozen_ = true;
  world_.scheduler.after(duration, [this, incarnation = incarnation_] {
    if (incarnation == incarnation_) thaw();
  });
}

void Server::thaw() {
  if (!frozen_) return;
  world_.trace.event("thaw", {id_});
  frozen_ = false;
  std::vector<std::function<void()>> backlog = std::exchange(backlog_, {});
  std::uint64_t incarnation = incarnation_;
  for (auto& action : backlog) {
    if (incarnation != incarnation_) return;
    run(action);
  }
}

void Server::heal() {
  thaw();
  files_.set_quota(0);
  files_.fail_at(0, {});
  if (!alive()) {
    start();
    return;
  }
  armed_.reset();
  life_->disk->set_slow(1);
  life_->disk->arm(CrashPoint::None);
}

void Server::set_disk_slow(int factor) {
  if (alive()) life_->disk->set_slow(factor);
}

// ---- Faults of the disk
// -----------------------------------------------------------------------------

void Server::fail_disk(std::int64_t n, Micros down) {
  if (!alive()) return;
  down_ = down;
  files_.fail_at(static_cast<std::uint64_t>(n), {EIO, boost::system::system_category()});
}

void Server::fail_disk_at_start(std::int64_t n) {
  if (alive()) return;
  files_.fail_at(static_cast<std::uint64_t>(n), {EIO, boost::system::system_category()});
}

void Server::fill_disk(std::uint64_t left, Micros down) {
  if (!alive()) return;
  down_ = down;
  files_.set_quota(files_.bytes_used() + left);
}

void Server::free_disk() {
  files_.set_quota(0);
}

void Server::jump_wall(std::int64_t ms) {
  world_.trace.event("wall-jump", {id_, ms});
  if (ms < 0) REACHED("wall clock goes back");
  wall_jumps_ms_ += ms;
}

bool Server::damaged() const {
  return flip_ || (ever_opened_ && const_cast<test::SimFiles&>(files_).exists(
                                       std::string("/data/") + server::format::kFolder + "/" +
                                       server::format::kBlankFile));
}

/// Each segment of the log with the offset up to which it is known durable.
std::vector<std::pair<std::string, std::uint64_t>> Server::durable_part() const {
  std::map<std::uint64_t, std::pair<std::string, server::SegmentHeader>> segments;
  for (const auto& path : files_.files_below("/log")) {
    if (path.find("/log/log-") == std::string::npos || path.ends_with(".tmp")) continue;
    auto header = server::decode_segment_header(files_.contents(path));
    if (header && !header->prepared) segments[header->sequence] = {path, *header};
  }
  std::vector<std::pair<std::string, std::uint64_t>> parts;
  std::optional<std::uint64_t> end;
  for (std::uint64_t next = segments.empty() ? 0 : segments.rbegin()->first;
       segments.contains(next); next = segments[next].second.previous) {
    const auto& [path, header] = segments[next];
    if (!end) {
      end = server::scan_segment(header, files_.contents(path), std::nullopt,
                                 [](Zxid, ByteView, std::uint64_t) { return true; })
                .proven;
    }
    parts.emplace_back(path, *end);
    end = header.previous_end;
  }
  return parts;
}

void Server::damage() {
  if (alive()) return;
  auto parts = durable_part();
  if (parts.empty()) return;
  // The newest half of the time: that is where acknowledged writes wait for their checkpoint.
  const auto& [path, end] = parts[random_.percent(50) ? 0 : random_.below(parts.size())];
  if (world_.plan.mutant == Mutant::TrustBadRecord)
    return forget_tail(parts[0].first, parts[0].second);
  std::uint64_t offset = random_.below(end);
  flip_ = Flip{path, offset, static_cast<std::uint8_t>(1u << random_.below(8))};
  world_.trace.event("bit-flip", {id_, static_cast<std::int64_t>(offset)});
  files_.flip(path, flip_->offset, flip_->mask);
}

/// What a recovery would make of a bad record that cuts there without asking whether it was
/// durable.
void Server::forget_tail(const std::string& path, std::uint64_t proven) {
  Bytes bytes = files_.contents(path);
  std::uint64_t from = server::format::kDataStart;
  auto header = server::decode_segment_header(bytes);
  std::uint64_t bad = random_.below(proven);
  server::scan_segment(*header, bytes, std::nullopt, [&](Zxid, ByteView, std::uint64_t end) {
    if (end < bad) from = (end + 7) / 8 * 8;
    return true;
  });
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(), std::byte{0});
  files_.set_contents(path, bytes);
}

/// A server may refuse to start while its disk is full or fails, and when what was durable is
/// damaged and there is no ensemble to mend it. It must say where, and change nothing.
void Server::refused(const server::StorageFault& fault) {
  bool disk = files_.failures() != excused_;
  excused_ = files_.failures();
  if (flip_ && !disk) {
    bool named = fault.exit_code == server::kStorageExitCode &&
                 fault.what.find(flip_->path) != std::string::npos &&
                 fault.what.find("offset") != std::string::npos;
    if (!world_.plan.standalone() || !named) {
      throw Violation("server " + std::to_string(id_) + " with a flipped bit at " + flip_->path +
                      ":" + std::to_string(flip_->offset) + " refuses to start: " + fault.what);
    }
    REACHED("refuses damage standalone");
    files_.flip(flip_->path, flip_->offset, flip_->mask);  // Restored from a copy.
    flip_.reset();
    return start();
  }
  if (!disk) throw Violation("server " + std::to_string(id_) + " refuses to start: " + fault.what);
  REACHED("disk fails at start");
  files_.crash(test::Loss::None);
  world_.scheduler.after(200 * kMillisecond, [this, incarnation = incarnation_] {
    if (incarnation == incarnation_ && !alive()) start();
  });
}

// ---- Inputs
// --------------------------------------------------------------------------------------

/// As the event loop does: the next slice of events at its next turn.
void Server::tell_on() {
  if (life_->telling || !life_->replica->has_more()) return;
  life_->telling = true;
  world_.scheduler.after(1, [this, incarnation = incarnation_] {
    if (incarnation != incarnation_) return;
    run([this] {
      life_->telling = false;
      life_->replica->pump_more();
    });
  });
}

/// One batch of the event loop: an input, then all that follows from it, then every check.
void Server::run(const std::function<void()>& action) {
  if (frozen_) {
    backlog_.push_back(action);
    return;
  }
  try {
    action();
    life_->replica->pump();
    life_->replica->peer().check_invariants();
    tell_on();
  } catch (const ServerFatal& fatal) {
    if (files_.failures() == excused_) {
      throw Violation("server " + std::to_string(id_) + " ended by fatal(): " + fatal.what);
    }
    REACHED("ended by its disk");
    excused_ = files_.failures();
    crash(random_.percent(50), test::Loss::Seeded, down_);
    return;
  } catch (const test::SimCrash&) {
    crash(random_.percent(50), test::Loss::Seeded, down_);
    return;
  }
  world_.checks.observe(*this);
}

void Server::post(Micros delay, std::function<void()> action) {
  world_.scheduler.after(delay, [this, incarnation = incarnation_, action = std::move(action)] {
    if (incarnation == incarnation_) run(action);
  });
}

/// A skewed one now and then comes late, though never so late that the process seems to have slept.
void Server::tick() {
  Micros late = 0;
  if (world_.plan.skewed() && random_.percent(10)) {
    late = random_.between(0, world_.plan.tick_time_ms / 3) * kMillisecond;
  }
  post(consensus::kTickPeriodMs * kMillisecond - random_.between(0, 1000) + late, [this] {
    life_->replica->on_tick();
    tick();
  });
}

void Server::on_accepted(ConnId conn, HostId from, Port port) {
  run([this, conn, from, port] {
    if (port == Port::Quorum) {
      life_->links.accepted(conn);
    } else {
      life_->clients.accepted(conn, from);
    }
  });
}

void Server::on_connected(ConnId conn, bool ok) {
  run([this, conn, ok] {
    if (!life_->links.connected(conn, ok) && ok) world_.network.close(conn, id_);
  });
}

void Server::on_bytes(ConnId conn, ByteView bytes) {
  if (frozen_) {
    backlog_.push_back(
        [this, conn, copy = Bytes(bytes.begin(), bytes.end())] { on_bytes(conn, copy); });
    return;
  }
  run([this, conn, bytes] {
    if (life_->links.has(conn)) {
      life_->links.bytes(conn, bytes);
    } else if (life_->clients.has(conn)) {
      life_->clients.bytes(conn, bytes);
    }
  });
}

void Server::on_end(ConnId conn) {
  run([this, conn] {
    if (life_->links.ended(conn)) {
      life_->replica->on_link_down(LinkId{conn});
    } else if (life_->clients.ended(conn)) {
      life_->replica->on_client_closed(ConnectionId{conn});
    } else {
      life_->links.connected(conn, false);
    }
  });
}

void Server::on_vote(HostId from, const consensus::Notification& notification) {
  run([this, from, notification] {
    life_->replica->on_notification(ServerId{from}, notification);
  });
}

void Server::on_election_link(HostId peer, bool reachable) {
  run([this, peer, reachable] { life_->replica->on_election_link(ServerId{peer}, reachable); });
}

void Server::write_ordered(const consensus::LogWrite& write) {
  ordered_.apply(write);
  if (const auto* append = std::get_if<consensus::AppendRecord>(&write)) {
    world_.checks.proposed(append->record);
  }
}

// ---- Recovery
// ------------------------------------------------------------------------------------

namespace {

bool same_as_recovered(const LogState& state, const consensus::DurableState& found) {
  if (found.accepted_epoch != state.accepted_epoch || found.current_epoch != state.current_epoch) {
    return false;
  }
  Zxid last = found.records.empty() ? found.log_base : found.records.back().zxid;
  if (last != state.last()) return false;
  auto at = state.records.upper_bound(found.log_base.value);
  for (const consensus::LogRecord& record : found.records) {
    if (at == state.records.end() || at->first != record.zxid.value) return false;
    if (!(at->second == record.bytes)) return false;
    ++at;
  }
  return true;
}

std::string text_of(const consensus::DurableState& found) {
  Zxid last = found.records.empty() ? found.log_base : found.records.back().zxid;
  return "base " + to_string(found.log_base) + " last " + to_string(last) + " epochs " +
         std::to_string(found.accepted_epoch) + "/" + std::to_string(found.current_epoch);
}

std::string text_of(const LogState& state) {
  return "base " + to_string(state.base) + " last " + to_string(state.last()) + " epochs " +
         std::to_string(state.accepted_epoch) + "/" + std::to_string(state.current_epoch);
}

}  // namespace

/// Damage to what was durable, or a crash in the middle of the sync that mends it: tree and log are
/// gone, the epochs are not, and the server has no vote.
bool Server::dropped_all(const server::Recovered& recovered, const server::StorageFault& notice) {
  const consensus::DurableState& found = recovered.durable;
  bool said = notice.what.find("storage_damaged") != std::string::npos && flip_;
  said = said || notice.what.find("storage_half_synced") != std::string::npos;
  if (!said || !found.blank || !found.records.empty() || found.checkpoint != Zxid{}) return false;
  if (found.accepted_epoch < durable_.accepted_epoch ||
      found.current_epoch < durable_.current_epoch) {
    throw Violation("server " + std::to_string(id_) + " forgot its epochs with its damaged log");
  }
  if (flip_) REACHED("rejoins after damage");
  flip_.reset();
  for (const auto& [zxid, bytes] : durable_.records) lost_.records[zxid] = bytes;
  lost_.base = std::max(lost_.base, durable_.base);
  durable_ = LogState{};
  durable_.accepted_epoch = found.accepted_epoch;
  durable_.current_epoch = found.current_epoch;
  ordered_ = durable_;
  return true;
}

bool Server::held(Zxid zxid, const SharedBytes& bytes) const {
  return durable_.holds(zxid, bytes) || lost_.holds(zxid, bytes);
}

/// What recovery finds is what was durable, plus some first part of the group under way: no less (a
/// lost promise), no more and no other order (hazards 4643, 3701).
void Server::check_recovered(const server::Recovered& recovered,
                             const server::StorageFault& notice) {
  const consensus::DurableState& found = recovered.durable;
  world_.trace.event("recovered", {id_, found.checkpoint.value, found.log_base.value,
                                   static_cast<std::int64_t>(found.records.size()),
                                   found.accepted_epoch, found.current_epoch});
  std::vector<consensus::LogWrite> in_doubt = std::exchange(in_doubt_, {});
  Zxid install = std::exchange(install_in_doubt_, {});
  if (dropped_all(recovered, notice)) return;
  flip_.reset();
  if (world_.plan.mutant != Mutant::None) {
    std::erase_if(durable_.records,
                  [&](const auto& record) { return record.first > found.log_base.value; });
    for (const auto& record : found.records) durable_.records[record.zxid.value] = record.bytes;
    durable_.accepted_epoch = found.accepted_epoch;
    durable_.current_epoch = found.current_epoch;
    ordered_ = durable_;
    return;
  }
  LogState candidate = durable_;
  bool same = same_as_recovered(candidate, found);
  if (same && !in_doubt.empty()) REACHED("group under way lost");
  for (std::size_t i = 0; !same && i < in_doubt.size(); ++i) {
    candidate.apply(in_doubt[i]);
    same = same_as_recovered(candidate, found);
    if (same && i + 1 < in_doubt.size()) REACHED("group under way torn");
  }
  if (!same && install.value != 0) {
    candidate = durable_;
    candidate.install(install);
    same = same_as_recovered(candidate, found);
  }
  if (!same) {
    throw Violation("server " + std::to_string(id_) + " recovered " + text_of(found) +
                    " but its disk was promised to hold " + text_of(durable_) + ", with " +
                    std::to_string(in_doubt.size()) + " writes under way");
  }
  durable_ = std::move(candidate);
  ordered_ = durable_;
}

}  // namespace quorate::sim
