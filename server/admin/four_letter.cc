#include "server/admin/four_letter.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "consensus/ensemble.h"
#include "server/admin/metric_table.h"
#include "server/admin/version.h"

namespace quorate::server {
namespace {

constexpr const char* kNotServing = "This ZooKeeper instance is not currently serving requests\n";

std::string latency_line(const ServerStatus& status) {
  return "Latency min/avg/max: " + std::to_string(status.min_latency_ms) + '/' +
         average_text(status.avg_latency_ms) + '/' + std::to_string(status.max_latency_ms) + '\n';
}

std::string srvr(const Config&, AdminSource& source) {
  const ServerStatus status = source.status();
  std::string out = "Zookeeper version: " + std::string(kVersionText) + '\n' + latency_line(status);
  out += "Received: " + std::to_string(status.packets_received) + '\n';
  out += "Sent: " + std::to_string(status.packets_sent) + '\n';
  out += "Connections: " + std::to_string(source.connection_count()) + '\n';
  out += "Outstanding: " + std::to_string(status.outstanding) + '\n';
  out += "Zxid: " + to_string(status.last_applied) + '\n';
  out += "Mode: " + status.mode + '\n';
  out += "Node count: " + std::to_string(status.node_count) + '\n';
  if (status.mode == "leader") {
    out += "Proposal sizes last/min/max: " + std::to_string(status.last_proposal_size) + '/' +
           std::to_string(status.min_proposal_size) + '/' +
           std::to_string(status.max_proposal_size) + '\n';
  }
  return out;
}

std::string mntr(const Config& config, AdminSource& source) {
  const ServerStatus status = source.status();
  std::string out;
  for (const MetricRow& row : metric_rows()) {
    if (row.scope == MetricScope::Ensemble && config.ensemble.standalone) continue;
    if (row.scope == MetricScope::Leader && status.mode != "leader") continue;
    out += std::string("zk_") + row.name + '\t' + row.value(status, source) + '\n';
  }
  return out;
}

std::string ruok(const Config&, AdminSource&) {
  return "imok";
}

std::string isro(const Config&, AdminSource& source) {
  return source.status().serving ? "rw" : "null";
}

std::string srst(const Config&, AdminSource& source) {
  source.reset_statistics();
  return "Server stats reset.\n";
}

std::uintmax_t bytes_below(const std::string& folder) {
  std::uintmax_t sum = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

std::string dirs(const Config& config, AdminSource&) {
  return "datadir_size: " + std::to_string(bytes_below(config.storage.data_dir)) +
         "\nlogdir_size: " + std::to_string(bytes_below(config.storage.data_log_dir)) + '\n';
}

std::string conf(const Config& config, AdminSource&) {
  const auto line = [](const char* key, const auto& value) {
    if constexpr (std::is_convertible_v<decltype(value), std::string>) {
      return std::string(key) + '=' + value + '\n';
    } else {
      return std::string(key) + '=' + std::to_string(value) + '\n';
    }
  };
  const EnsembleConfig& ensemble = config.ensemble;
  std::string out = line("clientPort", config.client.port) + line("secureClientPort", -1) +
                    line("dataDir", config.storage.data_dir) +
                    line("dataDirSize", bytes_below(config.storage.data_dir)) +
                    line("dataLogDir", config.storage.data_log_dir) +
                    line("dataLogSize", bytes_below(config.storage.data_log_dir)) +
                    line("tickTime", config.tick_time_ms) +
                    line("maxClientCnxns", config.client.max_per_address) +
                    line("minSessionTimeout", config.client.min_session_timeout_ms) +
                    line("maxSessionTimeout", config.client.max_session_timeout_ms) +
                    line("clientPortListenBacklog", config.client.backlog) +
                    line("serverId", ensemble.standalone ? 0 : ensemble.self.value);
  if (ensemble.standalone) return out;
  const consensus::Ensemble members(ensemble.members, ensemble.version);
  const consensus::Member* self = members.find(ensemble.self);
  out += line("initLimit", ensemble.init_limit) + line("syncLimit", ensemble.sync_limit) +
         line("electionAlg", ensemble.election_alg);
  if (self != nullptr) {
    out += line("electionPort", self->election_port) + line("quorumPort", self->quorum_port);
  }
  return out + line("peerType", 0) + "membership: \n" + members.text();
}

std::string envi(const Config&, AdminSource&) {
  utsname system{};
  uname(&system);
  const char* user = std::getenv("USER");
  const char* home = std::getenv("HOME");
  std::error_code ignored;
  std::string out = "Environment:\nzookeeper.version=" + std::string(kVersionText) + '\n';
  out += std::string("host.name=") + system.nodename + '\n';
  out += std::string("os.name=") + system.sysname + "\nos.arch=" + system.machine +
         "\nos.version=" + system.release + '\n';
  out += std::string("user.name=") + (user != nullptr ? user : "") + '\n';
  out += std::string("user.home=") + (home != nullptr ? home : "") + '\n';
  return out + "user.dir=" + std::filesystem::current_path(ignored).string() + '\n';
}

/// One row per word of ZooKeeper; without a function it is known, but not available here.
struct WordRow {
  std::string_view word;
  std::string (*answer)(const Config& config, AdminSource& source) = nullptr;
  bool while_not_serving = false;
};

constexpr std::array kWords = {
    WordRow{"ruok", ruok, true},
    WordRow{"isro", isro, true},
    WordRow{"srvr", srvr},
    WordRow{"mntr", mntr},
    WordRow{"conf", conf},
    WordRow{"envi", envi, true},
    WordRow{"srst", srst},
    WordRow{"dirs", dirs},
    WordRow{"stat"},
    WordRow{"cons"},
    WordRow{"crst"},
    WordRow{"dump"},
    WordRow{"wchs"},
    WordRow{"wchc"},
    WordRow{"wchp"},
    WordRow{"gtmk"},
    WordRow{"stmk"},
    WordRow{"hash"},
};

}  // namespace

std::optional<std::string> answer_four_letter_word(std::string_view word, const Config& config,
                                                   AdminSource& source) {
  const auto row = std::find_if(kWords.begin(), kWords.end(),
                                [&](const WordRow& one) { return one.word == word; });
  if (row == kWords.end()) return std::nullopt;
  const bool allowed = config.admin.all_words || config.admin.words.count(std::string(word)) != 0;
  if (!allowed || row->answer == nullptr) {
    return std::string(word) + " is not executed because it is not in the whitelist.\n";
  }
  if (!row->while_not_serving && !source.status().serving) return kNotServing;
  return row->answer(config, source);
}

}  // namespace quorate::server
