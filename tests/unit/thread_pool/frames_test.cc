#include "examples/leader_follower/thread_pool/frames.h"

#include <doctest/doctest.h>

using namespace thread_pool;

TEST_CASE("frames: cut anywhere, they come out whole and in order") {
  const std::vector<std::string> bodies = {"one", "", std::string(1'000, 'x'), "two"};
  std::string stream;
  for (const std::string& body : bodies) stream += frame(body);
  for (std::size_t piece = 1; piece <= stream.size(); piece += piece < 20 ? 1 : 97) {
    CAPTURE(piece);
    FrameReader reader(1'000);
    std::vector<std::string> out;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      REQUIRE(reader.feed(std::string_view(stream).substr(at, piece), out));
    }
    CHECK(out == bodies);
  }
}

TEST_CASE("frames: one that is longer than allowed is refused, those before it are not") {
  FrameReader reader(10);
  std::vector<std::string> out;
  CHECK_FALSE(reader.feed(frame("short") + std::string("\xff\xff\xff\xff", 4), out));
  CHECK(out == std::vector<std::string>{"short"});
}

TEST_CASE("caller: an address that is none, and a port where nobody listens") {
  Caller caller;
  CHECK_FALSE(caller.connect("localhost", 1));
  CHECK_FALSE(caller.connect("127.0.0.1", 1));
  CHECK_FALSE(caller.call("x").has_value());
}
