// The vocabulary of a client program: Stat, Acl, CreateMode, Code, events. No Boost header.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "znode/proto/code.h"
#include "znode/proto/types.h"

namespace quorate::client {

using quorate::Acl;
using quorate::AclList;
using quorate::AuthId;
using quorate::Buffer;
using quorate::Code;
using quorate::CreateMode;
using quorate::EventType;
using quorate::kAnyVersion;
using quorate::KeeperState;
using quorate::SessionId;
using quorate::Stat;

namespace perm = quorate::perm;

/// Where a session stands. Suspended is the moment to stop acting on locks and caches: the server
/// may already count the session's timeout. ReadOnly is a link to a server without a quorum
/// (ConnectOptions::read_only): reads are answered, from a tree that may be old; locks do not hold.
/// Expired, Closed and AuthFailed are final for this Client.
enum class SessionState {
  Connecting,
  Connected,
  Suspended,
  Reconnected,
  Expired,
  Closed,
  AuthFailed,
  ReadOnly,
};

/// Expired, Closed or AuthFailed: nothing more happens, a new client is needed.
constexpr bool is_final(SessionState state) {
  return state == SessionState::Expired || state == SessionState::Closed ||
         state == SessionState::AuthFailed;
}

/// "connecting", "connected", "suspended", "reconnected", "expired", "closed", "auth failed",
/// "read only".
const char* name_of(SessionState state);

/// One change of the session's state.
struct SessionEvent {
  SessionState state = SessionState::Connecting;
  SessionId session_id;
  std::int64_t timeout_ms = 0;  ///< As negotiated with the server; 0 before that.
  std::string server;           ///< "host:port" of the connection this is about, "" for none.
};

/// One event of a watch. With type None the watch ended with its session, and `state` says how
/// (Expired, Closed, AuthFailed): nothing more will come. The types DataWatchRemoved,
/// ChildWatchRemoved and PersistentWatchRemoved answer to remove_watches.
struct WatchEvent {
  EventType type = EventType::None;
  KeeperState state = KeeperState::SyncConnected;
  std::string path;  ///< As the client names it, without the chroot; "" with type None.
  std::int64_t zxid =
      -1;  ///< Txn that fired it; -1 from ZooKeeper before 3.9 and after reconnects.
};

/// Answers to create.
struct CreateReply {
  std::string path;  ///< With the sequence number, when one was asked for.
  Stat stat;
};

/// Answers to get_data.
struct GetDataReply {
  Buffer data;  ///< Nothing, or bytes: a node may have been made without any data.
  Stat stat;
};

/// Answers to get_acl.
struct GetAclReply {
  AclList acl;
  Stat stat;  ///< Stat::aversion is what set_acl() asks for.
};

/// The ensemble's members as text, the lines of its dynamic configuration file; the last one,
/// "version=", names the configuration. Empty on a server of its own.
struct ConfigReply {
  std::string text;
  Stat stat;  ///< Of /zookeeper/config.
};

/// Answers to get_children.
struct GetChildrenReply {
  std::vector<std::string> children;  ///< Names, in no particular order.
  Stat stat;                          ///< Of the parent.
};

/// How long a watch of add_watch stays and how far it sees: until it is removed or the session
/// ends, on one node or on all below it, too. A recursive one hears no NodeChildrenChanged. Neither
/// is told of what happened while the client was not connected: look again on Reconnected.
enum class AddWatchMode : std::int32_t { Persistent = 0, PersistentRecursive = 1 };

/// Which watches remove_watches and check_watches mean. Servers before 3.9 know the first three.
enum class WatchType : std::int32_t {
  Children = 1,
  Data = 2,  ///< Of get_data and of exists.
  Any = 3,
  Persistent = 4,
  PersistentRecursive = 5,
};

}  // namespace quorate::client
