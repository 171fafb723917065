#include "server/storage/epoch_store.h"

#include <doctest/doctest.h>

#include "tests/support/sim_files.h"

using namespace quorate;
using namespace quorate::server;
using test::SimCrash;
using test::SimFiles;

namespace {

const std::string kFolder = "/data";

std::unique_ptr<EpochStore> fresh(SimFiles& files) {
  REQUIRE(!files.make_directories(kFolder));
  REQUIRE(!files.sync_directory("/"));
  auto store = std::make_unique<EpochStore>(files, kFolder);
  REQUIRE(!store->load(/*fresh=*/true));
  return store;
}

}  // namespace

TEST_CASE("epochs: a fresh server has promised nothing, and both files exist from then on") {
  SimFiles files(1);
  auto store = fresh(files);
  CHECK(store->accepted() == 0);
  CHECK(store->current() == 0);
  EpochStore again(files, kFolder);
  CHECK(!again.load(/*fresh=*/false));
}

TEST_CASE("epochs: what was stored is there after any crash") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimFiles files(seed);
    auto store = fresh(files);
    REQUIRE(!store->store_accepted(7));
    REQUIRE(!store->store_current(6));
    files.crash();
    EpochStore again(files, kFolder);
    REQUIRE(!again.load(false));
    CHECK(again.accepted() == 7);
    CHECK(again.current() == 6);
  }
}

TEST_CASE("epochs: a crash while storing leaves the old or the new one") {
  std::size_t old_ones = 0, new_ones = 0;
  for (std::uint64_t n = 1; n <= 6; ++n) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      SimFiles files(seed);
      auto store = fresh(files);
      REQUIRE(!store->store_accepted(7));
      files.crash_at(n);
      bool returned = false;
      try {
        returned = !store->store_accepted(8);
      } catch (const SimCrash&) {
        CHECK(store->accepted() == 7);  // The file first, then memory.
      }
      files.crash();
      EpochStore again(files, kFolder);
      REQUIRE(!again.load(false));
      bool possible = again.accepted() == 8 || (again.accepted() == 7 && !returned);
      CHECK(possible);
      (again.accepted() == 8 ? new_ones : old_ones)++;
    }
  }
  CHECK(old_ones > 10);
  CHECK(new_ones > 10);
}

TEST_CASE("epochs: memory stays behind when the file cannot be written") {
  SimFiles files(1);
  auto store = fresh(files);
  files.fail_at(1, ErrorCode(ENOSPC, boost::system::system_category()));
  CHECK(store->store_current(3));
  CHECK(store->current() == 0);
}

TEST_CASE("epochs: a missing, cut or changed file is a fault that names it") {
  for (const char* name : {"acceptedEpoch", "currentEpoch"}) {
    CAPTURE(name);
    SimFiles files(1);
    auto store = fresh(files);
    REQUIRE(!store->store_accepted(12));
    REQUIRE(!store->store_current(12));
    std::string path = kFolder + "/" + name;
    Bytes whole = files.contents(path);
    auto faulty = [&] {
      EpochStore again(files, kFolder);
      auto fault = again.load(false);
      return fault && fault->exit_code == 10 && fault->what.find(path) != std::string::npos;
    };
    for (std::size_t length = 0; length < whole.size(); ++length) {
      files.set_contents(path, ByteView(whole).first(length));
      CHECK(faulty());
    }
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      files.set_contents(path, whole);
      files.flip(path, bit / 8, static_cast<std::uint8_t>(1u << (bit % 8)));
      CHECK(faulty());
    }
    REQUIRE(!files.remove(path));
    CHECK(faulty());
  }
}

TEST_CASE("epochs: an accepted epoch below the current one is refused") {
  SimFiles files(1);
  auto store = fresh(files);
  REQUIRE(!store->store_current(3));
  EpochStore again(files, kFolder);
  auto fault = again.load(false);
  REQUIRE(fault);
  CHECK(fault->what.find("acceptedEpoch 0 is below currentEpoch 3") != std::string::npos);
}
