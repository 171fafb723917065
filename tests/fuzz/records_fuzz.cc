// Any bytes as any record: a decoder refuses or understands; what it understands it writes as it
// reads.
#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "znode/proto/records.h"

using namespace quorate;

namespace {

template <class R>
void try_record(ByteView body) {
  const Result<R> first = decode_all<R>(body);
  if (!first) return;
  const Bytes written = encode_all(*first);
  const Result<R> second = decode_all<R>(written);
  ENSURE(second.has_value());
  ENSURE(encode_all(*second) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  const int chosen = input.u8();
  const ByteView body = input.rest();
  int number = 0;
#define QUORATE_TRY(R) \
  if (chosen == number++) try_record<R>(body);
  QUORATE_RECORDS(QUORATE_TRY)
#undef QUORATE_TRY
  return 0;
}
