#include "server/config/parse.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>

#include "consensus/member_text.h"
#include "server/config/auth_rules.h"
#include "server/config/config_table.h"
#include "server/config/properties.h"
#include "server/config/sasl_rules.h"
#include "server/config/tls_rules.h"

namespace quorate::server {
namespace {

std::optional<std::string> read_from_disk(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

/// Stands for the file where everything comes from the command line.
constexpr const char* kNoFile = "command line";
constexpr const char* kJaasKey = "java.security.auth.login.config";

std::string trim(std::string text) {
  const char* blanks = " \t\r\n";
  text.erase(0, text.find_first_not_of(blanks));
  text.erase(text.find_last_not_of(blanks) + 1);
  return text;
}

/// A whole number of the given base, or nothing.
std::optional<std::int64_t> whole_number(std::string_view text, int base = 10) {
  std::int64_t value = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

/// One pass over the files. The first fault ends it: each step returns whether to go on.
class Loader {
 public:
  Loader(std::string path, const ReadFile& read, const std::vector<ConfigOverride>& overrides)
      : read_(read), overrides_(overrides) {
    config_.file = std::move(path);
  }

  ConfigResult load() {
    const bool good = read_main() && take_overrides() && apply_rows() && check_protection() &&
                      read_members() && check_storage() && decide_mode() && read_myid() &&
                      check_self() && check_sessions() && check_links() && check_client_port() &&
                      check_auth() && check_buffers() && check_metrics_provider();
    if (!good) return fault_;
    read_whitelist();
    tell_ignored_keys();
    return std::move(config_);
  }

 private:
  bool fail(const std::string& key, std::string what) {
    const auto origin = origins_.find(key);
    if (origin != origins_.end()) return fail_at(origin->second, 0, key, std::move(what));
    const auto found = lines_.find(key);
    return fail_at(config_.file, found == lines_.end() ? 0 : found->second.line, key,
                   std::move(what));
  }
  bool fail_at(const std::string& file, int line, const std::string& key, std::string what) {
    fault_ = {file, line, key, std::move(what)};
    return false;
  }
  void note(char severity, std::string text) {
    config_.notices.push_back({severity, std::move(text)});
  }
  bool given(const std::string& key) const { return lines_.count(key) != 0; }

  bool read_main() {
    const auto text = read_(config_.file);
    if (!text) return fail_at(config_.file, 0, "", "cannot be read; give the path of a zoo.cfg");
    for (Property& property : parse_properties(*text)) {
      // The last of several wins, as in ZooKeeper.
      std::string key = property.key;
      lines_[std::move(key)] = std::move(property);
    }
    return true;
  }

  bool take_overrides() {
    for (const ConfigOverride& one : overrides_) {
      lines_[one.key] = {one.key, one.value, 0};
      origins_[one.key] = one.where;
    }
    return true;
  }

  bool apply_rows() {
    for (const ConfigRow& row : config_rows()) {
      if (*row.fallback != '\0') set_config_field(config_, row, row.fallback);
      const auto found = lines_.find(row.key);
      if (found == lines_.end()) continue;
      const std::string wrong = set_config_field(config_, row, found->second.value);
      if (!wrong.empty()) return fail(row.key, wrong);
    }
    return true;
  }

  // ---- Members -------------------------------------------------------------------------------
  bool read_members() {
    for (const auto& [key, property] : lines_) {
      const auto origin = origins_.find(key);
      const std::string& where = origin == origins_.end() ? config_.file : origin->second;
      if (!take_member(where, property)) return false;
    }
    config_.ensemble.members_in_file = config_.file != kNoFile && !members_overridden();
    if (!config_.ensemble.dynamic_file.empty()) {
      if (!members_.empty()) {
        return fail("dynamicConfigFile",
                    "server.N lines stand in this file too; keep them in one of the two places");
      }
      if (!read_dynamic_file()) return false;
    }
    return settle_groups();
  }

  bool members_overridden() const {
    return std::any_of(origins_.begin(), origins_.end(),
                       [](const auto& one) { return is_member_key(one.first); });
  }
  static bool is_member_key(std::string_view key) {
    return key.starts_with("server.") || key.starts_with("group.") || key.starts_with("weight.");
  }

  bool read_dynamic_file() {
    const std::string& path = config_.ensemble.dynamic_file;
    const auto text = read_(path);
    if (!text) return fail("dynamicConfigFile", path + " cannot be read");
    for (const Property& property : parse_properties(*text)) {
      if (!is_member_key(property.key)) {
        return fail_at(path, property.line, property.key,
                       "only server.N, group.N and weight.N lines may stand in the dynamic file");
      }
      if (!take_member(path, property)) return false;
    }
    const std::size_t dot = path.rfind('.');
    const auto version = whole_number(std::string_view(path).substr(dot + 1), 16);
    if (dot != std::string::npos && path.find(".dynamic.") != std::string::npos && version) {
      config_.ensemble.version = *version;
    }
    return true;
  }

  bool take_member(const std::string& file, const Property& property) {
    const std::string& key = property.key;
    if (key.starts_with("group.")) return take_group(file, property);
    if (key.starts_with("weight.")) return take_weight(file, property);
    if (!key.starts_with("server.")) return true;
    const auto id = whole_number(std::string_view(key).substr(7));
    if (!id || *id < 0 || *id > 255) {
      return fail_at(file, property.line, key, "expected server.N with N from 0 to 255");
    }
    auto member = consensus::parse_member(ServerId{*id}, property.value);
    if (!member) return fail_at(file, property.line, key, member.error().what);
    members_[*id] = std::move(*member);
    member_lines_[*id] = {file, property.line};
    return true;
  }

  bool take_group(const std::string& file, const Property& property) {
    const auto group = whole_number(std::string_view(property.key).substr(6));
    if (!group) return fail_at(file, property.line, property.key, "expected group.N, N a number");
    group_lines_[property.key] = {file, property.line};
    std::vector<ServerId>& ids = config_.ensemble.groups.groups[*group];
    std::istringstream list(property.value);
    for (std::string one; std::getline(list, one, ':');) {
      const auto id = whole_number(trim(one));
      if (!id) {
        return fail_at(file, property.line, property.key,
                       '"' + property.value + "\": expected server ids joined by ':'");
      }
      ids.push_back(ServerId{*id});
    }
    return true;
  }

  bool take_weight(const std::string& file, const Property& property) {
    const auto id = whole_number(std::string_view(property.key).substr(7));
    const auto weight = whole_number(property.value);
    if (!id || !weight || *weight < 0) {
      return fail_at(file, property.line, property.key,
                     "expected weight.N=W, W a whole number, 0 for a server that never counts");
    }
    group_lines_[property.key] = {file, property.line};
    config_.ensemble.groups.weights[ServerId{*id}] = *weight;
    return true;
  }

  /// The line at fault is the one whose key the message begins with.
  bool settle_groups() {
    const consensus::QuorumGroups& groups = config_.ensemble.groups;
    if (group_lines_.empty()) return true;
    for (const auto& [id, weight] : groups.weights) {
      const std::string key = "weight." + to_string(id);
      const auto& [file, line] = group_lines_[key];
      if (groups.groups.empty()) return fail_at(file, line, key, "needs group.N lines");
      if (members_.count(id.value) == 0) {
        return fail_at(file, line, key, "there is no server." + to_string(id) + " line");
      }
    }
    std::vector<consensus::Member> members;
    for (const auto& [id, member] : members_) members.push_back(member);
    std::string wrong = consensus::check_groups(members, groups);
    if (wrong.empty()) return true;
    const std::string key = wrong.substr(0, wrong.find(' '));
    const auto group = group_lines_.find(key);
    if (group != group_lines_.end()) {
      return fail_at(group->second.first, group->second.second, key, std::move(wrong));
    }
    for (const auto& [id, where] : member_lines_) {
      if (key == "server." + std::to_string(id)) return fail_at_member(id, std::move(wrong));
    }
    const auto& [first, where] = *group_lines_.begin();
    return fail_at(where.first, where.second, first, std::move(wrong));
  }

  bool fail_at_member(std::int64_t id, std::string what) {
    const auto& [file, line] = member_lines_[id];
    return fail_at(file, line, "server." + std::to_string(id), std::move(what));
  }

  /// A key that asks for protection which this version does not have must never pass in silence.
  bool check_protection() {
    for (const char* key : {"ssl.crl", "ssl.ocsp", "ssl.quorum.crl", "ssl.quorum.ocsp",
                            "ssl.clientHostnameVerification"}) {
      if (!given(key) || lines_[key].value == "false") continue;
      return fail(key, '"' + lines_[key].value +
                           "\": is not available in this version, and without it this server would "
                           "be less protected than the file says; only false is possible");
    }
    return true;
  }

  bool check_auth() {
    config_.auth.x509 =
        given("secureClientPort") || given("authProvider.x509") ||
        (given("client.portUnification") && lines_["client.portUnification"].value == "true");
    if (!take_providers() || !check_sasl() || !check_quorum_auth()) return false;
    if (const auto fault = settle_auth(config_.auth)) return fail(fault->key, fault->what);
    if (!config_.extended_types_enabled || config_.ensemble.self.value <= 254) return true;
    return fail("extendedTypesEnabled",
                "TTL nodes need a server id of at most 254; this server is 255 (myid)");
  }

  static bool is_super_user_key(std::string_view key) {
    return key == "superUser" || key.starts_with("superUser.");
  }

  bool take_providers() {
    for (const auto& [key, property] : lines_) {
      if (!key.starts_with("authProvider.")) continue;
      if (take_auth_provider(config_.auth, property.value)) continue;
      note('W', key + '=' + property.value +
                    ": without effect, this server loads no Java classes; it has "
                    "SASLAuthenticationProvider, X509AuthenticationProvider, "
                    "DigestAuthenticationProvider and IPAuthenticationProvider of "
                    "org.apache.zookeeper.server.auth");
    }
    return true;
  }

  bool check_sasl() {
    if (given("security.auth_to_local") && lines_["security.auth_to_local"].value != "DEFAULT") {
      return fail("security.auth_to_local",
                  "rules for names of Kerberos are not available in this "
                  "version, and lists would name others; only DEFAULT");
    }
    SaslConfig& sasl = config_.auth.sasl;
    for (const auto& [key, property] : lines_) {
      const bool names = is_super_user_key(key) && !property.value.empty();
      if (names) sasl.super_users.push_back(property.value);
    }
    if (sasl.jaas_file.empty()) return true;
    const auto file = read_jaas();
    if (!file) return false;
    if (const auto fault = read_jaas_users(sasl, *file, config_.notices)) return fail_with(*fault);
    // A file that is there for the servers need not have users.
    if (!sasl.has_login() && !config_.quorum_auth.enabled)
      note('W', no_users_text(sasl, file->path));
    if (sasl.has_login() && !sasl.provider) {
      note('W', std::string(kJaasKey) +
                    ": clients can log in by SASL, but ACLs cannot name them without a line "
                    "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider");
    }
    return true;
  }

  bool check_quorum_auth() {
    QuorumAuthConfig& auth = config_.quorum_auth;
    if (const auto fault = settle_quorum_auth(auth)) return fail(fault->key, fault->what);
    if (!auth.enabled || config_.ensemble.standalone) return true;
    if (config_.auth.sasl.jaas_file.empty()) {
      return fail("quorum.auth.enableSasl",
                  "\"true\": there is no " + std::string(kJaasKey) +
                      "; give the path of a JAAS file with the sections " + auth.learner_section +
                      " and " + auth.server_section);
    }
    const auto file = read_jaas();
    if (!file) return false;
    if (const auto fault = read_jaas_servers(auth, *file, config_.notices))
      return fail_with(*fault);
    return true;
  }

  /// Nothing, and the fault is said: it cannot be read.
  std::optional<JaasFile> read_jaas() {
    const std::string path = jaas_path(config_.auth.sasl.jaas_file);
    const auto text = read_(path);
    if (text) return JaasFile{path, *text};
    fail(kJaasKey, path + " cannot be read; give the path of a JAAS file");
    return std::nullopt;
  }

  bool fail_with(ConfigFault fault) {
    fault_ = std::move(fault);
    return false;
  }

  // ---- Rules between keys ----------------------------------------------------------------------
  bool check_storage() {
    StorageConfig& storage = config_.storage;
    if (storage.data_dir.empty()) {
      return fail("dataDir", "is missing; give the folder for the server's data");
    }
    if (storage.data_log_dir.empty()) storage.data_log_dir = storage.data_dir;
    for (const std::string& folder : {storage.data_dir, storage.data_log_dir}) {
      const std::string marker = folder + "/initialize";
      auto& markers = storage.initialize_markers;
      if (read_(marker) && std::find(markers.begin(), markers.end(), marker) == markers.end()) {
        markers.push_back(marker);
      }
    }
    return true;
  }

  bool decide_mode() {
    EnsembleConfig& ensemble = config_.ensemble;
    const auto voters = static_cast<std::size_t>(std::count_if(
        members_.begin(), members_.end(), [](const auto& one) { return !one.second.observer; }));
    if (members_.empty() && !ensemble.standalone_enabled) {
      return fail("standaloneEnabled", "is false but there is no server.N line; add them");
    }
    if (!members_.empty() && voters == 0) {
      return fail_at_member(members_.begin()->first, "all servers are observers; one must vote");
    }
    if (voters == 1 && ensemble.standalone_enabled && members_.size() > 1) {
      return fail_at_member(
          members_.rbegin()->first,
          "observers need an ensemble: set standaloneEnabled=false or add voters");
    }
    ensemble.standalone = members_.empty() || (voters == 1 && ensemble.standalone_enabled);
    if (!ensemble.standalone) return check_ensemble(voters);
    if (!config_.storage.force_sync) {
      note('W', "forceSync=no: acknowledged writes can be lost when the machine fails");
    }
    return true;
  }

  bool check_ensemble(std::size_t voters) {
    if (!config_.storage.force_sync) {
      return fail("forceSync", "no is possible on a standalone server only; remove the line");
    }
    for (const char* key : {"initLimit", "syncLimit"}) {
      if (!given(key))
        return fail(key, "is missing; server.N lines need it (usual: 10 and 5 ticks)");
    }
    if (voters == 2) {
      note('W', "two voters: the ensemble stops when either of them stops; three are the least");
    } else if (voters % 2 == 0) {
      note('W', std::to_string(voters) + " voters: an even number survives no more failures than " +
                    std::to_string(voters - 1));
    }
    if (config_.ensemble.handshake_timeout_ms < 0) {
      config_.ensemble.handshake_timeout_ms = config_.ensemble.sync_limit * config_.tick_time_ms;
    }
    for (const auto& [id, member] : members_) config_.ensemble.members.push_back(member);
    return true;
  }

  bool read_myid() {
    const std::string path = config_.storage.data_dir + "/myid";
    const auto text = read_(path);
    const std::string line = text ? trim(text->substr(0, text->find('\n'))) : std::string();
    const auto id = whole_number(line);
    if (id && *id >= 0 && *id <= 255) {
      config_.ensemble.self = ServerId{*id};
      return true;
    }
    if (config_.ensemble.standalone) return true;
    if (!text)
      return fail_at(path, 0, "", "is missing; write this server's number N of server.N into it");
    return fail_at(path, 1, "", '"' + line + "\": expected a whole number from 0 to 255");
  }

  bool check_self() {
    const EnsembleConfig& ensemble = config_.ensemble;
    if (ensemble.peer_type != "participant" && ensemble.peer_type != "observer") {
      return fail("peerType", '"' + ensemble.peer_type + "\": expected participant or observer");
    }
    if (ensemble.standalone) return true;
    const auto found = members_.find(ensemble.self.value);
    if (found == members_.end()) {
      return fail_at(config_.storage.data_dir + "/myid", 1, "",
                     to_string(ensemble.self) + " is none of the servers of " + config_.file +
                         "; expected one of " + member_ids());
    }
    if (ensemble.peer_type == "observer") note('W', "peerType=observer: the server.N line wins");
    return true;
  }

  bool check_links() {
    if (const auto fault = check_quorum_tls(config_)) return fail(fault->key, fault->what);
    for (std::string& text : quorum_tls_warnings(config_)) note('W', std::move(text));
    return true;
  }

  std::string member_ids() const {
    std::string text;
    for (const auto& [id, member] : members_) {
      text += (text.empty() ? "" : ", ") + std::to_string(id);
    }
    return text;
  }

  bool check_sessions() {
    ClientPortConfig& client = config_.client;
    if (client.min_session_timeout_ms < 0) client.min_session_timeout_ms = 2 * config_.tick_time_ms;
    if (client.max_session_timeout_ms < 0)
      client.max_session_timeout_ms = 20 * config_.tick_time_ms;
    if (client.min_session_timeout_ms <= client.max_session_timeout_ms) return true;
    return fail(given("minSessionTimeout") ? "minSessionTimeout" : "maxSessionTimeout",
                "minSessionTimeout " + std::to_string(client.min_session_timeout_ms) +
                    " ms must not be above maxSessionTimeout " +
                    std::to_string(client.max_session_timeout_ms) + " ms");
  }

  bool check_buffers() {
    LimitsConfig& limits = config_.limits;
    if (limits.extra_size < 0) limits.extra_size = std::max<std::int64_t>(limits.max_buffer, 1024);
    return true;
  }

  bool check_client_port() {
    ClientPortConfig& client = config_.client;
    if (!client.address.empty() && client.port == 0) {
      return fail("clientPortAddress", "needs clientPort");
    }
    const auto self =
        members_.size() == 1 ? members_.begin() : members_.find(config_.ensemble.self.value);
    if (self != members_.end() && !self->second.client_address.empty()) {
      const consensus::HostPort line = *consensus::parse_host_port(self->second.client_address);
      const bool agrees =
          client.port == 0 ||
          (client.port == line.port && (client.address.empty() || client.address == line.host));
      if (!agrees) {
        return fail(client.port == line.port ? "clientPortAddress" : "clientPort",
                    "the server." + std::to_string(self->first) + " line says " +
                        self->second.client_address + "; make them agree or remove one");
      }
      client.port = line.port;
      client.address = line.host;
    }
    if (client.port == 0 && client.secure_port == 0) {
      return fail("clientPort", "is missing; give the port for clients (usual: 2181)");
    }
    if (!client.secure_address.empty() && client.secure_port == 0) {
      return fail("secureClientPortAddress", "needs secureClientPort");
    }
    if (client.secure_port != 0 && client.secure_port == client.port &&
        client.secure_address == client.address) {
      return fail("secureClientPort",
                  "must differ from clientPort; client.portUnification=true serves TLS and plain "
                  "connections on one port");
    }
    return check_tls();
  }

  /// The files themselves are read when the port is opened.
  bool check_tls() {
    const ClientPortConfig& client = config_.client;
    const TlsConfig& tls = config_.tls;
    if (client.port_unification && client.port == 0) {
      return fail("client.portUnification", "needs clientPort");
    }
    if (tls.client_auth != "none" && tls.client_auth != "want" && tls.client_auth != "need") {
      return fail("ssl.clientAuth", '"' + tls.client_auth + "\": expected none, want or need");
    }
    if (tls.auth_provider != "x509") {
      return fail("ssl.authProvider", '"' + tls.auth_provider + "\": only x509 is possible");
    }
    if (client.secure_port == 0 && !client.port_unification) return true;
    if (!tls.key_store.location.empty()) return true;
    return fail("ssl.keyStore.location",
                std::string("is missing; ") +
                    (client.secure_port != 0 ? "secureClientPort" : "client.portUnification") +
                    " needs the file with the server's key and certificate");
  }

  bool check_metrics_provider() {
    const std::string& name = config_.metrics.provider;
    if (config_.metrics.prometheus() || name.ends_with(".DefaultMetricsProvider") ||
        name.ends_with(".NullMetricsProvider")) {
      return true;
    }
    return fail("metricsProvider.className",
                '"' + name +
                    "\": expected org.apache.zookeeper.metrics.impl.DefaultMetricsProvider or "
                    "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider");
  }

  // ---- What is said ----------------------------------------------------------------------------
  void read_whitelist() {
    std::istringstream words(config_.admin.whitelist_text);
    for (std::string word; std::getline(words, word, ',');) {
      word = trim(word);
      if (word == "*") config_.admin.all_words = true;
      if (!word.empty()) config_.admin.words.insert(word);
    }
  }

  void tell_ignored_keys() {
    std::string known, unknown;
    for (const auto& [key, property] : lines_) {
      if (is_member_key(key) || find_config_row(key) != nullptr) continue;
      if (is_super_user_key(key) || key.starts_with("authProvider.")) continue;
      std::string& list = known_to_zookeeper(key) ? known : unknown;
      list += (list.empty() ? "" : ",") + key;
    }
    if (!known.empty()) note('W', "without effect in this version: " + known);
    if (!unknown.empty()) note('W', "unknown keys, ignored: " + unknown);
  }

  const ReadFile& read_;
  const std::vector<ConfigOverride>& overrides_;
  Config config_;
  ConfigFault fault_;
  std::map<std::string, Property> lines_;
  std::map<std::string, std::string> origins_;  ///< Of keys that were set outside the file.
  std::map<std::int64_t, consensus::Member> members_;
  std::map<std::int64_t, std::pair<std::string, int>> member_lines_;
  std::map<std::string, std::pair<std::string, int>> group_lines_;  ///< Of weights too, by key.
};

}  // namespace

std::string ConfigFault::text() const {
  std::string out = file;
  if (line > 0) out += ':' + std::to_string(line);
  if (!key.empty()) out += ": " + key;
  return out + ": " + what;
}

ConfigResult load_config(const std::string& path, const ReadFile& read,
                         const std::vector<ConfigOverride>& overrides) {
  return Loader(path, read, overrides).load();
}

ConfigResult load_config(const std::string& path, const std::vector<ConfigOverride>& overrides) {
  return load_config(path, read_from_disk, overrides);
}

ConfigResult make_config(const std::vector<std::string>& operands,
                         const std::vector<ConfigOverride>& overrides) {
  static constexpr const char* kKeys[] = {"clientPort", "dataDir", "tickTime", "maxClientCnxns"};
  std::vector<ConfigOverride> all;
  for (std::size_t i = 0; i < operands.size() && i < std::size(kKeys); ++i) {
    all.push_back({kKeys[i], operands[i], "command line: " + operands[i]});
  }
  all.insert(all.end(), overrides.begin(), overrides.end());
  const ReadFile read = [](const std::string& path) -> std::optional<std::string> {
    if (path == kNoFile) return "";
    return read_from_disk(path);
  };
  return Loader(kNoFile, read, all).load();
}

}  // namespace quorate::server
