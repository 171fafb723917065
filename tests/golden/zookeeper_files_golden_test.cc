// Data folders of real ensembles, put together again from their recorded bytes: imported, exported,
// damaged.
#include <map>
#include <set>

#include "golden/captures.h"
#include "server/storage/backup.h"
#include "server/storage/zookeeper_log.h"
#include "server/storage/zookeeper_snapshot.h"
#include "support/sim_files.h"
#include "znode/op.h"

namespace quorate::golden {
namespace {

using server::BackupReport;
using server::DiskWorker;
using server::ImportSource;
using server::Recovered;
using server::StorageFault;
using server::StorageOptions;
using test::SimFiles;

constexpr std::size_t kFieldMax = 1u << 20;

void put(server::Files& files, const std::string& path, ByteView bytes) {
  auto file = files.open(path, server::OpenMode::Create);
  REQUIRE(file.has_value());
  REQUIRE(!(*file)->truncate(0));
  REQUIRE(!(*file)->pwrite(0, bytes));
}

Bytes whole(server::Files& files, const std::string& path) {
  auto file = files.open(path, server::OpenMode::Read);
  REQUIRE(file.has_value());
  Bytes bytes(*(*file)->size());
  REQUIRE(*(*file)->pread(0, bytes) == bytes.size());
  return bytes;
}

/// All files of one server, by name.
std::map<std::string, Bytes> recorded(const std::string& capture, const std::string& server) {
  std::map<std::string, Bytes> files;
  each_line("captures-quorum/" + capture + ".jsonl", [&](const Json& line) {
    if (line["link"] != server || !line.contains("file")) return;
    Bytes& bytes = files[line["file"].get<std::string>()];
    append(bytes, from_hex(line["hex"].get<std::string>()));
    // A preallocated file's zeros are told by its length alone.
    if (line["decoded"].contains("fileLen"))
      bytes.resize(line["decoded"]["fileLen"].get<std::size_t>());
  });
  return files;
}

void lay_out(SimFiles& disk, const std::map<std::string, Bytes>& files) {
  REQUIRE(!disk.make_directories("/zk/version-2"));
  for (const auto& [name, bytes] : files) put(disk, "/zk/version-2/" + name, bytes);
}

StorageOptions options_of(const std::string& folder) {
  StorageOptions options;
  options.data_dir = options.data_log_dir = folder;
  options.segment_bytes = 1u << 20;
  return options;
}

std::optional<StorageFault> import_into(SimFiles& disk, BackupReport& report,
                                        const std::string& from = "/zk") {
  ImportSource source;
  source.data_dir = from;
  source.field_max = kFieldMax;
  return server::import_zookeeper(disk, disk.open_tree_store(), source, options_of("/q"), report);
}

/// The tree after all that `recovered` has, committed or not.
std::uint64_t digest_at_end(Recovered& recovered) {
  for (const consensus::LogRecord& record : recovered.durable.records) {
    if (record.zxid <= recovered.durable.checkpoint) continue;
    const auto mode =
        record.zxid <= recovered.fuzzy_until ? znode::ReplayMode::Fuzzy : znode::ReplayMode::Exact;
    auto outcome = znode::apply(recovered.tree, record.bytes.view(), mode);
    REQUIRE(outcome.has_value());
    CHECK_FALSE(outcome->digest_mismatch);
  }
  return recovered.tree.digest();
}

std::string all_lines(const BackupReport& report) {
  std::string text;
  for (const std::string& line : report.lines) text += line + "\n";
  return text;
}

struct Server {
  const char* capture;
  const char* name;
  std::int64_t last;
  std::uint32_t accepted, current;
};
const Server kServers[] = {
    {"disk-main", "server 1", 0x300000004, 3, 3}, {"disk-main", "server 2", 0x300000004, 3, 3},
    {"disk-main", "server 3", 0x300000004, 3, 3}, {"disk-reconfig", "server 2", 0, 2, 2},
    {"disk-reconfig", "server 4", 0, 2, 2},
};

}  // namespace

TEST_CASE("import: last zxid, epochs and every digest are those of the recorded servers") {
  if (!available()) return;
  std::set<std::uint64_t> digests;
  for (const Server& server : kServers) {
    CAPTURE(server.capture);
    CAPTURE(server.name);
    SimFiles disk(1);
    const auto before = recorded(server.capture, server.name);
    lay_out(disk, before);
    BackupReport report;
    const auto fault = import_into(disk, report);
    REQUIRE_MESSAGE(!fault, (fault ? fault->what : ""));
    CAPTURE(all_lines(report));
    CHECK(all_lines(report).find("WARNING") == std::string::npos);
    if (server.last != 0) CHECK(report.last.value == server.last);
    CHECK(report.accepted_epoch == server.accepted);
    CHECK(report.current_epoch == server.current);
    for (const auto& [name, bytes] : before) CHECK(whole(disk, "/zk/version-2/" + name) == bytes);

    Recovered recovered;
    StorageFault opening;
    auto worker =
        DiskWorker::open(disk, disk.open_tree_store(), options_of("/q"), recovered, opening);
    REQUIRE_MESSAGE(worker, opening.what);
    CHECK_FALSE(recovered.durable.blank);
    CHECK(recovered.durable.accepted_epoch == server.accepted);
    CHECK(recovered.durable.current_epoch == server.current);
    const auto& records = recovered.durable.records;
    CHECK((records.empty() ? recovered.durable.checkpoint : records.back().zxid) == report.last);
    const std::uint64_t digest = digest_at_end(recovered);
    if (server.last != 0) digests.insert(digest);
  }
  // Three servers of one ensemble, from different snapshots.
  CHECK(digests.size() == 1);
}

TEST_CASE("export: what was imported comes out again, and can be imported again") {
  if (!available()) return;
  for (const Server& server : kServers) {
    CAPTURE(server.capture);
    CAPTURE(server.name);
    SimFiles disk(1);
    lay_out(disk, recorded(server.capture, server.name));
    BackupReport in, out, again;
    REQUIRE_FALSE(import_into(disk, in));
    const auto fault = server::export_zookeeper(disk, disk.open_tree_store(), options_of("/q"),
                                                "/back", ServerId{7}, out);
    REQUIRE_MESSAGE(!fault, (fault ? fault->what : ""));
    CHECK(out.last == in.last);
    CHECK(as_text(whole(disk, "/back/myid")) == "7\n");
    CHECK(as_text(whole(disk, "/back/version-2/currentEpoch")) == std::to_string(server.current));
    REQUIRE(!disk.remove_tree("/q"));
    const auto second = import_into(disk, again, "/back");
    REQUIRE_MESSAGE(!second, (second ? second->what : ""));
    CAPTURE(all_lines(again));
    CHECK(again.last == in.last);
    CHECK(again.current_epoch == in.current_epoch);
    CHECK(all_lines(again).find("WARNING") == std::string::npos);
  }
}

TEST_CASE("import: a target with data, and a source without, are refused before anything is done") {
  if (!available()) return;
  SimFiles disk(1);
  BackupReport report;
  const auto none = import_into(disk, report);
  REQUIRE(none);
  CHECK(none->exit_code == 2);
  CHECK(none->what.find("/zk: holds no snapshot") == 0);
  lay_out(disk, recorded("disk-main", "server 1"));
  REQUIRE_FALSE(import_into(disk, report));
  const auto twice = import_into(disk, report);
  REQUIRE(twice);
  CHECK(twice->exit_code == 2);
}

TEST_CASE("log: cut at every length it gives a prefix of its records, or is refused") {
  if (!available()) return;
  const auto files = recorded("disk-main", "server 2");
  const Bytes log = files.at("log.300000001");
  constexpr std::size_t kEnd = 303;  // Where its padding begins.
  std::size_t most = 0;
  for (std::size_t size = 0; size <= kEnd; ++size) {
    CAPTURE(size);
    SimFiles disk(1);
    REQUIRE(!disk.make_directories("/l"));
    put(disk, "/l/log.300000001", ByteView(log).first(size));
    server::ZooKeeperLogSummary summary;
    const std::string wrong = server::read_zookeeper_log(
        disk, "/l", Zxid{0x20000000a}, kFieldMax, [](consensus::LogRecord) { return ""; }, summary);
    if (size > 0 && size < 16) {
      CHECK(wrong.find("/l/log.300000001: offset 0:") == 0);
    } else {
      CHECK(wrong == "");
      CHECK(summary.records >= most);
      most = summary.records;
    }
  }
  CHECK(most == 4);
}

TEST_CASE("log: a byte changed anywhere before the last record is refused, naming the place") {
  if (!available()) return;
  const auto files = recorded("disk-main", "server 2");
  const Bytes log = files.at("log.300000001");
  constexpr std::size_t kLastRecord = 199;
  for (std::size_t at = 16; at < kLastRecord; ++at) {
    for (const int bit : {0x01, 0x80}) {
      CAPTURE(at);
      Bytes changed = log;
      changed[at] ^= static_cast<std::byte>(bit);
      SimFiles disk(1);
      REQUIRE(!disk.make_directories("/l"));
      put(disk, "/l/log.300000001", changed);
      server::ZooKeeperLogSummary summary;
      const std::string wrong = server::read_zookeeper_log(
          disk, "/l", Zxid{0x20000000a}, kFieldMax, [](consensus::LogRecord) { return ""; },
          summary);
      CHECK(wrong.find("/l/log.300000001: offset ") == 0);
    }
  }
}

TEST_CASE("log: what a broken sync logged twice counts once, another record of a zxid is refused") {
  if (!available()) return;
  const auto files = recorded("disk-main", "server 2");
  const Bytes log = files.at("log.300000001");
  constexpr std::size_t kHeader = 16, kEnd = 303;
  std::vector<consensus::LogRecord> once;
  for (const bool altered : {false, true}) {
    SimFiles disk(1);
    REQUIRE(!disk.make_directories("/l"));
    // All records, the same again without the last, as when the second try broke off as well, and
    // all.
    server::ZooKeeperLogWriter again;
    Bytes text(log.begin(), log.begin() + kEnd);
    if (!once.empty()) {
      for (std::size_t n = 0; n < once.size(); ++n) {
        Bytes txn(once[n].bytes.view().begin(), once[n].bytes.view().end());
        if (altered && n == 1) txn[27] ^= std::byte{1};  // Its time.
        again.add(txn);
      }
      const Bytes more = again.take();
      append(text, ByteView(more).subspan(kHeader));
    } else {
      append(text, ByteView(log).subspan(kHeader, 199 - kHeader));
      append(text, ByteView(log).subspan(kHeader, kEnd - kHeader));
    }
    put(disk, "/l/log.300000001", text);
    server::ZooKeeperLogSummary summary;
    std::vector<Zxid> visited;
    const std::string wrong = server::read_zookeeper_log(
        disk, "/l", Zxid{0x20000000a}, kFieldMax,
        [&](consensus::LogRecord record) {
          visited.push_back(record.zxid);
          if (!altered) once.push_back(std::move(record));
          return "";
        },
        summary);
    CHECK(visited.size() == 4);
    CHECK(std::is_sorted(visited.begin(), visited.end()));
    if (altered) {
      CHECK(wrong.find("zxid 0x300000002 does not follow 0x300000004") != std::string::npos);
    } else {
      CHECK(wrong == "");
      CHECK(summary.records == 4);
      CHECK(summary.repeated == 7);
    }
  }
}

TEST_CASE("snapshot: a byte changed or missing anywhere is refused") {
  if (!available()) return;
  const auto files = recorded("disk-main", "server 3");
  const Bytes& good = files.at("snapshot.200000002");
  SimFiles disk(1);
  REQUIRE(!disk.make_directories("/s"));
  const Zxid zxid{0x200000002};
  const auto read = [&](const Bytes& bytes) {
    put(disk, "/s/snapshot", bytes);
    server::ZooKeeperSnapshot snapshot;
    return server::read_zookeeper_snapshot(disk, "/s/snapshot", zxid, kFieldMax, snapshot);
  };
  CHECK(read(good) == "");
  for (std::size_t at = 0; at < good.size(); ++at) {
    CAPTURE(at);
    // The header's last eight bytes, dbid, are checked by the seal like everything else.
    Bytes changed = good;
    changed[at] ^= std::byte{0x01};
    CHECK(read(changed) != "");
    // Without its later parts a file is one of an older version.
    const std::string cut =
        read(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at)));
    const bool before_digest = at == good.size() - 20 - 13;
    CHECK((cut == "") == before_digest);
  }
}

}  // namespace quorate::golden
