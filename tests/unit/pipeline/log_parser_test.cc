#include "examples/pipeline/log_parser.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "examples/pipeline/dead_letters.h"
#include "examples/pipeline/log_fields.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;

namespace {

constexpr std::int64_t kTime = 1'431'857'103'000;  // 17 May 2015, 10:05:03 UTC.

const std::string kLine =
    "83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET /a/b.png?x=1 HTTP/1.1\" 200 203023 "
    "\"http://x.example/\" \"Mozilla/5.0 (X)\"";

}  // namespace

TEST_CASE("combined: every field of a line") {
  LogParser parser;
  const auto event = parser.parse(kLine);
  REQUIRE(event);
  CHECK(event->visitor == "83.149.9.216");
  CHECK(event->time_ms == kTime);
  CHECK(event->path == "/a/b.png?x=1");
  CHECK(event->status == 200);
  CHECK(event->bytes == 203023);
  CHECK(event->referrer == "http://x.example/");
  CHECK(event->agent == "Mozilla/5.0 (X)");
  CHECK(event->id == id_of_content(kLine));
}

TEST_CASE("combined: what may be missing or odd") {
  struct Row {
    const char* line;
    const char* path;
    const char* agent;
    std::uint64_t bytes;
  };
  LogParser parser;
  for (const Row& row : {
           Row{"h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.0\" 304 -", "/a", "", 0},
           Row{"h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.0\" 200 5\r", "/a", "", 5},
           Row{"::1 - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/2\" 200 5 \"-\" \"-\"", "/a", "",
               5},
           Row{"h i a b [17/May/2015:10:05:03 +0000] \"GET /a b HTTP/1.1\" 200 5 \"-\" \"x\"",
               "/a b", "x", 5},
           Row{"h - - [17/May/2015:12:05:03 +0200] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x \\\"y\\\"\"",
               "/a", "x \\\"y\\\"", 5},
           Row{"h - - [17/May/2015:04:35:03 -0530] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\\\\\"", "/a",
               "x\\\\", 5},
           // A line that was cut: all that counts is there.
           Row{"h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"Mozi", "/a",
               "Mozi", 5},
           Row{"h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\" 0.03",
               "/a", "x", 5},
       }) {
    CAPTURE(row.line);
    const auto event = parser.parse(row.line);
    REQUIRE(event);
    CHECK(event->time_ms == kTime);
    CHECK(event->path == row.path);
    CHECK(event->agent == row.agent);
    CHECK(event->bytes == row.bytes);
    CHECK(event->referrer == "");
  }
}

