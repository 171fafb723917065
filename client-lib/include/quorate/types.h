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
using quorate::Buffer;
using quorate::Code;
using quorate::CreateMode;
using quorate::EventType;
using quorate::kAnyVersion;
using quorate::KeeperState;
using quorate::SessionId;
using quorate::Stat;

/// Where a session stands. Suspended is the moment to stop acting on locks and caches: the server
/// may already count the session's timeout. Expired and Closed are final for this Client.
enum class SessionState { Connecting, Connected, Suspended, Reconnected, Expired, Closed };

/// "connecting", "connected", "suspended", "reconnected", "expired", "closed".
const char* name_of(SessionState state);

/// One change of the session's state.
struct SessionEvent {
  SessionState state = SessionState::Connecting;
  SessionId session_id;
  std::int64_t timeout_ms = 0;  ///< As negotiated with the server; 0 before that.
  std::string server;           ///< "host:port" of the connection this is about, "" for none.
};

/// One event of a watch. With type None the watch ended with its session, and `state` says how
/// (Expired, Closed): nothing more will come.
struct WatchEvent {
  EventType type = EventType::None;
  KeeperState state = KeeperState::SyncConnected;
  std::string path;  ///< As the client names it, without the chroot; "" with type None.
  std::int64_t zxid =
      -1;  ///< Txn that fired it; -1 from ZooKeeper before 3.9 and after reconnects.
};

/// "/a/b": answers to create.
struct CreateReply {
  std::string path;  ///< With the sequence number, when one was asked for.
  Stat stat;
};

struct GetDataReply {
  Buffer data;
  Stat stat;
};

struct GetChildrenReply {
  std::vector<std::string> children;  ///< Names, in no particular order.
  Stat stat;                          ///< Of the parent.
};

}  // namespace quorate::client
