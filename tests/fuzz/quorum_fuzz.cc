// Any bytes on the quorum and the election port.
#include "base/ensure.h"
#include "consensus/codec.h"
#include "tests/fuzz/input.h"

using namespace quorate;
using namespace quorate::consensus;

namespace {

void read_payload(const QuorumPacket& packet) {
  (void)decode_request(packet);
  (void)decode_question(packet);
  (void)decode_answer(packet);
}

void read_packets(ByteView stream) {
  while (!stream.empty()) {
    const std::size_t before = stream.size();
    const auto packet = take_packet(stream, /*max_field=*/65536);
    if (!packet || !*packet) return;
    ENSURE(stream.size() < before);
    read_payload(**packet);
    Bytes written;
    encode(written, **packet);
    ByteView again(written);
    const auto second = take_packet(again, /*max_field=*/65536);
    ENSURE(second.has_value());
    ENSURE(second->has_value());
    ENSURE(again.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  const int kind = input.u8() % 6;
  ByteView rest = input.rest();
  switch (kind) {
    case 0:
      read_packets(rest);
      break;
    case 1:
      (void)take_initial_message(rest);
      break;
    case 2:
      (void)decode_notification(rest);
      break;
    case 3:
      (void)decode_learner_info(rest);
      break;
    case 4:
      (void)decode_leader_info(rest);
      break;
    default:
      (void)decode_touches(rest);
      break;
  }
  return 0;
}