TEST_CASE("bad lines say why") {
  struct Row {
    std::string line;
    BadLine reason;
  };
  const std::string head = "h - - [17/May/2015:10:05:03 +0000] ";
  LogParser parser;
  for (const Row& row :
       {Row{"", BadLine::Empty},
        Row{"\r", BadLine::Empty},
        Row{std::string(kLineBytesMax + 1, 'x'), BadLine::TooLong},
        Row{"garbage", BadLine::NoVisitor},
        Row{" a", BadLine::NoVisitor},
        Row{"garbage without a time", BadLine::BadTime},
        Row{"h - - [31/Feb/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5", BadLine::BadTime},
        Row{"h - - [17/May/2015:24:05:03 +0000] \"GET / HTTP/1.1\" 200 5", BadLine::BadTime},
        Row{"h - - [17/May/2015:10:05:03 0000] \"GET / HTTP/1.1\" 200 5", BadLine::BadTime},
        Row{head + "\"-\" 408 0 \"-\" \"-\"", BadLine::BadRequest},
        Row{head + "\"\\x16\\x03\" 400 226", BadLine::BadRequest},
        Row{head + "\"GET /a\" 200 5", BadLine::BadRequest},
        Row{head + "\"GET  HTTP/1.1\" 200 5", BadLine::BadRequest},
        Row{head + "\"GET ?q HTTP/1.1\" 200 5", BadLine::BadRequest},
        Row{head, BadLine::BadRequest},
        Row{head + "\"GET / HTTP/1.1\" 2xx 5", BadLine::BadStatus},
        Row{head + "\"GET / HTTP/1.1\" 2000 5", BadLine::BadStatus},
        Row{head + "\"GET / HTTP/1.1\" 099 5", BadLine::BadStatus},
        Row{head + "\"GET / HTTP/1.1\"", BadLine::BadStatus},
        Row{head + "\"GET / HTTP/1.1\" 200", BadLine::BadBytes},
        Row{head + "\"GET / HTTP/1.1\" 200 -5", BadLine::BadBytes},
        Row{head + "\"GET / HTTP/1.1\" 200 5 x", BadLine::BadText},
        Row{head + "\"GET /" + std::string(kEventTextBytesMax, 'a') + " HTTP/1.1\" 200 5",
            BadLine::TooLong},
        Row{"{", BadLine::BadJson},
        Row{"{}x", BadLine::BadJson},
        Row{"{}", BadLine::MissingField},
        Row{R"({"ip":"a","path":"/"})", BadLine::MissingField},
        Row{R"({"ip":5,"path":"/","time_ms":1})", BadLine::MissingField},
        Row{R"({"ip":"a","time_ms":1})", BadLine::MissingField},
        Row{R"({"ip":"a","path":"/","time":"yesterday"})", BadLine::BadTime},
        Row{R"({"ip":"a","path":"/","time_ms":1e99})", BadLine::BadTime},
        Row{R"({"ip":"a","path":"/","time_ms":1,"status":"x"})", BadLine::BadStatus},
        Row{R"({"ip":"a","path":"/","time_ms":1,"bytes":-1})", BadLine::BadBytes},
        Row{R"({"ip":"a","request":"x","time_ms":1})", BadLine::BadRequest}}) {
    CAPTURE(row.line.substr(0, 100));
    const auto event = parser.parse(row.line);
    REQUIRE_FALSE(event);
    CHECK(std::string(name_of(event.error())) == name_of(row.reason));
  }
}

TEST_CASE("json: names of several servers, times in every form, escapes resolved") {
  struct Row {
    const char* line;
    std::int64_t time_ms;
  };
  LogParser parser;
  for (const Row& row :
       {Row{R"({"visitor":"v","time_ms":1431857103250,"path":"/a","agent":"q\"\u00e9"})",
            kTime + 250},
        Row{R"({"remote_addr":"v","time":1431857103.25,"uri":"/a","user_agent":"q\"é"})",
            kTime + 250},
        Row{R"({"ip":"v","@timestamp":"2015-05-17T12:05:03.25+02:00","url":"/a","agent":"q\"é"})",
            kTime + 250},
        Row{R"({"host":"v","timestamp":"17/May/2015:10:05:03 +0000","request":"GET /a HTTP/1.1",)"
            R"("http_user_agent":"q\"é","referer":null})",
            kTime}}) {
    CAPTURE(row.line);
    const auto event = parser.parse(row.line);
    REQUIRE(event);
    CHECK(event->visitor == "v");
    CHECK(event->path == "/a");
    CHECK(event->agent == "q\"é");
    CHECK(event->time_ms == row.time_ms);
    CHECK(event->status == 200);
    CHECK(event->bytes == 0);
  }
}

TEST_CASE("json: numbers as texts; an id of the sender's own") {
  LogParser parser;
  const auto a = parser.parse(
      R"({"ip":"v","time_ms":5,"path":"/","status":"404","bytes":"-","id":"hit-7","referrer":"-"})");
  REQUIRE(a);
  CHECK(a->status == 404);
  CHECK(a->bytes == 0);
  CHECK(a->referrer == "");
  const EventId id = a->id;
  const auto again = parser.parse(R"({"id":"hit-7","ip":"v","time_ms":5,"path":"/"})");
  REQUIRE(again);
  CHECK(again->id == id);
}

TEST_CASE("identity: a hit sent again has its id; by position every line has its own") {
  LogParser by_content;
  CHECK(by_content.parse(kLine, 0)->id == by_content.parse(kLine, 500)->id);
  CHECK(by_content.parse(kLine + "\r", 0)->id == by_content.parse(kLine, 0)->id);
  LogParser by_position({Identity::Position, "file"});
  CHECK(by_position.parse(kLine, 0)->id != by_position.parse(kLine, 500)->id);
  CHECK(by_position.parse(kLine, 500)->id ==
        LogParser({Identity::Position, "file"}).parse(kLine, 500)->id);
}

