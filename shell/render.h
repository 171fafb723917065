// How answers are printed: zkCli's texts, which scripts parse, and their JSON forms.
#pragma once

#include <string>
#include <vector>

#include "quorate/sync_client.h"
#include "shell/json.h"

namespace quorate::shell {

/// The eleven lines from "cZxid = " to "numChildren = "; times in the local zone. `human` tells
/// epoch and counter of zxids, dates that sort, and how long ago they were.
std::string stat_block(const client::Stat& stat, bool human = false);
Json stat_json(const client::Stat& stat);

/// "[a, b]", sorted.
std::string list_line(std::vector<std::string> names);

/// Empty line, "WATCHER::", empty line, "WatchedEvent state:... type:... path:...". The zxid is
/// left out where the server sent none (ZooKeeper before 3.9).
std::string watch_block(const client::WatchEvent& event);
Json event_json(const client::WatchEvent& event);

/// The same block for a change of the session; "" for changes that zkCli does not tell.
std::string session_block(const client::SessionEvent& event);

/// What zkCli says to an error answer about `path`.
std::string error_line(client::Code code, const std::string& message, const std::string& path);

/// Each host that was tried, the reason, and how to start a server.
std::string no_connection_text(const std::string& servers,
                               const client::Reply<client::Connected>& attempt);

/// "0x1f".
std::string hex_value(std::int64_t value);
/// "2026-11-21 01:44:26" in the local zone.
std::string local_time(std::int64_t ms);
/// "12 s", "3 min", "5 h", "9 d".
std::string rough_duration(std::int64_t ms);
std::int64_t now_ms();

}  // namespace quorate::shell
