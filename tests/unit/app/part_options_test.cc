#include "server/app/part_options.h"

#include <doctest/doctest.h>

#include "server/config/config_table.h"

using namespace quorate;
using namespace quorate::server;
using std::chrono::hours;

namespace {

/// The default configuration with one key set, as if it stood in the file.
Config with(std::string_view key, const std::string& value) {
  Config config;
  const ConfigRow* row = find_config_row(key);
  REQUIRE(row != nullptr);
  REQUIRE(set_config_field(config, *row, value).empty());
  return config;
}

CheckpointOptions checkpoint_options(const Config& config) {
  return disk_thread_options(config).checkpoint;
}

}  // namespace

TEST_CASE("options: checkpoint.scrubInterval is in hours, and 0 is never") {
  CHECK(checkpoint_options(Config()).scrub_interval == hours(24));
  CHECK(checkpoint_options(with("checkpoint.scrubInterval", "3")).scrub_interval == hours(3));
  CHECK(checkpoint_options(with("checkpoint.scrubInterval", "0")).scrub_interval == hours(0));
}

TEST_CASE("options: autopurge.snapRetainCount above 1 keeps a second generation") {
  CHECK(checkpoint_options(with("autopurge.snapRetainCount", "1")).archive_interval == hours(0));
  CHECK(checkpoint_options(with("autopurge.snapRetainCount", "2")).archive_interval == hours(24));
  CHECK(checkpoint_options(Config()).archive_interval == hours(24));
}

TEST_CASE("options: autopurge.purgeInterval says how often that is renewed, 0 is every day") {
  CHECK(checkpoint_options(with("autopurge.purgeInterval", "6")).archive_interval == hours(6));
  CHECK(checkpoint_options(with("autopurge.purgeInterval", "0")).archive_interval == hours(24));
  Config none = with("autopurge.purgeInterval", "6");
  none.storage.snap_retain_count = 1;
  CHECK(checkpoint_options(none).archive_interval == hours(0));
}

TEST_CASE("options: leaderServes, readonlymode.enabled and linearizableReads reach the replica") {
  const ReplicaOptions unset = replica_options(Config());
  CHECK(unset.leader_serves);
  CHECK_FALSE(unset.read_only_mode);
  CHECK_FALSE(unset.linearizable_reads);
  CHECK_FALSE(replica_options(with("leaderServes", "no")).leader_serves);
  CHECK(replica_options(with("readonlymode.enabled", "true")).read_only_mode);
  CHECK(replica_options(with("linearizableReads", "true")).linearizable_reads);
}

TEST_CASE("options: commitLogCount is what the log keeps, in memory and on disk") {
  const Config config = with("commitLogCount", "77");
  CHECK(replica_options(config).peer.window_records == 77);
  CHECK(storage_options(config).window_records == 77);
}

TEST_CASE("options: globalOutstandingLimit is divided among the followers") {
  Config config = with("globalOutstandingLimit", "100");
  CHECK(replica_options(config).outstanding_max == 100);
  for (int id = 1; id <= 5; ++id) {
    config.ensemble.members.push_back({ServerId{id}, "h", 1, 2, false, ""});
  }
  CHECK(replica_options(config).outstanding_max == 25);
}

TEST_CASE("options: reconfigEnabled lets strangers in; standaloneEnabled says how many must stay") {
  const Config off;
  CHECK_FALSE(replica_options(off).peer.reconfig_enabled);
  CHECK_FALSE(election_link_options(off).strangers);
  CHECK(member_files_options(off).config_file.empty());
  Config on = with("reconfigEnabled", "true");
  CHECK(replica_options(on).peer.reconfig_enabled);
  CHECK(replica_options(on).reconfig_voters_min == 2);
  CHECK(election_link_options(on).strangers);
  on.file = "/no/such/zoo.cfg";
  CHECK(member_files_options(on).config_file == "/no/such/zoo.cfg");
  on.ensemble.standalone_enabled = false;
  CHECK(replica_options(on).reconfig_voters_min == 1);
  on.ensemble.members_in_file = false;  // There is no file that could follow.
  CHECK(member_files_options(on).config_file.empty());
}
