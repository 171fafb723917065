#include "server/storage/real/paced_env.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/storage/real/durable_names_env.h"
#include "tests/support/temporary_folder.h"

using namespace quorate;
using namespace quorate::server;

namespace {

using Clock = std::chrono::steady_clock;

/// Seconds for `count` times `bytes`.
double seconds_of(Pacer& pacer, int count, std::uint64_t bytes) {
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < count; ++i) pacer.take(bytes);
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::unique_ptr<leveldb::WritableFile> open_file(leveldb::Env& env, const std::string& path) {
  leveldb::WritableFile* file = nullptr;
  REQUIRE(env.NewWritableFile(path, &file).ok());
  return std::unique_ptr<leveldb::WritableFile>(file);
}

}  // namespace

TEST_CASE("pacer: without a limit before the first word, and for what somebody waits for") {
  Pacer pacer(1);  // A byte a second: any limit would show.
  CHECK(seconds_of(pacer, 100, 1 << 20) < 5);
  pacer.hurry(1);
  pacer.hurry(kUnlimited);
  CHECK(seconds_of(pacer, 100, 1 << 20) < 5);
}

TEST_CASE("pacer: at its rate it lets so many bytes pass in a second, after a burst of 20 ms") {
  Pacer pacer(1 << 20);
  pacer.hurry(1);
  // 256 KiB at 1 MiB/s; the last piece is paid for by the next.
  const double seconds = seconds_of(pacer, 16, 16 << 10);
  CHECK(seconds >= 0.25 - 0.02 - 1.0 / 64 - 0.001);
}

TEST_CASE(
    "pacer: the rate never falls below its base, and rises with how far the writing is behind") {
  Pacer slow(1 << 20), fast(1 << 20);
  slow.hurry(0.3);
  fast.hurry(3.9);  // Fifteen times the rate: 50 ms for what would take 750.
  CHECK(seconds_of(slow, 4, 16 << 10) < 0.4);
  CHECK(seconds_of(fast, 48, 16 << 10) < 0.5);
}

TEST_CASE("paced env: what it writes is what is read, however it was cut") {
  test::TemporaryFolder folder;
  leveldb::Env* env = paced_env();
  const std::string path = folder.path() + "/000007.log";
  std::string expected;
  {
    auto file = open_file(*env, path);
    for (int i = 0; i < 300; ++i) {
      const std::string piece(static_cast<std::size_t>(1 + i * 37 % 5000),
                              static_cast<char>('a' + i % 26));
      REQUIRE(file->Append(piece).ok());
      expected += piece;
      if (i % 50 == 0) REQUIRE(file->Sync().ok());
    }
    REQUIRE(file->Close().ok());
  }
  std::string found;
  REQUIRE(leveldb::ReadFileToString(env, path, &found).ok());
  CHECK(found == expected);
  leveldb::RandomAccessFile* opened = nullptr;
  REQUIRE(env->NewRandomAccessFile(path, &opened).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  std::string scratch(1000, '\0');
  leveldb::Slice slice;
  REQUIRE(file->Read(5000, 1000, &slice, scratch.data()).ok());
  CHECK(slice.ToString() == expected.substr(5000, 1000));
  REQUIRE(file->Read(expected.size() - 10, 1000, &slice, scratch.data()).ok());
  CHECK(slice.ToString() == expected.substr(expected.size() - 10));
}

TEST_CASE(
    "durable names: of a log once, of a manifest each time, of a table never, after a rename") {
  test::TemporaryFolder folder;
  std::vector<std::string> synced;
  leveldb::Status answer;
  DurableNamesEnv env(leveldb::Env::Default(), [&](const std::string& of) {
    synced.push_back(of);
    return answer;
  });
  auto sync_twice = [&](const char* name) {
    synced.clear();
    auto file = open_file(env, folder.path() + "/" + name);
    for (int i = 0; i < 2; ++i) {
      REQUIRE(file->Append("x").ok());
      REQUIRE(file->Sync().ok());
    }
    return synced.size();
  };
  CHECK(sync_twice("000003.log") == 1);
  CHECK(synced.front() == folder.path());
  CHECK(sync_twice("MANIFEST-000002") == 2);
  CHECK(sync_twice("000005.ldb") == 0);
  CHECK(sync_twice("000002.dbtmp") == 0);
  REQUIRE(env.RenameFile(folder.path() + "/000002.dbtmp", folder.path() + "/CURRENT").ok());
  CHECK(synced.size() == 1);
  // Not said to be durable when the folder cannot be synced.
  answer = leveldb::Status::IOError("folder");
  auto file = open_file(env, folder.path() + "/000009.log");
  REQUIRE(file->Append("x").ok());
  CHECK_FALSE(file->Sync().ok());
  answer = leveldb::Status::OK();
  CHECK(file->Sync().ok());
}
