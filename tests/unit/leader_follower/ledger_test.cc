#include "examples/leader_follower/ledger.h"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <stdexcept>

#include "tests/support/temporary_folder.h"

using namespace leader_follower;

namespace {

const std::string kCounts = "lines 3 bad 1\n2\t/a\n";

/// A ledger that can be ended and opened again on its file.
struct Bench {
  quorate::test::TemporaryFolder folder;
  std::string file = folder.path() + "/ledger";
  std::unique_ptr<Ledger> ledger = std::make_unique<Ledger>(file);

  void reopen() {
    ledger.reset();
    ledger = std::make_unique<Ledger>(file);
  }
  std::string begin(const std::string& job, int token) {
    return ledger->answer("begin " + job + " " + std::to_string(token) + " m");
  }
  std::string apply(const std::string& job, int token, const std::string& counts = kCounts) {
    return ledger->answer("apply " + job + " " + std::to_string(token) + " m\n" + counts);
  }
};

}  // namespace

TEST_CASE("ledger: a job's counts are added once, whoever comes again") {
  Bench bench;
  CHECK(bench.begin("p/1", 10) == "ok");
  CHECK(bench.apply("p/1", 10) == "ok");
  CHECK(bench.apply("p/1", 10) == "applied 10");
  CHECK(bench.begin("p/1", 20) == "applied 10");
  CHECK(bench.apply("p/1", 20) == "applied 10");
  CHECK(bench.apply("p/2", 30) == "ok");
  CHECK(bench.ledger->answer("totals") == "4\t/a\n");
  CHECK(bench.ledger->answer("status") == "jobs 2 applied 2 refused 0 lines 6 bad 2");
}

TEST_CASE("ledger: once a greater token was shown a smaller one has no effect, and is counted") {
  Bench bench;
  CHECK(bench.begin("p/1", 10) == "ok");
  CHECK(bench.begin("p/1", 20) == "ok");
  CHECK(bench.apply("p/1", 10) == "stale 20");
  CHECK(bench.begin("p/1", 10) == "stale 20");
  CHECK(bench.ledger->answer("totals").empty());
  CHECK(bench.apply("p/1", 20) == "ok");
  CHECK(bench.apply("p/1", 10) == "stale 20");
  CHECK(bench.ledger->answer("status") == "jobs 1 applied 1 refused 3 lines 3 bad 1");
}

TEST_CASE("ledger: tokens are of one job; others have their own") {
  Bench bench;
  CHECK(bench.begin("p/1", 20) == "ok");
  CHECK(bench.begin("p/2", 10) == "ok");
  CHECK(bench.begin("q/1", 10) == "ok");
}

TEST_CASE("ledger: opened again it knows effects, tokens and refusals") {
  Bench bench;
  bench.apply("p/1", 10);
  bench.begin("p/2", 20);
  bench.apply("p/2", 15);
  const std::string before = bench.ledger->answer("status");
  bench.reopen();
  CHECK(bench.ledger->answer("status") == before);
  CHECK(bench.apply("p/1", 10) == "applied 10");
  CHECK(bench.apply("p/2", 15) == "stale 20");
  CHECK(bench.ledger->answer("totals") == "2\t/a\n");
}

TEST_CASE("ledger: a last line that was cut is cut away, and asked for again") {
  Bench bench;
  bench.apply("p/1", 10);
  bench.ledger.reset();
  std::ofstream(bench.file, std::ios::binary | std::ios::app) << "applied\tp/2\t20\tm\t3\t1\t/a";
  bench.ledger = std::make_unique<Ledger>(bench.file);
  CHECK(bench.ledger->answer("totals") == "2\t/a\n");
  CHECK(bench.apply("p/2", 20) == "ok");
  bench.reopen();
  CHECK(bench.ledger->answer("totals") == "4\t/a\n");
}

TEST_CASE("ledger: what it does not understand changes nothing") {
  Bench bench;
  for (const char* bad : {"", "begin", "begin p/1", "begin p/1 x m", "begin p/1 10",
                          "begin p/1 -4 m", "erase p/1 10 m", "apply p/1 10 m",
                          "apply p/1 10 m\nlines x", "begin p\t1 10 m", "begin p/1 10 m\tm"}) {
    CAPTURE(bad);
    CHECK(bench.ledger->answer(bad).starts_with("error"));
  }
  CHECK(bench.ledger->answer("status") == "jobs 0 applied 0 refused 0 lines 0 bad 0");
}

TEST_CASE("ledger: one process at a time, and a file that can be had") {
  Bench bench;
  CHECK_THROWS_AS(Ledger again(bench.file), std::runtime_error);
  CHECK_THROWS_AS(Ledger none(bench.folder.path() + "/none/ledger"), std::runtime_error);
}
