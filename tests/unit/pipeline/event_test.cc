#include "examples/pipeline/event.h"

#include <doctest/doctest.h>

#include <limits>

#include "examples/pipeline/byte_codec.h"

using namespace pipeline;

namespace {

EventView sample() {
  EventView event;
  event.id = 0xfedcba9876543210;
  event.time_ms = -5;
  event.status = 404;
  event.bytes = std::numeric_limits<std::uint64_t>::max();
  event.visitor = "2001:db8::1";
  event.path = "/a?b=c";
  event.referrer = "http://x/";
  event.agent = "a \"b\"";
  return event;
}

}  // namespace

TEST_CASE("event: what is encoded is decoded, and owns its texts as Event") {
  std::string bytes;
  encode(sample(), bytes);
  CHECK(bytes[0] == 1);
  const auto decoded = decode_event(bytes);
  REQUIRE(decoded);
  CHECK(*decoded == sample());
  const Event owned(*decoded);
  bytes.assign(bytes.size(), 'x');
  CHECK(owned.view() == sample());
  const Event copy = owned;
  CHECK(copy == owned);
}

TEST_CASE("event: cut anywhere, longer, of another version: no event") {
  std::string bytes;
  encode(sample(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_event(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(decode_event(bytes + "x"));
  bytes[0] = 2;
  CHECK_FALSE(decode_event(bytes));
}

TEST_CASE("event: nonsense that decodes is refused") {
  EventView event = sample();
  const auto refused = [&event] {
    std::string bytes;
    encode(event, bytes);
    return !decode_event(bytes);
  };
  event.visitor = "";
  CHECK(refused());
  event = sample();
  event.path = "";
  CHECK(refused());
  event = sample();
  event.time_ms = kTimeMsMax + 1;
  CHECK(refused());
  event.time_ms = std::numeric_limits<std::int64_t>::min();
  CHECK(refused());
}

TEST_CASE("id: of equal content equal; of a position its own") {
  CHECK(id_of_content("a") == id_of_content("a"));
  CHECK(id_of_content("a") != id_of_content("b"));
  CHECK(id_of_position("f", 1) == id_of_position("f", 1));
  CHECK(id_of_position("f", 1) != id_of_position("f", 2));
  CHECK(id_of_position("f", 1) != id_of_position("g", 1));
}

TEST_CASE("page: the path up to its query or fragment") {
  CHECK(page_of("/a") == "/a");
  CHECK(page_of("/a?b=/c?d") == "/a");
  CHECK(page_of("/a#b?c") == "/a");
  CHECK(page_of("*") == "*");
}

TEST_CASE("prefix: the directories at the front, no more than asked for") {
  struct Row {
    const char* page;
    unsigned depth;
    const char* prefix;
  };
  for (const Row& row :
       {Row{"/", 2, "/"}, Row{"/index.html", 2, "/"}, Row{"/a/", 2, "/a/"}, Row{"/a/b", 2, "/a/"},
        Row{"/a/b/c", 2, "/a/b/"}, Row{"/a/b/c/d", 2, "/a/b/"}, Row{"/a/b/c", 1, "/a/"},
        Row{"/a/b/c", 0, "/"}, Row{"//x", 2, "//"}, Row{"*", 2, "/"}, Row{"", 2, "/"}}) {
    CAPTURE(row.page);
    CHECK(prefix_of(row.page, row.depth) == row.prefix);
  }
}

TEST_CASE("bytes: numbers of every size come back; a count beyond what can follow is a fault") {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{127}, std::int64_t{128}, std::int64_t{-129},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(number);
    std::string bytes;
    ByteWriter out(bytes);
    out.signed_varint(number);
    out.varint(static_cast<std::uint64_t>(number));
    out.fixed64(static_cast<std::uint64_t>(number));
    ByteReader in(bytes);
    CHECK(in.signed_varint() == number);
    CHECK(in.varint() == static_cast<std::uint64_t>(number));
    CHECK(in.fixed64() == static_cast<std::uint64_t>(number));
    CHECK(in.finished());
  }
  std::string bytes;
  ByteWriter(bytes).varint(1'000'000'000);
  ByteReader in(bytes);
  CHECK(in.count(1) == 0);
  CHECK_FALSE(in.ok());
  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  endless.varint();
  CHECK_FALSE(endless.ok());
}
