// The same stream cut in different places gives the same packets and the same verdict.
#include <vector>

#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "znode/proto/frame.h"

using namespace quorate;

namespace {

struct Seen {
  std::vector<Bytes> frames;
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen read_in_pieces(ByteView stream, std::size_t piece) {
  FrameReader reader(/*max_length=*/4096);
  Seen seen;
  while (!stream.empty() && !seen.refused) {
    const ByteView part = stream.first(std::min(piece, stream.size()));
    stream = stream.subspan(part.size());
    seen.refused = static_cast<bool>(reader.feed(part, [&](ByteView frame) {
      seen.frames.emplace_back(frame.begin(), frame.end());
      return true;
    }));
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  const std::size_t piece = std::size_t{1} + input.u8();
  const ByteView stream = input.rest();
  ENSURE(read_in_pieces(stream, piece) == read_in_pieces(stream, stream.size() + 1));
  return 0;
}
