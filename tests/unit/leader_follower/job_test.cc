#include "examples/leader_follower/job.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace leader_follower;

TEST_CASE("job: a spec is read as it was written, and anything else refused") {
  const JobSpec spec{"/a path/with blanks", {10, 2'000}, "0123456789abcdef"};
  CHECK(decode_spec(encode(spec)) == spec);
  for (const char* bad :
       {"", "count", "count 1", "count 1 2", "count 1 2 d", "count 5 2 d /p", "count x 2 d /p",
        "move 1 2 d /p", "count 0 999999999 d /p", "count -1 2 d /p"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_spec(bad).has_value());
  }
}

TEST_CASE("job: a result is read as it was written, done or failed") {
  Result result{"w1-0011", 77, 55, "count 0 9 d /p", "", count_hits(generate_log(300, 5))};
  for (const char* failure : {"", "cannot read its part of /p"}) {
    CAPTURE(failure);
    result.failure = failure;
    if (!result.failure.empty()) result.counts = {};
    const auto read = decode_result(encode(result));
    REQUIRE(read.has_value());
    CHECK(encode(*read) == encode(result));
    CHECK(read->member == "w1-0011");
    CHECK(read->token == 77);
    CHECK(read->term == 55);
    CHECK(read->spec == result.spec);
    CHECK(read->failure == failure);
    CHECK(read->counts.pages == result.counts.pages);
  }
}

TEST_CASE("job: a damaged result is refused") {
  for (const char* bad : {"", "by", "by m", "by m token x term 1\ns\nlines 0 bad 0\n",
                          "by m token 1 term\ns\n", "by m token 1 term 2\ns\n",
                          "by m token 1 term 2\ns\nlines 0", "x m token 1 term 2\ns\nfailed y"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_result(bad).has_value());
  }
}

TEST_CASE("job: done, it is the counts of its part; a log that is gone or changed is a failure") {
  const quorate::test::TemporaryFolder folder;
  const std::string path = folder.path() + "/log";
  const std::string log = generate_log(400, 8);
  std::ofstream(path, std::ios::binary) << log;
  Counts sum;
  JobSpec last;
  for (const Shard& part : cut_into_shards(log, 150)) {
    last = {path, part, digest(std::string_view(log).substr(part.begin, part.end - part.begin))};
    Counts counts;
    CHECK(run(encode(last), counts) == "");
    merge(sum, counts);
  }
  CHECK(encode(sum) == encode(count_hits(log)));

  Counts none;
  std::string changed = log;
  changed[changed.size() - 10] ^= 1;
  std::ofstream(path, std::ios::binary) << changed;
  CHECK(run(encode(last), none).find("has been changed") != std::string::npos);
  std::ofstream(path, std::ios::binary) << "short";
  CHECK(run(encode(last), none).find("cannot read") != std::string::npos);
  last.path += ".none";
  CHECK(run(encode(last), none).find("cannot read") != std::string::npos);
  CHECK(run("nonsense", none).find("understood") != std::string::npos);
  CHECK(none.lines == 0);
}
