#include <ctime>
#include <map>

#include "consensus/ensemble.h"
#include "server/admin/commands.h"
#include "server/admin/metric_table.h"
#include "server/admin/process.h"
#include "server/admin/prometheus.h"
#include "server/admin/version.h"

namespace quorate::server::text {
namespace {

std::string number(std::int64_t value) {
  return std::to_string(value);
}

/// As Java writes a Date: "Sat Nov 21 01:56:28 UTC 2026".
std::string date_text(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char buffer[64];
  const std::size_t size = std::strftime(buffer, sizeof buffer, "%a %b %d %H:%M:%S %Z %Y", &parts);
  return {buffer, size};
}

std::string head(const AdminFacts& facts) {
  std::string out = "Zookeeper version: " + std::string(kVersionText) + '\n';
  if (facts.status.read_only) out += "READ-ONLY mode; serving only read-only clients\n";
  return out;
}

std::string figures(const AdminFacts& facts) {
  const ServerStatus& status = facts.status;
  std::string out = "Latency min/avg/max: " + number(status.min_latency_ms) + '/' +
                    average_text(status.avg_latency_ms) + '/' + number(status.max_latency_ms) +
                    '\n';
  out += "Received: " + std::to_string(status.packets_received) + '\n';
  out += "Sent: " + std::to_string(status.packets_sent) + '\n';
  out += "Connections: " + std::to_string(facts.connection_count) + '\n';
  out += "Outstanding: " + std::to_string(status.outstanding) + '\n';
  out += "Zxid: " + to_string(status.last_applied) + '\n';
  out += "Mode: " + status.mode + '\n';
  out += "Node count: " + std::to_string(status.node_count) + '\n';
  if (status.mode == "leader") {
    out += "Proposal sizes last/min/max: " + number(status.last_proposal_size) + '/' +
           number(status.min_proposal_size) + '/' + number(status.max_proposal_size) + '\n';
  }
  return out;
}

/// ` /ip:port[ops](queued=q,recved=r,sent=s`, open.
std::string connection_start(const ConnectionStatus& one) {
  return ' ' + socket_address(one.address, one.port) + (one.reading ? "[1]" : "[0]") +
         "(queued=" + std::to_string(one.outstanding) + ",recved=" + std::to_string(one.received) +
         ",sent=" + std::to_string(one.sent);
}

std::string session_part(const ConnectionStatus& one) {
  std::string out = ",sid=" + to_string(one.session) + ",lop=" + last_operation(one.last_op) +
                    ",est=" + number(one.established_ms) + ",to=" + number(one.timeout_ms);
  if (one.last_cxid >= 0) out += ",lcxid=" + hex(static_cast<std::uint64_t>(one.last_cxid));
  return out + ",lzxid=" + to_string(one.last_zxid) + ",lresp=" + number(one.last_response_ms) +
         ",llat=" + number(one.last_latency_ms) + ",minlat=" + number(one.min_latency_ms) +
         ",avglat=" + number(one.avg_latency_ms) + ",maxlat=" + number(one.max_latency_ms);
}

/// "k expire at DATE:" and the lines of each bucket.
using Buckets = std::map<std::int64_t, std::vector<std::string>>;
std::string bucket_lines(const Buckets& buckets, const ServerStatus& status) {
  std::string out;
  for (const auto& [due_ms, lines] : buckets) {
    out += std::to_string(lines.size()) + " expire at " +
           date_text(status.wall_ms + due_ms - status.now_ms) + ":\n";
    for (const std::string& line : lines) out += '\t' + line + '\n';
  }
  return out;
}

std::string session_sets(const AdminFacts& facts, bool local) {
  Buckets buckets;
  std::size_t count = 0;
  for (const SessionStatus& one : facts.sessions) {
    if (one.local != local) continue;
    ++count;
    if (one.expires_ms) buckets[*one.expires_ms].push_back(to_string(one.session));
  }
  return "Session Sets (" + std::to_string(buckets.size()) + ")/(" + std::to_string(count) +
         "):\n" + bucket_lines(buckets, facts.status);
}

std::string global_sessions(const AdminFacts& facts) {
  std::string lines;
  std::size_t count = 0;
  for (const SessionStatus& one : facts.sessions) {
    if (one.local) continue;
    ++count;
    lines += to_string(one.session) + '\t' + number(one.timeout_ms) + "ms\n";
  }
  return "Global Sessions(" + std::to_string(count) + "):\n" + lines;
}

/// Who expires sessions knows when; the local ones everybody does.
std::string tracked_sessions(const CommandContext& context) {
  const AdminFacts& facts = context.facts;
  const EnsembleConfig& ensemble = context.config.ensemble;
  const bool locals =
      (ensemble.local_sessions && !ensemble.standalone) || facts.status.local_sessions > 0;
  std::string out = locals ? "Local " + session_sets(facts, /*local=*/true) : std::string();
  const std::string& mode = facts.status.mode;
  if (mode != "leader" && mode != "standalone") return out + global_sessions(facts);
  return out + (locals ? "Global " : "") + session_sets(facts, /*local=*/false);
}

/// Connections by the time their session's silence would end them, rounded up to a tick.
std::string connection_sets(const CommandContext& context) {
  Buckets buckets;
  const std::int64_t tick_ms = context.config.tick_time_ms;
  for (const ConnectionStatus& one : context.facts.connections) {
    const std::int64_t limit_ms =
        one.session.value != 0 ? one.timeout_ms : context.config.client.sessionless_timeout_ms;
    const std::int64_t from_ms =
        one.session.value != 0 ? one.last_response_ms : context.facts.status.now_ms;
    const std::int64_t due_ms = ((from_ms + limit_ms) / tick_ms + 1) * tick_ms;
    buckets[due_ms].push_back("ip: " + socket_address(one.address, one.port) +
                              " sessionId: " + to_string(one.session));
  }
  return "Connections Sets (" + std::to_string(buckets.size()) + ")/(" +
         std::to_string(context.facts.connections.size()) + "):\n" +
         bucket_lines(buckets, context.facts.status);
}

std::string ensemble_lines(const CommandContext& context) {
  const EnsembleConfig& ensemble = context.config.ensemble;
  const consensus::Ensemble members =
      context.facts.ensemble
          ? *context.facts.ensemble
          : consensus::Ensemble(ensemble.members, ensemble.version, ensemble.groups);
  const consensus::Member* self = members.find(ensemble.self);
  std::string out = "initLimit=" + number(ensemble.init_limit) +
                    "\nsyncLimit=" + number(ensemble.sync_limit) +
                    "\nelectionAlg=" + number(ensemble.election_alg) + '\n';
  if (self != nullptr) {
    out += "electionPort=" + std::to_string(self->election_port) +
           "\nquorumPort=" + std::to_string(self->quorum_port) + '\n';
  }
  const bool observes = self != nullptr && self->observer;
  return out + "peerType=" + (observes ? "1" : "0") + "\nmembership: \n" + members.text();
}

}  // namespace

const char* last_operation(OpCode op) {
  switch (op) {
    case OpCode::CreateSession:
      return "SESS";
    case OpCode::Ping:
      return "PING";
    case OpCode::Create:
    case OpCode::Create2:
    case OpCode::CreateTtl:
    case OpCode::CreateContainer:
      return "CREA";
    case OpCode::Delete:
    case OpCode::DeleteContainer:
      return "DELE";
    case OpCode::Exists:
      return "EXIS";
    case OpCode::GetData:
      return "GETD";
    case OpCode::SetData:
      return "SETD";
    case OpCode::GetAcl:
      return "GETA";
    case OpCode::SetAcl:
      return "SETA";
    case OpCode::GetChildren:
    case OpCode::GetChildren2:
      return "GETC";
    case OpCode::GetAllChildrenNumber:
      return "GETACN";
    case OpCode::Sync:
      return "SYNC";
    case OpCode::Multi:
      return "MULT";
    case OpCode::MultiRead:
      return "MLTR";
    case OpCode::Check:
      return "CHEC";
    case OpCode::CheckWatches:
      return "CHKW";
    case OpCode::RemoveWatches:
      return "REMW";
    case OpCode::AddWatch:
      return "ADDW";
    case OpCode::SetWatches:
      return "SETW";
    case OpCode::SetWatches2:
      return "STW2";
    case OpCode::Reconfig:
      return "RECO";
    case OpCode::CloseSession:
      return "CLOS";
    case OpCode::WhoAmI:
      return "HOMI";
    case OpCode::GetEphemerals:
      return "GETE";
    default:
      return "NA";
  }
}

std::string socket_address(const std::string& address, std::uint16_t port) {
  const bool six = address.find(':') != std::string::npos;
  return '/' + (six ? '[' + address + ']' : address) + ':' + std::to_string(port);
}

std::string srvr(const CommandContext& context) {
  return head(context.facts) + figures(context.facts);
}

std::string stat(const CommandContext& context) {
  std::string out = head(context.facts) + "Clients:\n";
  for (const ConnectionStatus& one : context.facts.connections)
    out += connection_start(one) + ")\n";
  return out + '\n' + figures(context.facts);
}

std::string cons(const CommandContext& context) {
  std::string out;
  for (const ConnectionStatus& one : context.facts.connections) {
    out += connection_start(one);
    if (one.session.value != 0) out += session_part(one);
    out += ")\n";
  }
  return out + '\n';
}

std::string mntr(const CommandContext& context) {
  const bool alone = context.config.ensemble.standalone;
  if (context.config.metrics.prometheus()) return prometheus_mntr(context.facts, alone);
  std::string out;
  for (const MetricLine& line : metric_lines(context.facts, alone)) {
    out += "zk_" + line.name + '\t' + value_text(line.value) + '\n';
  }
  return out;
}

std::string isro(const CommandContext& context) {
  const ServerStatus& status = context.facts.status;
  return status.read_only ? "ro" : status.takes_clients() ? "rw" : "null";
}

std::string dirs(const CommandContext& context) {
  const StorageConfig& storage = context.config.storage;
  return "datadir_size: " + std::to_string(bytes_below(storage.data_dir)) +
         "\nlogdir_size: " + std::to_string(bytes_below(storage.data_log_dir)) + '\n';
}

std::string conf(const CommandContext& context) {
  const Config& config = context.config;
  const ClientPortConfig& client = config.client;
  const EnsembleConfig& ensemble = config.ensemble;
  const auto& moved = context.facts.client_port;
  std::string out =
      "clientPort=" + number(moved ? moved->port : client.port) + "\nsecureClientPort=";
  out += client.secure_port == 0 ? "-1" : number(client.secure_port);
  out += "\ndataDir=" + config.storage.data_dir;
  out += "\ndataDirSize=" + std::to_string(bytes_below(config.storage.data_dir));
  out += "\ndataLogDir=" + config.storage.data_log_dir;
  out += "\ndataLogSize=" + std::to_string(bytes_below(config.storage.data_log_dir));
  out += "\ntickTime=" + number(config.tick_time_ms);
  out += "\nmaxClientCnxns=" + number(client.max_per_address);
  out += "\nminSessionTimeout=" + number(client.min_session_timeout_ms);
  out += "\nmaxSessionTimeout=" + number(client.max_session_timeout_ms);
  out += "\nclientPortListenBacklog=" + number(client.backlog);
  out += "\nserverId=" + number(ensemble.standalone ? 0 : ensemble.self.value) + '\n';
  return ensemble.standalone ? out : out + ensemble_lines(context);
}

std::string envi(const CommandContext&) {
  std::string out = "Environment:\n";
  for (const auto& [key, value] : environment()) out += key + '=' + value + '\n';
  return out;
}

std::string dump(const CommandContext& context) {
  const AdminFacts& facts = context.facts;
  std::string out = "SessionTracker dump:\n" + tracked_sessions(context);
  out += "ephemeral nodes dump:\nSessions with Ephemerals (" +
         std::to_string(facts.ephemerals.size()) + "):\n";
  for (const SessionPaths& one : facts.ephemerals) {
    out += to_string(one.session) + ":\n";
    for (const std::string& path : one.paths) out += '\t' + path + '\n';
  }
  return out + "Connections dump:\n" + connection_sets(context);
}

std::string hash(const CommandContext& context) {
  std::string out;
  for (const DigestStatus& one : context.facts.digests) {
    out +=
        to_string(one.zxid).substr(2) + ": " + number(static_cast<std::int64_t>(one.digest)) + '\n';
  }
  return out;
}

std::string wchs(const CommandContext& context) {
  const znode::WatchSummary& watches = context.facts.watch_summary;
  return std::to_string(watches.connections) + " connections watching " +
         std::to_string(watches.paths) +
         " paths\nTotal watches:" + std::to_string(watches.watches) + '\n';
}

std::string wchc(const CommandContext& context) {
  std::string out;
  for (const SessionPaths& one : context.facts.watches) {
    out += to_string(one.session) + '\n';
    for (const std::string& path : one.paths) out += '\t' + path + '\n';
  }
  return out + '\n';
}

std::string wchp(const CommandContext& context) {
  std::map<std::string_view, std::vector<SessionId>> by_path;
  for (const SessionPaths& one : context.facts.watches) {
    for (const std::string& path : one.paths) by_path[path].push_back(one.session);
  }
  std::string out;
  for (const auto& [path, sessions] : by_path) {
    out += std::string(path) + '\n';
    for (SessionId session : sessions) out += '\t' + to_string(session) + '\n';
  }
  return out + '\n';
}

}  // namespace quorate::server::text
