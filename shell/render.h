// How things are printed: zkCli's texts, which scripts parse.
#pragma once

#include <string>
#include <vector>

#include "quorate/sync_client.h"

namespace quorate::shell {

/// The eleven lines from "cZxid = " to "numChildren = "; times in the local zone.
std::string stat_block(const client::Stat& stat);

/// "[a, b]", sorted.
std::string list_line(std::vector<std::string> names);

/// Empty line, "WATCHER::", empty line, "WatchedEvent state:... type:... path:...". The zxid is
/// left out where the server sent none (ZooKeeper before 3.9).
std::string watch_block(const client::WatchEvent& event);

/// The same block for a change of the session; "" for changes that zkCli does not tell.
std::string session_block(const client::SessionEvent& event);

/// What zkCli says to an error answer about `path`.
std::string error_line(client::Code code, const std::string& message, const std::string& path);

}  // namespace quorate::shell
