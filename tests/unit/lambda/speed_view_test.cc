#include "examples/lambda/speed_view.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "examples/lambda/operator_states.h"

using namespace lambda_app;
using pipeline::EventView;
using pipeline::SketchSummary;
using pipeline::SummaryOptions;

namespace {

EventView hit(std::string_view visitor, std::int64_t time_ms, std::string_view path = "/a/x") {
  EventView event;
  event.time_ms = time_ms;
  event.visitor = visitor;
  event.path = path;
  event.status = 200;
  event.bytes = 10;
  return event;
}

/// One hit per offset, of a visitor named by it.
SketchSummary hits(Offset from, Offset to) {
  SketchSummary summary;
  for (Offset offset = from; offset < to; ++offset) {
    summary.add(hit("v" + std::to_string(offset), static_cast<std::int64_t>(offset) * 1'000));
  }
  return summary;
}

SpeedDelta delta(Offset from, Offset to, bool closes = false) {
  SpeedDelta made;
  made.partition = 3;
  made.token = 7;
  made.from = from;
  made.to = to;
  made.closes = closes;
  made.newest_append_ms = 1'234;
  made.summary = hits(from, to);
  return made;
}

std::string bytes_of(const SketchSummary& summary) {
  std::string bytes;
  summary.encode(bytes);
  return bytes;
}

/// Parts [0,10) [10,25) [25,30).
SpeedParts three_parts() {
  SpeedParts parts;
  REQUIRE(parts.apply(delta(0, 4)));
  REQUIRE(parts.apply(delta(4, 10, /*closes=*/true)));
  REQUIRE(parts.apply(delta(10, 25, /*closes=*/true)));
  REQUIRE(parts.apply(delta(25, 30)));
  return parts;
}

}  // namespace

TEST_CASE("speed parts: a delta is applied where they end, and nowhere else") {
  SpeedParts parts({}, 100);
  CHECK_FALSE(parts.apply(delta(99, 105)));
  CHECK_FALSE(parts.apply(delta(101, 105)));
  CHECK(parts.end() == 100);
  CHECK(parts.since(100)->events() == 0);
  CHECK(parts.apply(delta(100, 105)));
  CHECK_FALSE(parts.apply(delta(100, 105)));  // Sent twice.
  CHECK(parts.apply(delta(105, 105)));        // Nothing but duplicates would be no range at all.
  CHECK(parts.end() == 105);
  CHECK(parts.since(100)->events() == 5);

  SpeedDelta other = delta(105, 106);
  SummaryOptions options;
  options.session_gap_ms = 1;
  other.summary = SketchSummary(options);
  CHECK_FALSE(parts.apply(other));
  CHECK(parts.end() == 105);
}

TEST_CASE("speed parts: a delta that closes ends a part; two marks side by side bound one") {
  SpeedParts parts = three_parts();
  REQUIRE(parts.parts().size() == 3);
  CHECK(parts.parts()[1].from == 10);
  CHECK(parts.parts()[1].to == 25);
  CHECK(parts.apply(delta(30, 30, /*closes=*/true)));
  CHECK(parts.apply(delta(30, 30, /*closes=*/true)));
  CHECK(parts.parts().size() == 4);
  CHECK(parts.parts().back().from == 30);
}

TEST_CASE("speed parts: since a cut, between two, and nothing inside a part") {
  SpeedParts parts = three_parts();
  struct Row {
    Offset from, to;
    bool there;
  };
  for (const Row& row : {Row{0, 30, true}, Row{0, 10, true}, Row{0, 25, true}, Row{10, 30, true},
                         Row{25, 30, true}, Row{10, 10, true}, Row{0, 4, false}, Row{4, 10, false},
                         Row{5, 30, false}, Row{10, 24, false}, Row{25, 31, false}}) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    const auto sum = parts.between(row.from, row.to);
    REQUIRE(sum.has_value() == row.there);
    if (sum) CHECK(bytes_of(*sum) == bytes_of(hits(row.from, row.to)));
  }
  CHECK(bytes_of(*parts.since(10)) == bytes_of(hits(10, 30)));
  CHECK_FALSE(parts.since(11));
  // The batch has come further than this layer: it knows nothing that the batch does not.
  CHECK(parts.since(30)->events() == 0);
  CHECK(parts.since(50)->events() == 0);
}

TEST_CASE("speed parts: what is forgotten is no longer answered; the open part stays") {
  SpeedParts parts = three_parts();
  parts.forget_below(24);
  CHECK(parts.parts().size() == 2);
  CHECK_FALSE(parts.since(0));
  CHECK(parts.since(10)->events() == 20);
  parts.forget_below(1'000);
  REQUIRE(parts.parts().size() == 1);
  CHECK(parts.end() == 30);
  CHECK(parts.since(25)->events() == 5);
}

TEST_CASE("speed parts, delta and state: what is encoded is decoded, and only that") {
  std::string bytes;
  encode(delta(5, 9, /*closes=*/true), bytes);
  const auto decoded = decode_delta(bytes);
  REQUIRE(decoded);
  CHECK(decoded->partition == 3);
  CHECK(decoded->token == 7);
  CHECK(decoded->from == 5);
  CHECK(decoded->to == 9);
  CHECK(decoded->closes);
  CHECK(decoded->newest_append_ms == 1'234);
  CHECK(bytes_of(decoded->summary) == bytes_of(hits(5, 9)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_delta(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(decode_delta(bytes + "x"));

  SpeedState state{three_parts(), {}};
  CHECK(state.seen.insert(17, 60'000));
  const std::string kept = encode(state);
  const auto again = decode_speed_state(kept);
  REQUIRE(again);
  CHECK(encode(*again) == kept);
  CHECK(again->parts.parts().size() == 3);
  CHECK(again->seen.size() == 1);
  for (std::size_t size = 0; size < kept.size(); ++size) {
    CHECK_FALSE(decode_speed_state(std::string_view(kept).substr(0, size)));
  }
}

TEST_CASE("speed state: other operators' states beside the two do no harm") {
  const SpeedState state{three_parts(), {}};
  std::string bytes;
  OperatorStatesWriter out(bytes);
  out.add("one more", [](std::string& to) { to += "whatever"; });
  out.add(kAggregateOperator, [&](std::string& to) { state.parts.encode(to); });
  out.add(kDedupeOperator, [&](std::string& to) { state.seen.encode(to); });
  REQUIRE(decode_speed_state(bytes));
  CHECK(decode_speed_state(bytes)->parts.end() == 30);
  out.add("one more", [](std::string&) {});
  CHECK_FALSE(decode_speed_state(bytes));  // Which of the two?
}

TEST_CASE("speed parts: parts with a hole, or of different options, are refused") {
  // By hand, as nothing here would write them.
  for (const Offset second_from : {Offset{10}, Offset{11}}) {
    for (const std::int64_t gap_ms : {30 * 60 * 1'000, 1}) {
      SummaryOptions options;
      options.session_gap_ms = gap_ms;
      std::string bytes;
      pipeline::ByteWriter out(bytes);
      out.u8(1);
      out.varint(2);
      out.varint(0);
      out.varint(10);
      out.string(bytes_of(SketchSummary()));
      out.varint(second_from);
      out.varint(20);
      out.string(bytes_of(SketchSummary(options)));
      CHECK(SpeedParts::decode(bytes).has_value() ==
            (second_from == 10 && options == SummaryOptions()));
    }
  }
}

TEST_CASE("speed view: any bytes are refused or decoded, never more") {
  std::mt19937_64 random(11);
  std::string good[2];
  encode(delta(0, 6, /*closes=*/true), good[0]);
  good[1] = encode(SpeedState{three_parts(), {}});
  for (int round = 0; round < 4'000; ++round) {
    std::string bytes = good[round % 2];
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (round % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    if (const auto decoded = decode_delta(bytes)) CHECK(decoded->from <= decoded->to);
    if (const auto decoded = decode_speed_state(bytes)) {
      CHECK_FALSE(decoded->parts.parts().empty());
      CHECK(decoded->parts.since(decoded->parts.parts().front().from));
    }
  }
}
