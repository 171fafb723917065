// Ids and passwords of sessions, by ZooKeeper's formulas, so that a client may move between a
// server of ours and one of ZooKeeper (spec: zab-protocol 12).
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace quorate::znode {

/// The 16 bytes that prove ownership of a session. The same on every server of an ensemble.
std::string session_password(SessionId session);

/// The first id that a server gives out: its own id on top, then 40 bits of `monotonic_ms`, then
/// a counter from 0. Those after it are one higher each.
SessionId first_session_id(ServerId server, std::int64_t monotonic_ms);

}  // namespace quorate::znode
