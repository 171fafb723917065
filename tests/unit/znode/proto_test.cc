// znode/proto: the reader, the writer, frames and text.
#include <doctest/doctest.h>

#include "base/random.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"
#include "znode/proto/utf8.h"

namespace quorate {
namespace {

Bytes frames_of(const std::vector<std::string>& bodies) {
  Bytes stream;
  for (const std::string& body : bodies) {
    append_frame(stream, [&](JuteWriter& out) { out.raw(as_bytes(body)); });
  }
  return stream;
}

}  // namespace

TEST_CASE("frames: any split of the stream gives the same packets") {
  const std::vector<std::string> bodies = {"", "a", "hello", std::string(300, 'x'), "", "end"};
  const Bytes stream = frames_of(bodies);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      const ByteView input = ByteView(stream).subspan(at, std::min(piece, stream.size() - at));
      REQUIRE(!reader.feed(input, [&](ByteView body) {
        got.emplace_back(as_text(body));
        return true;
      }));
    }
    REQUIRE(got == bodies);
    // What was handed out last stays valid until the next call, so it may still be held.
    REQUIRE(reader.buffered() <= 4 + bodies.back().size());
  }
}

TEST_CASE("frames: a length below 0 or above the limit ends the stream, also in pieces") {
  const auto take_all = [](ByteView) { return true; };
  for (std::int32_t length : {-1, 11, INT32_MIN, INT32_MAX}) {
    Bytes bytes(4);
    store_be(bytes.data(), length);
    FrameReader whole(10), pieces(10);
    CHECK(whole.feed(bytes, take_all) == Code::MarshallingError);
    CHECK(!pieces.feed(ByteView(bytes).first(3), take_all));
    CHECK(pieces.feed(ByteView(bytes).subspan(3), take_all) == Code::MarshallingError);
  }
  FrameReader exact(10);
  CHECK(!exact.feed(frames_of({std::string(10, 'x')}), take_all));
}

TEST_CASE("reader: a fault stays, yields zeros and is reported at the end") {
  const Bytes bytes = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{9}, std::byte{'x'}};
  JuteReader in(bytes);
  CHECK(in.string() == "");
  CHECK(in.i64() == 0);
  CHECK(in.finish() == Code::MarshallingError);
}

TEST_CASE("reader: a count is checked against what is left before anything is reserved") {
  Bytes bytes;
  JuteWriter out(bytes);
  out.i32(INT32_MAX);
  out.string("x");
  CHECK(JuteReader(bytes).strings().empty());
  CHECK(JuteReader(bytes).acls().empty());
  JuteReader negative(ByteView(bytes).first(0));
  CHECK(negative.strings().empty());
  CHECK_FALSE(negative.ok());
}

TEST_CASE("reader: null and every other negative count are a vector without elements") {
  for (std::int32_t count : {-1, -2, INT32_MIN}) {
    Bytes bytes;
    JuteWriter(bytes).i32(count);
    JuteReader in(bytes);
    CHECK(in.strings().empty());
    CHECK(in.ok());
  }
}

TEST_CASE("reader: null and empty are kept apart; any non-zero byte is true") {
  Bytes bytes;
  JuteWriter out(bytes);
  out.buffer(Buffer());
  out.buffer(Buffer(""));
  out.i8(7);
  JuteReader in(bytes);
  CHECK_FALSE(in.buffer().has_value());
  CHECK(in.buffer() == Buffer(""));
  CHECK(in.boolean());
  CHECK(!in.finish());
}

TEST_CASE("records: a null path is a fault") {
  const Bytes bytes(16, std::byte{0xff});
  CHECK_FALSE(decode_all<DeleteRequest>(bytes).has_value());
  CHECK_FALSE(decode_all<PathWatchRequest>(bytes).has_value());
}

TEST_CASE("records: the old forms of create and closeSession txns") {
  Bytes bytes = encode_all(CreateTxn{"/a", "x", open_acl(), true, 5});
  bytes.resize(bytes.size() - 4);
  const Result<CreateTxn> old = decode_all<CreateTxn>(bytes);
  REQUIRE(old.has_value());
  CHECK(old->parent_cversion == -1);
  CHECK(old->ephemeral);
  CHECK_FALSE(decode_all<CloseSessionTxn>(Bytes())->paths.has_value());
  CHECK_FALSE(decode_all<CloseSessionTxn>(encode_all(TxnDigest{2, 77}))->paths.has_value());
  CHECK(decode_all<CloseSessionTxn>(encode_all(CloseSessionTxn{{{"/a"}}}))->paths->size() == 1);
  // Two empty paths would encode like the trailer alone.
  CHECK(decode_all<CloseSessionTxn>(encode_all(CloseSessionTxn{{{"/a", ""}}})).has_error());
}

TEST_CASE("records: whatever bytes decode at all, their encoding decodes too") {
  Random random(5);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(random.below(80));
    // Small numbers make plausible lengths.
    for (std::byte& b : bytes) b = std::byte(random.percent(70) ? 0 : random.below(256));
#define QUORATE_TRY(R)                                     \
  if (const auto record = decode_all<R>(bytes)) {          \
    CHECK(decode_all<R>(encode_all(*record)).has_value()); \
  }
    QUORATE_RECORDS(QUORATE_TRY)
#undef QUORATE_TRY
  }
}

TEST_CASE("text: what is not UTF-8 becomes U+FFFD, one per malformed beginning") {
  const std::string r = "\xEF\xBF\xBD";
  struct Row {
    std::string raw, text;
  };
  for (const Row& row : {
           Row{"plain", "plain"},
           Row{"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
           Row{"\xff", r}, Row{"a\x80z", "a" + r + "z"}, Row{"\xC0\xAF", r + r},  // overlong
           Row{"\xE2\x82", r},                                                    // cut
           Row{"\xE2\x82z", r + "z"},       // cut in the middle
           Row{"\xE0\x80\x80", r + r + r},  // overlong
           Row{"\xF0\x9F\x98z", r + "z"}, Row{"\xF4\x90\x80\x80", r + r + r + r},  // above U+10FFFF
           Row{"\xED\xA0\x80", r},  // a surrogate goes as one
       }) {
    CHECK(valid_utf8(row.raw) == row.text);
  }
}

TEST_CASE("errors: values of the wire, names of zkCli") {
  const ErrorCode error = Code::NoNode;
  CHECK(error.value() == -101);
  CHECK(error.message() == "NoNode");
  CHECK(to_code(error) == Code::NoNode);
  CHECK(to_code(ErrorCode()) == Code::Ok);
  CHECK(to_code(make_error_code(boost::system::errc::timed_out)) == Code::SystemError);
  CHECK(keeper_name(Code::NotEmpty) == "Directory not empty");
  CHECK(std::string(name_of(EventType::NodeChildrenChanged)) == "NodeChildrenChanged");
  CHECK(std::string(name_of(KeeperState::Expired)) == "Expired");
}

}  // namespace quorate
