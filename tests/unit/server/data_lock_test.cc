#include "server/storage/real/data_lock.h"

#include <doctest/doctest.h>

#include <deque>
#include <filesystem>

#include "tests/support/temporary_folder.h"

using quorate::server::DataLock;
using quorate::server::lock_folders;
using quorate::test::TemporaryFolder;

TEST_CASE("data lock: a folder belongs to one at a time, and is given back") {
  TemporaryFolder folder;
  {
    DataLock first, second;
    CHECK_FALSE(first.take(folder.path()));
    auto refused = second.take(folder.path());
    REQUIRE(refused);
    CHECK(refused->find(folder.path()) != std::string::npos);
    CHECK(refused->find("another process") != std::string::npos);
  }
  DataLock third;
  CHECK_FALSE(third.take(folder.path()));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("data lock: a folder that is not there is made; a file in its place is named") {
  TemporaryFolder folder;
  DataLock lock, refused;
  CHECK_FALSE(lock.take(folder.path() + "/a/b"));
  auto why = refused.take("/proc/self/status");
  REQUIRE(why);
  CHECK(why->find("/proc/self/status") != std::string::npos);
}

TEST_CASE("data lock: dataDir and dataLogDir may be one folder, also one that is not there yet") {
  TemporaryFolder folder;
  const std::string data = folder.path() + "/not/yet";
  std::deque<DataLock> locks, others;
  CHECK_FALSE(lock_folders(locks, data, data));
  CHECK(locks.size() == 1);
  CHECK(lock_folders(others, folder.path() + "/else", data));
  std::filesystem::create_directory_symlink(data, folder.path() + "/link");
  locks.clear();
  others.clear();
  CHECK_FALSE(lock_folders(locks, data, folder.path() + "/link"));
  CHECK(locks.size() == 1);
  CHECK_FALSE(lock_folders(others, folder.path() + "/a", folder.path() + "/b"));
  CHECK(others.size() == 2);
}
