// The one binary form of everything here that is stored or sent: little-endian integers, varints,
// strings behind their length.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pipeline {

/// Appends to a string that the caller owns.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void fixed32(std::uint32_t value) { fixed(value); }
  void fixed64(std::uint64_t value) { fixed(value); }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<std::uint8_t>(value) | 0x80);
      value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
  }
  /// Small for small negative numbers, too.
  void signed_varint(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void string(std::string_view text) {
    varint(text.size());
    out_.append(text);
  }

 private:
  template <class T>
  void fixed(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) u8(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  std::string& out_;
};

/// Reads what ByteWriter wrote and trusts none of it: remembers its first fault, after which every
/// read yields zero, so one look at ok() or finished() at the end is enough.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8();
  std::uint32_t fixed32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t fixed64() { return fixed(8); }
  std::uint64_t varint();
  std::int64_t signed_varint() {
    const std::uint64_t bits = varint();
    return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
  }
  /// A view into the bytes read from.
  std::string_view string();
  /// A number of elements that follow, each of at least `bytes_each` bytes: more than can be there
  /// is a fault, so that no length makes anyone reserve memory in vain.
  std::size_t count(std::size_t bytes_each);

  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }  ///< All was read, and rightly.
  std::string_view rest() const { return rest_; }
  void fail() { ok_ = false; }

 private:
  std::uint64_t fixed(std::size_t size);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace pipeline
