// Strong types for the numbers that must not be mixed up, each printed as ZooKeeper prints it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace quorate {

/// Writes "0x" and lower-case hex digits without padding, as ZooKeeper's logs and shell do.
[[gnu::visibility("default")]] std::string hex(std::uint64_t value);

/// Transaction id: epoch in the upper, counter in the lower 32 bits. Compared as a signed 64-bit
/// number, as ZooKeeper does; epochs from 2^31 on are refused before they could turn it negative.
struct Zxid {
  std::int64_t value = 0;

  static constexpr Zxid make(std::uint32_t epoch, std::uint32_t counter) {
    return {static_cast<std::int64_t>((static_cast<std::uint64_t>(epoch) << 32) | counter)};
  }
  constexpr std::uint32_t epoch() const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32);
  }
  constexpr std::uint32_t counter() const { return static_cast<std::uint32_t>(value); }
  constexpr Zxid next() const { return {value + 1}; }

  friend constexpr auto operator<=>(const Zxid&, const Zxid&) = default;
};

/// "No data at all": the zxid that a server without data reports (design: it neither votes nor
/// counts).
inline constexpr Zxid kBlankZxid{-1};

inline std::string to_string(Zxid zxid) {
  return hex(static_cast<std::uint64_t>(zxid.value));
}

/// A number of one kind; kinds do not convert into one another.
template <class Tag>
struct Id {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

using ServerId = Id<struct ServerTag>;    ///< `myid`: 0..255.
using SessionId = Id<struct SessionTag>;  ///< 0 is "none"; top byte is the creating server's id.
using LinkId = Id<struct LinkTag>;        ///< One quorum-port connection, unique in this process.
using ConnectionId = Id<struct ConnectionTag>;  ///< One client connection, unique in this process.

inline std::string to_string(ServerId id) {
  return std::to_string(id.value);
}
inline std::string to_string(SessionId id) {
  return hex(static_cast<std::uint64_t>(id.value));
}
inline std::string to_string(LinkId id) {
  return std::to_string(id.value);
}
inline std::string to_string(ConnectionId id) {
  return std::to_string(id.value);
}

}  // namespace quorate

template <>
struct std::hash<quorate::Zxid> {
  std::size_t operator()(quorate::Zxid zxid) const noexcept {
    return std::hash<std::int64_t>{}(zxid.value);
  }
};

template <class Tag>
struct std::hash<quorate::Id<Tag>> {
  std::size_t operator()(quorate::Id<Tag> id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