TEST_CASE("times: ISO 8601") {
  CHECK(parse_iso_time("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_iso_time("1969-12-31 23:59:59.9994") == -1);
  CHECK(parse_iso_time("2015-05-17T10:05:03-0030") == kTime + 30 * 60 * 1000);
  for (const char* bad : {"", "2015-05-17", "2015-13-17T10:05:03Z", "2015-05-17T10:05:03.Z",
                          "2015-05-17T10:05:03 UTC", "2015-05-17X10:05:03Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_iso_time(bad));
  }
}

TEST_CASE("lines: the same ones and offsets, however the chunks are cut") {
  const std::string text = "one\n\nthree\r\n" + std::string(kLineBytesMax + 50, 'x') + "\nlast";
  using Lines = std::vector<std::pair<std::string, std::uint64_t>>;
  const auto split = [&text](std::size_t size) {
    Lines lines;
    LineSplitter splitter;
    const auto keep = [&lines](std::string_view line, std::uint64_t offset) {
      lines.emplace_back(line, offset);
    };
    for (std::size_t at = 0; at < text.size(); at += size) {
      splitter.feed(std::string_view(text).substr(at, size), keep);
    }
    splitter.finish(keep);
    CHECK(splitter.offset() == text.size());
    return lines;
  };
  const Lines whole = split(text.size());
  REQUIRE(whole.size() == 5);
  CHECK(whole[2] == std::pair<std::string, std::uint64_t>("three\r", 5));
  CHECK(whole[3].first.size() == kLineBytesMax + 1);
  CHECK(whole[4] == std::pair<std::string, std::uint64_t>("last", text.size() - 4));
  for (const std::size_t size : {1u, 2u, 3u, 7u, 65'536u}) {
    CAPTURE(size);
    CHECK(split(size) == whole);
  }
}

TEST_CASE("dead letters: kept with reason and place, counted when there is no more room") {
  const quorate::test::TemporaryFolder folder;
  const std::string file = folder.path() + "/bad";
  {
    auto letters = DeadLetters::open(file, /*bytes_max=*/40);
    REQUIRE(letters);
    letters->add(BadLine::BadTime, "log", 7, "a\tb");
    letters->add(BadLine::BadTime, "log", 9, std::string(100, 'x'));
    CHECK(letters->flush());
    CHECK(letters->total() == 2);
    CHECK(letters->count(BadLine::BadTime) == 2);
    CHECK(letters->not_kept() == 1);
  }
  {
    auto letters = DeadLetters::open(file, /*bytes_max=*/40);  // What is there counts.
    REQUIRE(letters);
    letters->add(BadLine::Empty, "log", 1, std::string(30, 'y'));
    CHECK(letters->not_kept() == 1);
  }
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  CHECK(text.str() == "bad-time\tlog\t7\ta\tb\n");
  CHECK_FALSE(DeadLetters::open(folder.path() + "/no/such/folder"));
}

TEST_CASE("the real log: all of its 10,000 lines are hits, as many of each status as awk counts") {
  const char* shared = std::getenv("QUORATE_SHARED");
  std::ifstream in(std::string(shared != nullptr ? shared : "../shared") + "/data/access.log");
  if (!in) {
    const char* ci = std::getenv("CI");
    CHECK_MESSAGE((ci == nullptr || std::string(ci) != "true"), "data/access.log is missing");
    MESSAGE("skipped: no data/access.log in $QUORATE_SHARED");
    return;
  }
  // awk -F'"' '{split($3, a, " "); n[a[1]]++; b += a[2]} END {...}'
  LogParser parser;
  std::uint64_t hits = 0, found = 0, missing = 0, bytes = 0, referrers = 0;
  for (std::string line; std::getline(in, line);) {
    const auto event = parser.parse(line);
    REQUIRE(event);
    ++hits;
    found += event->status == 200;
    missing += event->status == 404;
    bytes += event->bytes;
    referrers += !event->referrer.empty();
  }
  CHECK(hits == 10'000);
  CHECK(found == 9'126);
  CHECK(missing == 213);
  CHECK(bytes == 2'747'282'740);
  CHECK(referrers == 5'927);
}
