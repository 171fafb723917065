#include "examples/leader_follower/access_log.h"

#include <doctest/doctest.h>

using namespace leader_follower;

TEST_CASE("page: the request's target up to '?', of lines in Combined Log Format only") {
  struct Row {
    const char* line;
    const char* page;  // nullptr: a bad line.
  };
  for (const Row& row : {Row{"1.2.3.4 - - [t] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\"", "/a"},
                         Row{"1.2.3.4 - - [t] \"GET /a?b=c?d HTTP/1.1\" 200 5", "/a"},
                         Row{"h - - [t] \"HEAD / HTTP/1.0\" 304 -", "/"},
                         Row{"h - - [t] \"OPTIONS * HTTP/1.0\" 200 -", "*"}, Row{"", nullptr},
                         Row{"garbage", nullptr}, Row{"h - - [t] \"-\" 408 0", nullptr},
                         Row{"h - - [t] \"GET /a\" 200 0", nullptr},
                         Row{"h - - [t] \"GET  HTTP/1.1\" 200 0", nullptr},
                         Row{"h - - [t] \"GET ?q HTTP/1.1\" 200 0", nullptr},
                         Row{"h - - [t] \"GET /a HTTP/1.1\" abc 0", nullptr},
                         Row{"h - - [t] \"GET /a HTTP/1.1\"", nullptr},
                         Row{"h - - [t] \"GET /a\tb HTTP/1.1\" 200 0", nullptr},
                         Row{"h - - [t] \"GET /a HTTP/1.1", nullptr}}) {
    CAPTURE(row.line);
    const auto page = page_of(row.line);
    REQUIRE(page.has_value() == (row.page != nullptr));
    if (page) CHECK(*page == row.page);
  }
}

TEST_CASE("shards: cover the log without gap or overlap, cut at line ends") {
  const std::string log = generate_log(1'003, 3);
  for (std::uint64_t lines : {1u, 7u, 500u, 5'000u}) {
    CAPTURE(lines);
    const auto shards = cut_into_shards(log, lines);
    CHECK(shards.size() == (1'003 + lines - 1) / lines);
    std::uint64_t at = 0;
    for (const Shard& shard : shards) {
      CHECK(shard.begin == at);
      CHECK(log[shard.end - 1] == '\n');
      at = shard.end;
    }
    CHECK(at == log.size());
  }
}

TEST_CASE("shards: bytes bound them, too, so that no result outgrows a znode") {
  std::string log;
  for (int i = 0; i < 100; ++i) log += std::string(20'000, 'x') + "\n";
  for (const Shard& shard : cut_into_shards(log, 1'000'000)) {
    CHECK(shard.end - shard.begin <= kShardBytesMax);
  }
  CHECK(cut_into_shards("", 10).empty());
  CHECK(cut_into_shards("no line end", 10) == std::vector<Shard>{{0, 11}});
}

TEST_CASE("counts: of the parts add up to those of the whole, whatever the shard size") {
  const std::string log = generate_log(2'000, 9);
  const Counts whole = count_hits(log);
  CHECK(whole.lines == 2'000);
  CHECK(whole.bad > 0);
  for (std::uint64_t lines : {13u, 400u}) {
    Counts sum;
    for (const Shard& shard : cut_into_shards(log, lines)) {
      const std::string text =
          encode(count_hits(std::string_view(log).substr(shard.begin, shard.end - shard.begin)));
      const auto part = decode(text);
      REQUIRE(part.has_value());
      CHECK(text.size() <= kZnodeBytesMax);
      merge(sum, *part);
    }
    CHECK(encode(sum) == encode(whole));
  }
}

TEST_CASE("result text: damaged ones are refused") {
  for (const char* bad :
       {"", "x", "lines 1", "lines 1 bad", "lines 1 bad 0\nx\t/a\n", "lines a bad 0\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode(bad).has_value());
  }
}

TEST_CASE("final text: most hits first, then by page") {
  Counts counts;
  counts.pages = {{"/b", 2}, {"/a", 2}, {"/c", 10}};
  CHECK(final_text(counts) == "10\t/c\n2\t/a\n2\t/b\n");
}

TEST_CASE("generator: nothing but the seed decides") {
  CHECK(generate_log(50, 1) == generate_log(50, 1));
  CHECK(generate_log(50, 1) != generate_log(50, 2));
}
