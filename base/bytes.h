// Bytes, views on them, shared immutable bytes, and big-endian load and store.
#pragma once

#include <algorithm>
#include <bit>
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

/// The same value with its bytes in big-endian order, or back.
template <class T>
std::make_unsigned_t<T> swap_be(T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) return bits;
  // Spelled out, because a loop over the bytes is not always taken for what it is.
  if constexpr (sizeof(T) == 2) bits = __builtin_bswap16(bits);
  if constexpr (sizeof(T) == 4) bits = __builtin_bswap32(bits);
  if constexpr (sizeof(T) == 8) bits = __builtin_bswap64(bits);
  return bits;
}

/// Loads a big-endian integer from exactly sizeof(T) bytes at `from`.
template <class T>
T load_be(const std::byte* from) {
  std::make_unsigned_t<T> value;
  std::memcpy(&value, from, sizeof value);
  return static_cast<T>(swap_be(value));
}

/// Stores `value` big-endian into exactly sizeof(T) bytes at `to`.
template <class T>
void store_be(std::byte* to, T value) {
  const auto bits = swap_be(value);
  std::memcpy(to, &bits, sizeof bits);
}

/// Immutable bytes that several owners, also of different threads, may hold: a log record is at
/// once in the log view, on its way to disk and in the out queue of each learner.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(Bytes bytes) : size_(bytes.size()) {
    const auto owner = std::make_shared<const Bytes>(std::move(bytes));
    bytes_ = {owner, owner->data()};
  }
  /// In one allocation, so for short bytes cheaper than to move a vector.
  static SharedBytes copy_of(ByteView bytes) {
    SharedBytes copy;
    if (bytes.empty()) return copy;
    const auto owner = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
    std::memcpy(owner.get(), bytes.data(), bytes.size());
    copy.bytes_ = {owner, owner.get()};
    copy.size_ = bytes.size();
    return copy;
  }

  ByteView view() const { return bytes_ ? ByteView(bytes_.get(), size_) : ByteView(); }
  std::size_t size() const { return bytes_ ? size_ : 0; }
  bool empty() const { return size() == 0; }

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return (a.bytes_ == b.bytes_ && a.size() == b.size()) ||
           (a.size() == b.size() && std::equal(a.view().begin(), a.view().end(), b.view().begin()));
  }

 private:
  std::shared_ptr<const std::byte> bytes_;
  std::size_t size_ = 0;  ///< Of what bytes_ points to, if anything.
};

}  // namespace quorate
