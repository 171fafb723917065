#include <map>
#include <nlohmann/json.hpp>
#include <variant>

#include "consensus/ensemble.h"
#include "server/admin/commands.h"
#include "server/admin/metric_table.h"
#include "server/admin/process.h"
#include "server/admin/version.h"
#include "server/config/config_table.h"

namespace quorate::server::json {
namespace {

Json to_json(const MetricValue& value) {
  return std::visit([](const auto& one) { return Json(one); }, value);
}

Json first_five(const ConnectionStatus& one) {
  Json out;
  // Java's text of an address without the leading slash.
  out["remote_socket_address"] = text::socket_address(one.address, one.port).substr(1);
  out["interest_ops"] = one.reading ? 1 : 0;
  out["outstanding_requests"] = one.outstanding;
  out["packets_received"] = one.received;
  out["packets_sent"] = one.sent;
  return out;
}

Json whole_connection(const ConnectionStatus& one) {
  Json out = first_five(one);
  if (one.session.value == 0) return out;
  out["session_id"] = one.session.value;
  out["last_operation"] = text::last_operation(one.last_op);
  out["established"] = one.established_ms;
  out["session_timeout"] = one.timeout_ms;
  out["last_cxid"] = one.last_cxid;
  out["last_zxid"] = one.last_zxid.value;
  out["last_response_time"] = one.last_response_ms;
  out["last_latency"] = one.last_latency_ms;
  out["min_latency"] = one.min_latency_ms;
  out["avg_latency"] = one.avg_latency_ms;
  out["max_latency"] = one.max_latency_ms;
  return out;
}

void put_connections(const CommandContext& context, Json& out,
                     Json (*one_of)(const ConnectionStatus&)) {
  Json plain = Json::array(), secure = Json::array();
  for (const ConnectionStatus& one : context.facts.connections) {
    (one.secure ? secure : plain).push_back(one_of(one));
  }
  out["connections"] = std::move(plain);
  out["secure_connections"] = std::move(secure);
}

Json buffer_sizes(std::int64_t last, std::int64_t least, std::int64_t most) {
  Json out;
  out["last_buffer_size"] = last;
  out["min_buffer_size"] = least;
  out["max_buffer_size"] = most;
  return out;
}

Json by_session(const std::vector<SessionPaths>& list) {
  Json out = Json::object();
  for (const SessionPaths& one : list) out[std::to_string(one.session.value)] = one.paths;
  return out;
}

std::string host_port(const std::string& host, std::uint16_t port) {
  return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' +
         std::to_string(port);
}

const std::vector<consensus::Member>& members(const CommandContext& context) {
  return context.facts.ensemble ? context.facts.ensemble->members()
                                : context.config.ensemble.members;
}

const consensus::Member* member(const CommandContext& context, ServerId id) {
  for (const consensus::Member& one : members(context)) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

/// What Java's beans of a member with one address look like.
Json address_block(const std::string& host, std::uint16_t port) {
  const std::string address = host_port(host, port);
  Json out;
  out["empty"] = false;
  out["all_addresses"] = Json::array({address});
  out["all_reachable_addresses"] = Json::array({address});
  out["one"] = address;
  out["reachable_address"] = address;
  out["wildcard_addresses"] = Json::array({host_port("0.0.0.0", port)});
  out["all_ports"] = Json::array({port});
  out["all_host_strings"] = Json::array({host});
  out["all_reachable_addresses_or_all"] = Json::array({address});
  out["reachable_or_one"] = address;
  return out;
}

std::string client_address(const CommandContext& context) {
  if (const auto& moved = context.facts.client_port) return host_port(moved->host, moved->port);
  const ClientPortConfig& client = context.config.client;
  return host_port(client.address.empty() ? "0.0.0.0" : client.address,
                   static_cast<std::uint16_t>(client.port));
}

}  // namespace

void configuration(const CommandContext& context, Json& out) {
  const Config& config = context.config;
  out["client_port"] =
      context.facts.client_port ? context.facts.client_port->port : config.client.port;
  out["data_dir"] = config.storage.data_dir;
  out["data_log_dir"] = config.storage.data_log_dir;
  out["tick_time"] = config.tick_time_ms;
  out["max_client_cnxns"] = config.client.max_per_address;
  out["min_session_timeout"] = config.client.min_session_timeout_ms;
  out["max_session_timeout"] = config.client.max_session_timeout_ms;
  out["server_id"] = config.ensemble.standalone ? 0 : config.ensemble.self.value;
  out["client_port_listen_backlog"] = config.client.backlog;
}

void connections(const CommandContext& context, Json& out) {
  put_connections(context, out, whole_connection);
}

void dirs(const CommandContext& context, Json& out) {
  out["datadir_size"] = bytes_below(context.config.storage.data_dir);
  out["logdir_size"] = bytes_below(context.config.storage.data_log_dir);
}

void dump(const CommandContext& context, Json& out) {
  std::map<std::int64_t, Json> due;
  // Of a follower ZooKeeper tells nothing here, of its local sessions neither.
  const bool leads = context.facts.status.mode == "leader";
  for (const SessionStatus& one : context.facts.sessions) {
    if (one.local && !leads) continue;
    if (one.expires_ms) due[*one.expires_ms].push_back(one.session.value);
  }
  Json sessions = Json::object();
  for (auto& [at_ms, ids] : due) sessions[std::to_string(at_ms)] = std::move(ids);
  out["expiry_time_to_session_ids"] = std::move(sessions);
  out["session_id_to_ephemeral_paths"] = by_session(context.facts.ephemerals);
}

void environment(const CommandContext&, Json& out) {
  for (const auto& [key, value] : server::environment()) out[key] = value;
}

void trace_mask(const CommandContext& context, Json& out) {
  out["tracemask"] = context.facts.trace_mask;
}

void hash(const CommandContext& context, Json& out) {
  Json digests = Json::array();
  for (const DigestStatus& one : context.facts.digests) {
    Json row;
    row["zxid"] = one.zxid.value;
    row["digest"] = static_cast<std::int64_t>(one.digest);
    row["digest_version"] = 2;
    digests.push_back(std::move(row));
  }
  out["digests"] = std::move(digests);
}

void initial_configuration(const CommandContext& context, Json& out) {
  out["initial_configuration"] = context.config_text;
}

void is_read_only(const CommandContext& context, Json& out) {
  out["read_only"] = context.facts.status.read_only;
}

void last_snapshot(const CommandContext& context, Json& out) {
  out["zxid"] = to_string(context.facts.status.last_checkpoint).substr(2);
  out["timestamp"] = context.facts.status.last_checkpoint_wall_ms / 1000;
}

void leader(const CommandContext& context, Json& out) {
  if (context.config.ensemble.standalone) {
    out["error"] = "server is not initialized";
    return;
  }
  const ServerStatus& status = context.facts.status;
  const ServerId leads = status.leader.value_or(ServerId{-1});
  const consensus::Member* found = member(context, leads);
  out["is_leader"] = status.mode == "leader";
  out["leader_id"] = leads.value;
  out["leader_ip"] = found == nullptr ? "" : found->host;
}

void monitor(const CommandContext& context, Json& out) {
  for (const MetricLine& line : metric_lines(context.facts, context.config.ensemble.standalone)) {
    out[line.name] = to_json(line.value);
  }
}

void observers(const CommandContext& context, Json& out) {
  out["synced_observers"] = context.facts.status.synced_observers;
  Json rows = Json::array();
  for (const ServerId id : context.facts.status.observers) {
    Json row;
    row["sid"] = id.value;
    if (const consensus::Member* one = member(context, id)) {
      row["address"] = host_port(one->host, one->quorum_port);
    }
    rows.push_back(std::move(row));
  }
  out["observers"] = std::move(rows);
}

void server_stats(const CommandContext& context, Json& out) {
  const ServerStatus& status = context.facts.status;
  const ReplicaMetrics& metrics = context.facts.metrics->replica;
  const Json responses = buffer_sizes(metrics.last_response_bytes, metrics.min_response_bytes,
                                      metrics.max_response_bytes);
  Json stats;
  stats["packets_sent"] = status.packets_sent;
  stats["packets_received"] = status.packets_received;
  stats["fsync_threshold_exceed_count"] = status.slow_syncs;
  stats["client_response_stats"] = responses;
  stats["data_dir_size"] = bytes_below(context.config.storage.data_dir);
  stats["log_dir_size"] = bytes_below(context.config.storage.data_log_dir);
  stats["provider_null"] = false;
  stats["server_state"] = status.mode;
  stats["last_processed_zxid"] = status.last_applied.value;
  stats["outstanding_requests"] = status.outstanding;
  stats["avg_latency"] = status.avg_latency_ms;
  stats["max_latency"] = status.max_latency_ms;
  stats["min_latency"] = status.min_latency_ms;
  stats["num_alive_client_connections"] = context.facts.connection_count;
  stats["auth_failed_count"] = metrics.auth_failures;
  stats["non_mtlsremote_conn_count"] = 0;
  stats["non_mtlslocal_conn_count"] = 0;
  stats["uptime"] = status.uptime_ms;
  out["version"] = kVersionText;
  out["read_only"] = status.read_only;
  out["server_stats"] = std::move(stats);
  out["client_response"] = responses;
  if (status.mode == "leader") {
    out["proposal_stats"] =
        buffer_sizes(status.last_proposal_size, status.min_proposal_size, status.max_proposal_size);
  }
  out["node_count"] = status.node_count;
}

void stats(const CommandContext& context, Json& out) {
  server_stats(context, out);
  put_connections(context, out, first_five);
}

/// ZooKeeper's properties of the same names as the keys; those of a JVM have no counterpart.
void system_properties(const CommandContext& context, Json& out) {
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : server::environment()) {
    if (key.starts_with("os.") || key.starts_with("user.")) sorted[key] = value;
  }
  Config config = context.config;
  for (const ConfigRow& row : config_rows()) {
    std::string& value = sorted[std::string("zookeeper.") + row.key];
    if (const auto* number = std::get_if<NumberField>(&row.field)) {
      value = std::to_string((*number)(config));
    } else if (const auto* flag = std::get_if<FlagField>(&row.field)) {
      value = (*flag)(config) ? "true" : "false";
    } else if (const auto* words = std::get_if<TextField>(&row.field)) {
      value = (*words)(config);
    }
  }
  for (const auto& [key, value] : sorted) out[key] = value;
}

void voting_view(const CommandContext& context, Json& out) {
  Json view = Json::object();
  for (const consensus::Member& one : members(context)) {
    if (one.observer) continue;
    Json row;
    row["server_addresses"] = Json::array({host_port(one.host, one.quorum_port)});
    row["election_addresses"] = Json::array({host_port(one.host, one.election_port)});
    row["client_address"] =
        one.id == context.config.ensemble.self ? client_address(context) : one.client_address;
    row["learner_type"] = "participant";
    view[std::to_string(one.id.value)] = std::move(row);
  }
  out["current_config"] = std::move(view);
}

void watch_summary(const CommandContext& context, Json& out) {
  out["num_connections"] = context.facts.watch_summary.connections;
  out["num_paths"] = context.facts.watch_summary.paths;
  out["num_total_watches"] = context.facts.watch_summary.watches;
}

void watches(const CommandContext& context, Json& out) {
  out["session_id_to_watched_paths"] = by_session(context.facts.watches);
}

void watches_by_path(const CommandContext& context, Json& out) {
  std::map<std::string, Json> by_path;
  for (const SessionPaths& one : context.facts.watches) {
    for (const std::string& path : one.paths) by_path[path].push_back(one.session.value);
  }
  Json rows = Json::object();
  for (auto& [path, sessions] : by_path) rows[path] = std::move(sessions);
  out["path_to_session_ids"] = std::move(rows);
}

void zabstate(const CommandContext& context, Json& out) {
  const ServerStatus& status = context.facts.status;
  const Config& config = context.config;
  if (config.ensemble.standalone) {
    out["voting"] = false;
    out["zabstate"] = "";
    return;
  }
  out["myid"] = status.self.value;
  out["is_leader"] = status.mode == "leader";
  const consensus::Member* self = member(context, status.self);
  if (self != nullptr) {
    out["quorum_address"] = address_block(self->host, self->quorum_port);
    out["election_address"] = address_block(self->host, self->election_port);
  }
  out["client_address"] = client_address(context);
  out["voting"] = self != nullptr && !self->observer;
  out["last_zxid"] = to_string(status.last_applied);
  out["zab_epoch"] = status.last_applied.epoch();
  out["zab_counter"] = status.last_applied.counter();
  out["zabstate"] = status.zab_state;
}

}  // namespace quorate::server::json
