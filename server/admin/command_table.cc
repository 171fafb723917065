#include "server/admin/command_table.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/admin/commands.h"
#include "server/admin/json_text.h"

namespace quorate::server {
namespace {

using Json = nlohmann::ordered_json;
using Context = const CommandContext&;

void nothing_more(Context, Json&) {}

std::string mask_text(Context context) {
  return std::to_string(context.facts.trace_mask);
}

std::optional<std::int64_t> mask_of(const Parameters& parameters) {
  const auto found = parameters.find("traceMask");
  if (found == parameters.end()) return std::nullopt;
  std::int64_t mask = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, fault] = std::from_chars(found->second.data(), end, mask);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return mask;
}

void set_mask(AdminSource& source, const Parameters& parameters) {
  if (const auto mask = mask_of(parameters)) source.set_trace_mask(*mask);
}

std::string_view mask_fault(const Parameters& parameters) {
  return mask_of(parameters) ? "" : "setTraceMask requires long traceMask argument";
}

void reset_server(AdminSource& source, const Parameters&) {
  source.reset_statistics();
}
void reset_connections(AdminSource& source, const Parameters&) {
  source.reset_connection_statistics();
}

std::string imok(Context) {
  return "imok";
}
std::string server_reset(Context) {
  return "Server stats reset.\n";
}
std::string connections_reset(Context) {
  return "Connection stats reset.\n";
}
std::string goodbye(Context) {
  return "";
}

/// What telnet sends for an interrupt; its connection closes, as ZooKeeper has it.
constexpr std::string_view kTelnetClose("\xff\xf4\xff\xfd", 4);

// By the name of the HTTP command, which is the order of the list of links.
// clang-format off
const CommandRow kRows[] = {
    {.word = "conf", .name = "configuration", .aliases = {"conf", "config"}, .text = text::conf, .json = json::configuration, .help = "Configuration in use."},
    {.word = "crst", .name = "connection_stat_reset", .aliases = {"crst"}, .text = connections_reset, .json = nothing_more, .act = reset_connections, .help = "Resets the statistics of all connections."},
    {.word = "cons", .name = "connections", .aliases = {"cons"}, .wants = kConnections, .text = text::cons, .json = json::connections, .help = "Client connections with their statistics."},
    {.word = "dirs", .name = "dirs", .text = text::dirs, .json = json::dirs, .help = "Bytes of data and log folder."},
    {.word = "dump", .name = "dump", .wants = kSessions | kConnections, .text = text::dump, .json = json::dump, .help = "Sessions and their ephemeral nodes."},
    {.word = "envi", .name = "environment", .aliases = {"env", "envi"}, .while_not_serving = true, .text = text::envi, .json = json::environment, .help = "Host, system, user."},
    {.word = "gtmk", .name = "get_trace_mask", .aliases = {"gtmk"}, .while_not_serving = true, .text = mask_text, .json = json::trace_mask, .help = "The trace mask."},
    {.word = "hash", .name = "hash", .wants = kDigests, .text = text::hash, .json = json::hash, .help = "Digests of the tree, one per 128 txns."},
    {.name = "initial_configuration", .aliases = {"icfg"}, .while_not_serving = true, .json = json::initial_configuration, .help = "The configuration file as it was read at start."},
    {.word = "isro", .name = "is_read_only", .aliases = {"isro"}, .while_not_serving = true, .text = text::isro, .json = json::is_read_only, .help = "Whether only reads are answered."},
    {.name = "last_snapshot", .aliases = {"lsnp"}, .json = json::last_snapshot, .help = "The last checkpoint."},
    {.name = "leader", .aliases = {"lead"}, .json = json::leader, .help = "Who leads."},
    {.word = "mntr", .name = "monitor", .aliases = {"mntr"}, .wants = kMetrics, .text = text::mntr, .json = json::monitor, .help = "All metrics."},
    {.name = "observer_connection_stat_reset", .aliases = {"orst"}, .json = nothing_more, .help = "Resets the statistics of observers' connections."},
    {.name = "observers", .aliases = {"obsr"}, .json = json::observers, .help = "Observers connected to this server."},
    {.name = "restore", .aliases = {"rest"}, .method = CommandMethod::Post, .rights = CommandRights::Root, .page = CommandPage::Restore, .help = "Replaces the tree by a snapshot."},
    {.word = "ruok", .name = "ruok", .while_not_serving = true, .text = imok, .json = nothing_more, .help = "Whether the process is alive."},
    {.word = "srvr", .name = "server_stats", .aliases = {"srvr"}, .wants = kMetrics, .text = text::srvr, .json = json::server_stats, .help = "Figures of the server."},
    {.word = "stmk", .name = "set_trace_mask", .aliases = {"stmk"}, .while_not_serving = true, .text = mask_text, .json = json::trace_mask, .act = set_mask, .fault = mask_fault, .help = "Sets the trace mask (?traceMask=n), which has no effect."},
    {.name = "snapshot", .aliases = {"snap"}, .rights = CommandRights::Root, .page = CommandPage::Snapshot, .help = "The tree as a snapshot file of ZooKeeper."},
    {.word = "srst", .name = "stat_reset", .aliases = {"srst"}, .text = server_reset, .json = nothing_more, .act = reset_server, .help = "Resets statistics and metrics."},
    {.word = "stat", .name = "stats", .aliases = {"stat"}, .wants = kMetrics | kConnections, .text = text::stat, .json = json::stats, .help = "Figures of the server and its connections."},
    {.name = "system_properties", .aliases = {"sysp"}, .while_not_serving = true, .json = json::system_properties, .help = "All settings."},
    {.word = kTelnetClose, .while_not_serving = true, .text = goodbye, .help = "telnet's interrupt."},
    {.name = "voting_view", .json = json::voting_view, .help = "The participants."},
    {.word = "wchs", .name = "watch_summary", .aliases = {"wchs"}, .wants = kWatchSummary, .text = text::wchs, .json = json::watch_summary, .help = "How many watches there are."},
    {.word = "wchc", .name = "watches", .aliases = {"wchc"}, .wants = kWatches, .text = text::wchc, .json = json::watches, .help = "Watches by session."},
    {.word = "wchp", .name = "watches_by_path", .aliases = {"wchp"}, .wants = kWatches, .text = text::wchp, .json = json::watches_by_path, .help = "Watches by path."},
    {.name = "zabstate", .json = json::zabstate, .help = "Role and phase in the ensemble."},
};
// clang-format on

template <class Matches>
const CommandRow* find_row(Matches&& matches) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows), matches);
  return found == std::end(kRows) ? nullptr : found;
}

}  // namespace

