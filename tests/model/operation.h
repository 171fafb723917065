// One step of a trial as data, so that a failing list can be cut down and printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "znode/proto/op_code.h"
#include "znode/proto/records.h"

namespace quorate::model {

inline constexpr int kActors = 4;  ///< Sessions, each with a connection.

enum class Action {
  Write,  ///< Prepared now, applied when a later Land says so.
  Read,
  Land,       ///< The oldest txn in flight is applied.
  Reconnect,  ///< A new connection of the same session: its watches are gone.
  Identify,   ///< From now on the connection has one identity more.
};

struct Operation {
  Action action = Action::Land;
  int actor = 0;
  OpCode op = OpCode::Error;
  std::string path;
  Buffer data;
  AclList acl;
  std::int32_t number = 0;  ///< Flags, version, watch mode or watcher type.
  std::int64_t ttl_ms = 0;
  bool watch = false;
  std::int64_t zxid = 0;  ///< setWatches: seen this far, counted back from the newest.
  std::vector<std::string> lists[5];
  std::vector<Operation> parts;

  Bytes body(std::int64_t last_zxid) const;  ///< The record as a client sends it.
  std::string shown() const;
};

std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count);

}  // namespace quorate::model
