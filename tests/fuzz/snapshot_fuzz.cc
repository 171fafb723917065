// Any bytes as the stream behind a SNAP packet, in pieces of any size.
#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "znode/snapshot.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  const std::size_t step = std::size_t{1} + input.u16();
  znode::SnapStreamReader reader(/*max_field=*/65536);
  while (!input.empty() && !reader.done()) {
    ByteView piece = input.piece(step);
    if (reader.feed(piece)) return 0;
    ENSURE(piece.empty() || reader.done());
  }
  if (reader.done()) (void)reader.take(Zxid::make(1, 1));
  return 0;
}