std::span<const CommandRow> command_rows() {
  return kRows;
}

const CommandRow* find_word(std::string_view word) {
  if (word.empty()) return nullptr;
  return find_row([&](const CommandRow& row) { return row.word == word; });
}

const CommandRow* find_command(std::string_view name) {
  if (name.empty()) return nullptr;
  return find_row([&](const CommandRow& row) {
    return row.name == name || row.aliases[0] == name || row.aliases[1] == name;
  });
}

std::string command_json(const CommandRow& row, const CommandContext& context) {
  // A leader that takes no clients answers here, though not words: so ZooKeeper has it.
  const ServerStatus& status = context.facts.status;
  if (!row.while_not_serving && !status.serving && !status.read_only) {
    return command_error_json(row.name, kNotServing);
  }
  Json out = Json::object();
  row.json(context, out);
  out["command"] = row.name;
  if (!out.contains("error")) out["error"] = nullptr;
  return json_text(out);
}

std::string restored_json(std::string_view name, Zxid zxid) {
  Json out = Json::object();
  out["last_zxid"] = zxid.value;
  out["command"] = name;
  out["error"] = nullptr;
  return json_text(out);
}

std::string command_error_json(std::string_view name, std::string_view error) {
  Json out = Json::object();
  out["command"] = name;
  out["error"] = nullptr;
  if (!error.empty()) out["error"] = error;
  return json_text(out);
}

}  // namespace quorate::server
