// Packets on the client port: an int length, then that many bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/proto/jute.h"

namespace quorate {

/// Appends one whole packet to `out`: length, then what `fill(JuteWriter&)` writes.
template <class Fill>
void append_frame(Bytes& out, Fill&& fill) {
  JuteWriter writer(out);
  std::size_t mark = writer.begin_length();
  fill(writer);
  writer.end_length(mark);
}

/// Cuts a byte stream, split anywhere, into packets. Holds only an incomplete packet; whole ones
/// are handed out as views into the caller's input wherever possible.
class FrameReader {
 public:
  explicit FrameReader(std::int32_t max_length = kDefaultMaxBuffer) : max_length_(max_length) {}

  /// Calls `on_frame(ByteView body)` for every packet completed by `input`. Stops early when
  /// on_frame returns false.
  /// Error: Code::MarshallingError when a length is negative or above the limit; the stream is
  /// then unusable and its connection must be closed.
  template <class OnFrame>
  ErrorCode feed(ByteView input, OnFrame&& on_frame) {
    while (true) {
      std::optional<ByteView> frame;
      if (ErrorCode fault = next(input, frame)) return fault;
      if (!frame) return {};
      if (!on_frame(*frame)) return {};
    }
  }

  std::size_t buffered() const { return partial_.size(); }
  /// After an error of feed(): the length that cannot be.
  std::int32_t faulty_length() const { return faulty_length_; }

 private:
  /// Takes from `input` what one packet needs; `frame` stays empty when input ran out first.
  ErrorCode next(ByteView& input, std::optional<ByteView>& frame);

  std::int32_t max_length_;
  std::int32_t faulty_length_ = 0;
  Bytes partial_;            ///< Length and body so far of a packet that arrived in pieces.
  bool handed_out_ = false;  ///< partial_ was given to the caller and is stale now.
};

}  // namespace quorate
