// The vocabulary of the tree that client and server share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace quorate {

/// Data of a znode. Null and empty are different values and are kept apart on the wire.
using Buffer = std::optional<std::string>;

/// What a client sees of a node; field order is the wire's (68 bytes).
struct Stat {
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t ctime = 0;  ///< Milliseconds since 1970, leader's wall clock.
  std::int64_t mtime = 0;
  std::int32_t version = 0;
  std::int32_t cversion = 0;
  std::int32_t aversion = 0;
  std::int64_t ephemeral_owner = 0;
  std::int32_t data_length = 0;
  std::int32_t num_children = 0;
  std::int64_t pzxid = 0;

  friend bool operator==(const Stat&, const Stat&) = default;
};

/// Permission bits; others are stored and returned unchanged.
namespace perm {
inline constexpr std::int32_t kRead = 1;
inline constexpr std::int32_t kWrite = 2;
inline constexpr std::int32_t kCreate = 4;
inline constexpr std::int32_t kDelete = 8;
inline constexpr std::int32_t kAdmin = 16;
inline constexpr std::int32_t kAll = 31;
}  // namespace perm

/// Who: an authentication scheme and an identity in it.
struct AuthId {
  std::string scheme;
  std::string id;
  friend auto operator<=>(const AuthId&, const AuthId&) = default;
};

struct Acl {
  std::int32_t perms = 0;
  AuthId who;
  friend auto operator<=>(const Acl&, const Acl&) = default;
};

using AclList = std::vector<Acl>;

/// {world:anyone:cdrwa}, ZooDefs.Ids.OPEN_ACL_UNSAFE.
[[gnu::visibility("default")]] AclList open_acl();

/// Flags of create; CreateMode.toFlag().
enum class CreateMode : std::int32_t {
  Persistent = 0,
  Ephemeral = 1,
  PersistentSequential = 2,
  EphemeralSequential = 3,
  Container = 4,
  PersistentWithTtl = 5,
  PersistentSequentialWithTtl = 6,
};

constexpr bool is_sequential(CreateMode mode) {
  return mode == CreateMode::PersistentSequential || mode == CreateMode::EphemeralSequential ||
         mode == CreateMode::PersistentSequentialWithTtl;
}
constexpr bool is_ephemeral(CreateMode mode) {
  return mode == CreateMode::Ephemeral || mode == CreateMode::EphemeralSequential;
}

enum class EventType : std::int32_t {
  None = -1,
  NodeCreated = 1,
  NodeDeleted = 2,
  NodeDataChanged = 3,
  NodeChildrenChanged = 4,
  // Made in clients when a watch is taken back; no server sends these.
  DataWatchRemoved = 5,
  ChildWatchRemoved = 6,
  PersistentWatchRemoved = 7,
};

enum class KeeperState : std::int32_t {
  Disconnected = 0,
  SyncConnected = 3,
  AuthFailed = 4,
  ConnectedReadOnly = 5,
  Expired = -112,
  Closed = 7,
};

/// "NodeCreated", "SyncConnected", ...: the texts of ZooKeeper's enums.
[[gnu::visibility("default")]] const char* name_of(EventType type);
[[gnu::visibility("default")]] const char* name_of(KeeperState state);

/// Matches any version in setData, delete, setACL, check.
inline constexpr std::int32_t kAnyVersion = -1;

/// Reserved xids (spec: headers).
namespace xid {
inline constexpr std::int32_t kEvent = -1;
inline constexpr std::int32_t kPing = -2;
inline constexpr std::int32_t kAuth = -4;
inline constexpr std::int32_t kSetWatches = -8;
}  // namespace xid

inline constexpr std::size_t kPasswordSize = 16;
inline constexpr std::int32_t kDefaultMaxBuffer = 0xfffff;  ///< jute.maxbuffer, bytes.

}  // namespace quorate
