// Bytes, views on them, shared immutable bytes, and big-endian load and store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace quorate {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(Bytes& to, ByteView from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Loads a big-endian integer from exactly sizeof(T) bytes at `from`.
template <class T>
T load_be(const std::byte* from) {
  std::make_unsigned_t<T> value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<std::make_unsigned_t<T>>((value << 8) | std::to_integer<unsigned>(from[i]));
  }
  return static_cast<T>(value);
}

/// Stores `value` big-endian into exactly sizeof(T) bytes at `to`.
template <class T>
void store_be(std::byte* to, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = sizeof(T); i-- > 0;) {
    to[i] = static_cast<std::byte>(bits & 0xff);
    bits = static_cast<std::make_unsigned_t<T>>(bits >> (sizeof(T) > 1 ? 8 : 0));
  }
}

/// Immutable bytes that several owners, also of different threads, may hold: a log record is at
/// once in the log view, on its way to disk and in the out queue of each learner.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(Bytes bytes) : bytes_(std::make_shared<const Bytes>(std::move(bytes))) {}

  ByteView view() const { return bytes_ ? ByteView(*bytes_) : ByteView(); }
  std::size_t size() const { return bytes_ ? bytes_->size() : 0; }
  bool empty() const { return size() == 0; }

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return a.bytes_ == b.bytes_ ||
           (a.size() == b.size() && std::equal(a.view().begin(), a.view().end(), b.view().begin()));
  }

 private:
  std::shared_ptr<const Bytes> bytes_;
};

}  // namespace quorate
