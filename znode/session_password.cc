#include "znode/session_password.h"

#include "znode/data_tree.h"
#include "znode/proto/types.h"

namespace quorate::znode {
namespace {

constexpr std::uint64_t kSecret = 0xB3415C00;

/// java.util.Random: a linear congruence on 48 bits, of which the upper 32 are handed out.
class JavaRandom {
 public:
  explicit JavaRandom(std::uint64_t seed) : state_((seed ^ kFactor) & kMask) {}

  std::uint32_t next() {
    state_ = (state_ * kFactor + 0xB) & kMask;
    return static_cast<std::uint32_t>(state_ >> 16);
  }

 private:
  static constexpr std::uint64_t kFactor = 0x5DEECE66D;
  static constexpr std::uint64_t kMask = (1ULL << 48) - 1;

  std::uint64_t state_;
};

}  // namespace

std::string session_password(SessionId session) {
  JavaRandom random(static_cast<std::uint64_t>(session.value) ^ kSecret);
  std::string password;
  while (password.size() < kPasswordSize) {
    std::uint32_t word = random.next();
    for (int i = 0; i < 4; ++i, word >>= 8) password.push_back(static_cast<char>(word & 0xff));
  }
  return password;
}

SessionId first_session_id(ServerId server, std::int64_t monotonic_ms) {
  const std::uint64_t low = (static_cast<std::uint64_t>(monotonic_ms) << 24) >> 8;
  const std::uint64_t top = static_cast<std::uint64_t>(server.value) << 56;
  const SessionId first{static_cast<std::int64_t>(top | low)};
  // That value as an owner means a container.
  return first.value == kContainerOwner ? SessionId{first.value + 1} : first;
}

}  // namespace quorate::znode
