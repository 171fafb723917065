// What a server is told at start: plain structs, one per part, with units in the names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "consensus/ensemble.h"

namespace quorate::server {

/// Why the configuration cannot be used, in words an operator can act on.
struct ConfigFault {
  std::string file;
  int line = 0;      ///< 0: about the file as a whole.
  std::string key;   ///< Empty: about the file as a whole.
  std::string what;  ///< What is wrong and what would be right.

  /// "zoo.cfg:7: tickTime: ..."
  std::string text() const;
};

struct ClientPortConfig {
  std::int64_t port = 0;              ///< 0: not set.
  std::string address;                ///< Empty: all addresses.
  std::int64_t backlog = -1;          ///< -1: the system's.
  std::int64_t max_per_address = 60;  ///< maxClientCnxns; 0: no limit.
  std::int64_t max_total = 0;         ///< maxCnxns; 0: no limit.
  std::int64_t min_session_timeout_ms = -1;
  std::int64_t max_session_timeout_ms = -1;
  std::int64_t sessionless_timeout_ms = 10000;
  std::int64_t secure_port = 0;   ///< Of clients that speak TLS; 0: not set.
  std::string secure_address;     ///< Empty: all addresses.
  bool port_unification = false;  ///< TLS on the plain port too.
  bool tcp_keep_alive = false;
  std::int64_t net_threads = 0;  ///< 0: sockets are served by the one event loop.
  /// connection_throttle_...: new sessions; 0 tokens is no limit.
  std::int64_t throttle_tokens = 0;
  std::int64_t throttle_fill_ms = 1;
  std::int64_t throttle_fill_count = 1;
};

struct TlsStoreConfig {
  std::string location;
  std::string password;
  std::string password_path;  ///< File with the password; wins.
  std::string type;           ///< Empty: from the file's name.
};

/// TLS of clients: the keys ssl.*; or between servers: ssl.quorum.*.
struct TlsConfig {
  TlsStoreConfig key_store;
  TlsStoreConfig trust_store;
  std::string protocol;           ///< Empty: TLSv1.2 and TLSv1.3.
  std::string enabled_protocols;  ///< Empty: that of `protocol`.
  std::string cipher_suites;      ///< Empty: the library's choice.
  std::string client_auth = "need";
  std::string auth_provider = "x509";
  bool cert_reload = false;
  bool hostname_verification = true;  ///< Between servers only.
  bool client_hostname_verification = false;
  std::int64_t handshake_timeout_ms = 5000;  ///< Between servers only.
  bool crl = false;
  bool ocsp = false;
};

struct EnsembleConfig {
  bool standalone = true;
  bool standalone_enabled = true;
  std::string peer_type = "participant";
  std::string dynamic_file;
  ServerId self{1};
  std::vector<consensus::Member> members;  ///< Empty when standalone.
  consensus::QuorumGroups groups;
  bool members_in_file = true;  ///< Not on the command line or in the environment.
  bool reconfig_enabled = false;
  std::int64_t version = 0;     ///< Of the members; from the name of the dynamic file.
  std::int64_t init_limit = 0;  ///< Ticks; required with members.
  std::int64_t sync_limit = 0;
  std::int64_t election_alg = 3;
  bool listen_on_all_ips = false;
  std::int64_t connect_timeout_ms = 5000;     ///< cnxTimeout.
  std::int64_t handshake_timeout_ms = -1;     ///< quorumCnxnTimeoutMs; -1: syncLimit * tickTime.
  std::int64_t election_port_bind_retry = 3;  ///< 0: for ever.
  bool tcp_keep_alive = false;                ///< Of the streams of elections.
  bool ssl_quorum = false;                    ///< Links that this server opens speak TLS.
  bool port_unification = false;              ///< Both server ports take plain and TLS links.
  bool leader_serves = true;                  ///< Whether the leader takes clients.
  bool read_only_mode = false;                ///< readonlymode.enabled.
  bool linearizable_reads = false;
  bool local_sessions = false;          ///< localSessionsEnabled.
  bool upgrade_local_sessions = false;  ///< localSessionsUpgradingEnabled.

