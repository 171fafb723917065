#include "znode/proto/frame.h"

#include "znode/proto/error.h"

namespace quorate {
namespace {

constexpr std::size_t kLengthBytes = 4;

/// Moves bytes from the front of `input` to `to` until that holds `wanted`.
bool fill(Bytes& to, ByteView& input, std::size_t wanted) {
  const std::size_t taken = std::min(wanted - to.size(), input.size());
  append(to, input.first(taken));
  input = input.subspan(taken);
  return to.size() == wanted;
}

}  // namespace

ErrorCode FrameReader::next(ByteView& input, std::optional<ByteView>& frame) {
  if (handed_out_) {
    // Freed, not cleared: an idle connection holds no buffer.
    partial_ = Bytes();
    handed_out_ = false;
  }
  if (partial_.empty() && input.empty()) return {};

  const bool from_input = partial_.empty() && input.size() >= kLengthBytes;
  if (!from_input && partial_.size() < kLengthBytes && !fill(partial_, input, kLengthBytes)) {
    return {};
  }
  const auto length = load_be<std::int32_t>(from_input ? input.data() : partial_.data());
  if (length < 0 || length > max_length_) {
    faulty_length_ = length;
    return Code::MarshallingError;
  }
  const std::size_t whole = kLengthBytes + static_cast<std::size_t>(length);

  if (from_input && input.size() >= whole) {
    frame = input.subspan(kLengthBytes, static_cast<std::size_t>(length));
    input = input.subspan(whole);
    return {};
  }
  if (!fill(partial_, input, whole)) return {};
  handed_out_ = true;
  frame = ByteView(partial_).subspan(kLengthBytes);
  return {};
}

}  // namespace quorate
