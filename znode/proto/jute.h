// ZooKeeper's binary encoding: big endian, length-prefixed, no tags.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "znode/proto/types.h"

namespace quorate {

/// Reads fields in wire order. It remembers its first fault and then yields zeros, so that a
/// decoder checks once, at the end (finish()). Trusts no length: each is checked against what is
/// left, and vectors against the least that their elements would need.
class JuteReader {
 public:
  explicit JuteReader(ByteView body) : body_(body) {}

  std::int8_t i8();
  bool boolean();  ///< Any non-zero byte is true.
  std::int32_t i32();
  std::int64_t i64();
  /// A ustring; null reads as "". Invalid UTF-8 is replaced by U+FFFD as ZooKeeper does.
  std::string string();
  /// A ustring that may be null.
  std::optional<std::string> nullable_string();
  /// A ustring where null is a fault: the path of a request (spec: client-protocol 9, code -5).
  std::string path();
  Buffer buffer();                    ///< Null and empty are kept apart.
  ByteView bytes(std::size_t count);  ///< Raw bytes, a view into the body.
  /// A view on a length-prefixed buffer inside the body; null reads as empty.
  ByteView buffer_view();
  /// Count of a vector whose elements take at least `min_element_bytes` each; null and other
  /// negative counts read as 0.
  std::size_t count(std::size_t min_element_bytes);
  std::vector<std::string> strings();
  AclList acls();
  Stat stat();

  /// The caller found a value that cannot be: counts as a fault from here on.
  void refuse();
  bool ok() const { return !fault_; }
  std::size_t remaining() const { return body_.size() - at_; }
  ByteView rest() const { return body_.subspan(at_); }
  /// Code::MarshallingError if anything was cut short or had an impossible length; trailing bytes
  /// are no fault (real servers ignore them).
  ErrorCode finish() const;

 private:
  bool need(std::size_t count);
  template <class T>
  T number();
  std::optional<ByteView> sized();  ///< Length and that many bytes; nothing for null or a fault.

  ByteView body_;
  std::size_t at_ = 0;
  bool fault_ = false;
};

/// Appends fields in wire order to a growing buffer.
class JuteWriter {
 public:
  explicit JuteWriter(Bytes& out) : out_(out) {}

  void i8(std::int8_t value) { number(value); }
  void boolean(bool value) { i8(value ? 1 : 0); }
  void i32(std::int32_t value) { number(value); }
  void i64(std::int64_t value) { number(value); }
  /// All of them in one step.
  template <class... T>
  void numbers(T... values) {
    std::byte* to = grow((sizeof(T) + ...));
    ((store_be(to, values), to += sizeof(T)), ...);
  }
  void string(std::string_view value);
  void nullable_string(const std::optional<std::string>& value);
  void buffer(const Buffer& value);
  void buffer(ByteView value);  ///< Length and bytes; never null.
  void raw(ByteView value);     ///< Bytes without a length.
  void strings(const std::vector<std::string>& values);
  void acls(const AclList& values);
  void stat(const Stat& value);

  /// Reserves 4 bytes for a length; end_length() fills in the count of bytes written since.
  std::size_t begin_length();
  void end_length(std::size_t mark);

  Bytes& out() { return out_; }

 private:
  template <class T>
  void number(T value) {
    store_be(grow(sizeof(T)), value);
  }
  /// Where so many bytes more begin, which the caller fills.
  std::byte* grow(std::size_t count) {
    const std::size_t at = out_.size();
    out_.resize(at + count);
    return out_.data() + at;
  }

  Bytes& out_;
};

}  // namespace quorate