  bool uses_tls() const { return !standalone && (ssl_quorum || port_unification); }
};

struct StorageConfig {
  std::string data_dir;
  std::string data_log_dir;
  bool create_folders = true;  ///< datadir.autocreate.
  bool force_sync = true;
  std::int64_t slow_sync_ms = 1000;  ///< fsync.warningthresholdms.
  std::int64_t segment_kib = 65536;  ///< preAllocSize.
  std::int64_t snap_count = 100000;
  std::int64_t snap_retain_count = 3;
  std::int64_t purge_interval_h = 0;
  std::int64_t scrub_interval_h = 24;
  std::int64_t commit_log_count = 500;
  /// The marker files `initialize` that were found: the one who has loaded the data removes them.
  std::vector<std::string> initialize_markers;
};

struct LimitsConfig {
  std::int64_t max_buffer = 0xfffff;  ///< jute.maxbuffer, bytes.
  std::int64_t extra_size = -1;       ///< jute.maxbuffer.extrasize; -1: that of max_buffer.
  std::int64_t global_outstanding = 1000;
  std::int64_t large_request_threshold = -1;         ///< Bytes; -1: no request is large.
  std::int64_t large_request_max_bytes = 100 << 20;  ///< Of all large requests in work.
  std::int64_t client_out_bytes_max = 64 << 20;      ///< Answers one client does not fetch.
  std::int64_t link_out_bytes_max = 64 << 20;        ///< Packets one peer does not fetch.
};

struct AdminConfig {
  std::string whitelist_text = "ruok,srvr,isro,mntr,conf,envi,dirs";
  bool all_words = false;       ///< `*`
  std::set<std::string> words;  ///< Four-letter words that are answered.
  bool enable_server = true;    ///< HTTP.
  std::string address = "127.0.0.1";
  std::int64_t port = 8080;
  std::string command_url = "/commands";
  std::int64_t idle_timeout_ms = 30000;
  bool snapshot_enabled = true, restore_enabled = true;
  std::int64_t rate_limit_ms = 300'000;
};

/// metricsProvider.*: another port for /metrics, where the provider is Prometheus'.
struct MetricsConfig {
  std::string provider = "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider";
  std::string address = "0.0.0.0";
  std::int64_t port = 7000;

  bool prometheus() const { return provider.ends_with(".PrometheusMetricsProvider"); }
};

/// Passwords by name.
using SaslPasswords = std::map<std::string, std::string, std::less<>>;

/// Logins of clients by Kerberos.
struct KerberosConfig {
  std::string keytab, principal;  ///< Of the JAAS file's Krb5LoginModule.
};

/// Logins of clients by SASL.
struct SaslConfig {
  std::string jaas_file;  ///< java.security.auth.login.config
  std::string section;    ///< Of that file; sasl.serverconfig.
  /// From that section. Nothing: there is no login.
  std::optional<SaslPasswords> users;
  std::optional<KerberosConfig> kerberos;  ///< In their place.
  bool remove_host = false;                ///< kerberos.removeHostFromPrincipal
  bool remove_realm = false;               ///< kerberos.removeRealmFromPrincipal
  bool provider = false;                 ///< SASLAuthenticationProvider: ACLs may name the scheme.
  bool failed_stay = false;              ///< allowSaslFailedClients
  std::string super_password;            ///< Of the user super, in the place of the file's.
  std::string super_user;                ///< superUser
  std::vector<std::string> super_users;  ///< That, and superUser.N.

  bool has_login() const { return users || kerberos; }
};

/// How servers log in to one another by SASL (quorum.auth.*).
struct QuorumAuthConfig {
  bool enabled = false;           ///< enableSasl: others may log in here.
  bool learner_requires = false;  ///< learnerRequireSasl: this server logs in to others.
  bool server_requires = false;   ///< serverRequireSasl: others must log in here.
  std::string learner_section, server_section;  ///< Of the JAAS file.
  std::string user, password;                   ///< From the first.
  SaslPasswords users;                          ///< From the second.
};

/// Who a client may prove to be, and what that is good for.
struct AuthConfig {
  bool digest_enabled = true;
  std::string digest_algorithm = "SHA1";
  std::string super_digest;
  std::string x509_super_user;
  bool x509 = false;  ///< Certificates can be shown: there is a port with TLS.
  bool enforce = false;
  std::string enforced_text;
  bool require_sasl = false;
  SaslConfig sasl;
  std::vector<std::string> enforced;  ///< Schemes, one of which everybody needs.
};

/// Nodes that the leader deletes by itself.
struct ContainerConfig {
  std::int64_t check_interval_ms = 60000;
  std::int64_t max_per_minute = 10000;
  std::int64_t max_never_used_ms = 0;
};

/// Something to say at start that is no error.
struct ConfigNotice {
  char severity = 'W';  ///< 'W' or 'I'.
  std::string text;
};

struct Config {
  std::string file;
  std::int64_t tick_time_ms = 3000;
  ClientPortConfig client;
  EnsembleConfig ensemble;
  StorageConfig storage;
  TlsConfig tls;
  TlsConfig quorum_tls;
  LimitsConfig limits;
  AdminConfig admin;
  MetricsConfig metrics;
  AuthConfig auth;
  QuorumAuthConfig quorum_auth;
  ContainerConfig containers;
  bool skip_acl = false;
  bool audit = false;
  bool enforce_quota = false;
  bool extended_types_enabled = false;
  std::vector<ConfigNotice> notices;
};

}  // namespace quorate::server
