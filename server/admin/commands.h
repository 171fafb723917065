// The answers of the commands, as text of a four-letter word and as JSON. command_table.cc joins
// them; client-protocol section 14 and configuration section 9 have the formats.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/admin/command_table.h"

namespace quorate::server::text {

std::string conf(const CommandContext& context);
std::string cons(const CommandContext& context);
std::string dirs(const CommandContext& context);
std::string dump(const CommandContext& context);
std::string envi(const CommandContext& context);
std::string hash(const CommandContext& context);
std::string isro(const CommandContext& context);
std::string mntr(const CommandContext& context);
std::string srvr(const CommandContext& context);
std::string stat(const CommandContext& context);
std::string wchc(const CommandContext& context);
std::string wchp(const CommandContext& context);
std::string wchs(const CommandContext& context);

/// ZooKeeper's four letters for an operation: CREA, GETD, ...; NA for none.
const char* last_operation(OpCode op);
/// "/127.0.0.1:2181", as Java writes socket addresses.
std::string socket_address(const std::string& address, std::uint16_t port);

}  // namespace quorate::server::text

namespace quorate::server::json {

using Json = nlohmann::ordered_json;

void configuration(const CommandContext& context, Json& out);
void connections(const CommandContext& context, Json& out);
void dirs(const CommandContext& context, Json& out);
void dump(const CommandContext& context, Json& out);
void environment(const CommandContext& context, Json& out);
void trace_mask(const CommandContext& context, Json& out);
void hash(const CommandContext& context, Json& out);
void initial_configuration(const CommandContext& context, Json& out);
void is_read_only(const CommandContext& context, Json& out);
void last_snapshot(const CommandContext& context, Json& out);
void leader(const CommandContext& context, Json& out);
void monitor(const CommandContext& context, Json& out);
void observers(const CommandContext& context, Json& out);
void server_stats(const CommandContext& context, Json& out);
void stats(const CommandContext& context, Json& out);
void system_properties(const CommandContext& context, Json& out);
void voting_view(const CommandContext& context, Json& out);
void watch_summary(const CommandContext& context, Json& out);
void watches(const CommandContext& context, Json& out);
void watches_by_path(const CommandContext& context, Json& out);
void zabstate(const CommandContext& context, Json& out);

}  // namespace quorate::server::json
