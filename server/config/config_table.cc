#include "server/config/config_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace quorate::server {
namespace {

constexpr std::int64_t kInt = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kHourMs = 3'600'000;

NumberField number(NumberField field) {
  return field;
}
FlagField flag(FlagField field) {
  return field;
}
TextField text(TextField field) {
  return field;
}

// clang-format off
const std::array kRows = {
    ConfigRow{"tickTime", number([](Config& c) -> std::int64_t& { return c.tick_time_ms; }), "3000", 1, kHourMs,
              "Length of one tick in ms; the unit of initLimit, syncLimit and session bounds."},
    ConfigRow{"dataDir", text([](Config& c) -> std::string& { return c.storage.data_dir; }), "", 0, 0,
              "Folder of myid and of the server's data. Required."},
    ConfigRow{"dataLogDir", text([](Config& c) -> std::string& { return c.storage.data_log_dir; }), "", 0, 0,
              "Folder of the log, when it is to be another one than dataDir."},
    ConfigRow{"datadir.autocreate", flag([](Config& c) -> bool& { return c.storage.create_folders; }), "true", 0, 0,
              "Whether dataDir and dataLogDir are made when they are missing, as where a disk is not mounted."},
    ConfigRow{"clientPort", number([](Config& c) -> std::int64_t& { return c.client.port; }), "", 0, 65535,
              "Port for clients."},
    ConfigRow{"clientPortAddress", text([](Config& c) -> std::string& { return c.client.address; }), "", 0, 0,
              "Address of the port for clients; all addresses when absent."},
    ConfigRow{"clientPortListenBacklog", number([](Config& c) -> std::int64_t& { return c.client.backlog; }), "-1", -1, kInt,
              "Connections the kernel holds before they are accepted; -1 is the system's choice."},
    ConfigRow{"maxClientCnxns", number([](Config& c) -> std::int64_t& { return c.client.max_per_address; }), "60", 0, kInt,
              "Connections from one address; 0 is no limit."},
    ConfigRow{"maxCnxns", number([](Config& c) -> std::int64_t& { return c.client.max_total; }), "0", 0, kInt,
              "Client connections in all; 0 is no limit."},
    ConfigRow{"minSessionTimeout", number([](Config& c) -> std::int64_t& { return c.client.min_session_timeout_ms; }), "-1", -1, kInt,
              "Shortest session timeout in ms; -1 is 2 ticks."},
    ConfigRow{"maxSessionTimeout", number([](Config& c) -> std::int64_t& { return c.client.max_session_timeout_ms; }), "-1", -1, kInt,
              "Longest session timeout in ms; -1 is 20 ticks."},
    ConfigRow{"nio.sessionlessCnxnTimeout", number([](Config& c) -> std::int64_t& { return c.client.sessionless_timeout_ms; }), "10000", 1, kInt,
              "How long, in ms, a connection may stay without a session."},
    ConfigRow{"secureClientPort", number([](Config& c) -> std::int64_t& { return c.client.secure_port; }), "", 0, 65535,
              "Port for clients that speak TLS."},
    ConfigRow{"secureClientPortAddress", text([](Config& c) -> std::string& { return c.client.secure_address; }), "", 0, 0,
              "Address of the port for TLS; all addresses when absent."},
    ConfigRow{"client.portUnification", flag([](Config& c) -> bool& { return c.client.port_unification; }), "false", 0, 0,
              "Whether clients may speak TLS on clientPort too."},
    ConfigRow{"client.certReload", flag([](Config& c) -> bool& { return c.tls.cert_reload; }), "false", 0, 0,
              "Whether changed key and trust stores are read again without a restart."},
    ConfigRow{"netThreads", number([](Config& c) -> std::int64_t& { return c.client.net_threads; }), "0", 0, 64,
              "Threads that serve the sockets of clients; 0 is the server's one event loop."},
    ConfigRow{"clientTcpKeepAlive", flag([](Config& c) -> bool& { return c.client.tcp_keep_alive; }), "false", 0, 0,
              "Whether the kernel probes silent connections of clients."},
    ConfigRow{"connection_throttle_tokens", number([](Config& c) -> std::int64_t& { return c.client.throttle_tokens; }), "0", 0, kInt,
              "Sessions that may be asked for at once; 0 is no limit."},
    ConfigRow{"connection_throttle_fill_time", number([](Config& c) -> std::int64_t& { return c.client.throttle_fill_ms; }), "1", 1, kInt,
              "Time in ms after which connection_throttle_fill_count more may be asked for."},
    ConfigRow{"connection_throttle_fill_count", number([](Config& c) -> std::int64_t& { return c.client.throttle_fill_count; }), "1", 1, kInt,
              "Sessions that may be asked for again after connection_throttle_fill_time."},
    ConfigRow{"ssl.keyStore.location", text([](Config& c) -> std::string& { return c.tls.key_store.location; }), "", 0, 0,
              "File with the server's key and certificates, PEM or PKCS12."},
    ConfigRow{"ssl.keyStore.password", text([](Config& c) -> std::string& { return c.tls.key_store.password; }), "", 0, 0,
              "Password of the key store."},
    ConfigRow{"ssl.keyStore.passwordPath", text([](Config& c) -> std::string& { return c.tls.key_store.password_path; }), "", 0, 0,
              "File with the password of the key store."},
    ConfigRow{"ssl.keyStore.type", text([](Config& c) -> std::string& { return c.tls.key_store.type; }), "", 0, 0,
              "PEM or PKCS12; from the file's name when absent."},
    ConfigRow{"ssl.trustStore.location", text([](Config& c) -> std::string& { return c.tls.trust_store.location; }), "", 0, 0,
              "File with the certificates that sign those of clients, PEM or PKCS12."},
    ConfigRow{"ssl.trustStore.password", text([](Config& c) -> std::string& { return c.tls.trust_store.password; }), "", 0, 0,
              "Password of the trust store."},
    ConfigRow{"ssl.trustStore.passwordPath", text([](Config& c) -> std::string& { return c.tls.trust_store.password_path; }), "", 0, 0,
              "File with the password of the trust store."},
    ConfigRow{"ssl.trustStore.type", text([](Config& c) -> std::string& { return c.tls.trust_store.type; }), "", 0, 0,
              "PEM or PKCS12; from the file's name when absent."},
    ConfigRow{"ssl.protocol", text([](Config& c) -> std::string& { return c.tls.protocol; }), "", 0, 0,
              "The one version of TLS to speak, when ssl.enabledProtocols is absent; TLSv1.2 and TLSv1.3 when both are."},
    ConfigRow{"ssl.enabledProtocols", text([](Config& c) -> std::string& { return c.tls.enabled_protocols; }), "", 0, 0,
              "Versions of TLS to speak, by commas."},
    ConfigRow{"ssl.ciphersuites", text([](Config& c) -> std::string& { return c.tls.cipher_suites; }), "", 0, 0,
              "Cipher suites by commas, by the names of Java or OpenSSL."},
    ConfigRow{"ssl.clientAuth", text([](Config& c) -> std::string& { return c.tls.client_auth; }), "need", 0, 0,
              "Whether clients must (need), may (want) or need not (none) show a certificate."},
    ConfigRow{"ssl.authProvider", text([](Config& c) -> std::string& { return c.tls.auth_provider; }), "x509", 0, 0,
              "Scheme of the identity that a client's certificate proves; only x509 exists."},
    ConfigRow{"ssl.clientHostnameVerification", flag([](Config& c) -> bool& { return c.tls.client_hostname_verification; }), "false", 0, 0,
              "Whether the name in a client's certificate is compared with its address; only false is possible."},
    ConfigRow{"ssl.crl", flag([](Config& c) -> bool& { return c.tls.crl; }), "false", 0, 0,
              "Whether revocation lists are fetched; only false is possible."},
    ConfigRow{"ssl.ocsp", flag([](Config& c) -> bool& { return c.tls.ocsp; }), "false", 0, 0,
              "Whether revocation is asked for by OCSP; only false is possible."},
    ConfigRow{"tcpKeepAlive", flag([](Config& c) -> bool& { return c.ensemble.tcp_keep_alive; }), "false", 0, 0,
              "Whether the kernel probes silent connections between election ports."},
    ConfigRow{"sslQuorum", flag([](Config& c) -> bool& { return c.ensemble.ssl_quorum; }), "false", 0, 0,
              "Whether servers speak TLS with each other, on quorum and election port."},
    ConfigRow{"portUnification", flag([](Config& c) -> bool& { return c.ensemble.port_unification; }), "false", 0, 0,
              "Whether quorum and election port take plain links and TLS, while an ensemble moves from one to the other."},
    ConfigRow{"sslQuorumReloadCertFiles", flag([](Config& c) -> bool& { return c.quorum_tls.cert_reload; }), "false", 0, 0,
              "Whether changed key and trust stores of ssl.quorum. are read again without a restart."},
    ConfigRow{"ssl.quorum.keyStore.location", text([](Config& c) -> std::string& { return c.quorum_tls.key_store.location; }), "", 0, 0,
              "File with this server's key and certificates for other servers, PEM or PKCS12."},
    ConfigRow{"ssl.quorum.keyStore.password", text([](Config& c) -> std::string& { return c.quorum_tls.key_store.password; }), "", 0, 0,
              "Password of that key store."},
    ConfigRow{"ssl.quorum.keyStore.passwordPath", text([](Config& c) -> std::string& { return c.quorum_tls.key_store.password_path; }), "", 0, 0,
              "File with the password of that key store."},
    ConfigRow{"ssl.quorum.keyStore.type", text([](Config& c) -> std::string& { return c.quorum_tls.key_store.type; }), "", 0, 0,
              "PEM or PKCS12; from the file's name when absent."},
    ConfigRow{"ssl.quorum.trustStore.location", text([](Config& c) -> std::string& { return c.quorum_tls.trust_store.location; }), "", 0, 0,
              "File with the certificates that sign those of the other servers, PEM or PKCS12."},
    ConfigRow{"ssl.quorum.trustStore.password", text([](Config& c) -> std::string& { return c.quorum_tls.trust_store.password; }), "", 0, 0,
              "Password of that trust store."},
    ConfigRow{"ssl.quorum.trustStore.passwordPath", text([](Config& c) -> std::string& { return c.quorum_tls.trust_store.password_path; }), "", 0, 0,
              "File with the password of that trust store."},
    ConfigRow{"ssl.quorum.trustStore.type", text([](Config& c) -> std::string& { return c.quorum_tls.trust_store.type; }), "", 0, 0,
              "PEM or PKCS12; from the file's name when absent."},
    ConfigRow{"ssl.quorum.protocol", text([](Config& c) -> std::string& { return c.quorum_tls.protocol; }), "", 0, 0,
              "The one version of TLS between servers, when ssl.quorum.enabledProtocols is absent; TLSv1.2 and TLSv1.3 when both are."},
    ConfigRow{"ssl.quorum.enabledProtocols", text([](Config& c) -> std::string& { return c.quorum_tls.enabled_protocols; }), "", 0, 0,
              "Versions of TLS between servers, by commas."},
    ConfigRow{"ssl.quorum.ciphersuites", text([](Config& c) -> std::string& { return c.quorum_tls.cipher_suites; }), "", 0, 0,
              "Cipher suites between servers by commas, by the names of Java or OpenSSL."},
    ConfigRow{"ssl.quorum.clientAuth", text([](Config& c) -> std::string& { return c.quorum_tls.client_auth; }), "need", 0, 0,
              "Whether a server that connects must (need), may (want) or need not (none) show a certificate."},
    ConfigRow{"ssl.quorum.hostnameVerification", flag([](Config& c) -> bool& { return c.quorum_tls.hostname_verification; }), "true", 0, 0,
              "Whether the certificate of another server must be for the host of a server.N line."},
    ConfigRow{"ssl.quorum.clientHostnameVerification", flag([](Config& c) -> bool& { return c.quorum_tls.client_hostname_verification; }), "true", 0, 0,
              "Whether that holds for servers that connect to this one, too."},
    ConfigRow{"ssl.quorum.handshakeDetectionTimeoutMillis", number([](Config& c) -> std::int64_t& { return c.quorum_tls.handshake_timeout_ms; }), "5000", 1, kHourMs,
              "How long, in ms, a handshake between servers may take."},
    ConfigRow{"ssl.quorum.crl", flag([](Config& c) -> bool& { return c.quorum_tls.crl; }), "false", 0, 0,
              "Whether revocation lists are fetched; only false is possible."},
    ConfigRow{"ssl.quorum.ocsp", flag([](Config& c) -> bool& { return c.quorum_tls.ocsp; }), "false", 0, 0,
              "Whether revocation is asked for by OCSP; only false is possible."},
    ConfigRow{"initLimit", number([](Config& c) -> std::int64_t& { return c.ensemble.init_limit; }), "", 1, kInt,
              "Ticks a follower may take to connect and sync. Required with server.N lines."},
    ConfigRow{"syncLimit", number([](Config& c) -> std::int64_t& { return c.ensemble.sync_limit; }), "", 1, kInt,
              "Ticks a follower may lag behind. Required with server.N lines."},
    ConfigRow{"electionAlg", number([](Config& c) -> std::int64_t& { return c.ensemble.election_alg; }), "3", 3, 3,
              "The election algorithm; only 3 exists."},
    ConfigRow{"peerType", text([](Config& c) -> std::string& { return c.ensemble.peer_type; }), "participant", 0, 0,
              "participant or observer; the server.N line wins."},
    ConfigRow{"standaloneEnabled", flag([](Config& c) -> bool& { return c.ensemble.standalone_enabled; }), "true", 0, 0,
              "Whether a single server.N line means a server without an ensemble."},
    ConfigRow{"dynamicConfigFile", text([](Config& c) -> std::string& { return c.ensemble.dynamic_file; }), "", 0, 0,
              "File with the server.N lines, when they do not stand here."},
    ConfigRow{"reconfigEnabled", flag([](Config& c) -> bool& { return c.ensemble.reconfig_enabled; }), "false", 0, 0,
              "Whether the members may be changed while the ensemble runs, and servers that are not named yet may follow."},
    ConfigRow{"quorumListenOnAllIPs", flag([](Config& c) -> bool& { return c.ensemble.listen_on_all_ips; }), "false", 0, 0,
              "Whether quorum and election port are open on all addresses."},
    ConfigRow{"cnxTimeout", number([](Config& c) -> std::int64_t& { return c.ensemble.connect_timeout_ms; }), "5000", 1, kHourMs,
              "How long, in ms, a connection to another server may take to open."},
    ConfigRow{"quorumCnxnTimeoutMs", number([](Config& c) -> std::int64_t& { return c.ensemble.handshake_timeout_ms; }), "-1", -1, kHourMs,
              "How long, in ms, another server may take to say who it is; -1 is syncLimit ticks."},
    ConfigRow{"electionPortBindRetry", number([](Config& c) -> std::int64_t& { return c.ensemble.election_port_bind_retry; }), "3", 0, kInt,
              "How often to try to open the quorum and election port, 1 s apart; 0 is for ever."},
    ConfigRow{"leaderServes", flag([](Config& c) -> bool& { return c.ensemble.leader_serves; }), "yes", 0, 0,
              "Whether the leader of an ensemble takes clients."},
    ConfigRow{"readonlymode.enabled", flag([](Config& c) -> bool& { return c.ensemble.read_only_mode; }), "false", 0, 0,
              "Whether a server without a leader answers reads of clients that ask for a read-only server."},
    ConfigRow{"localSessionsEnabled", flag([](Config& c) -> bool& { return c.ensemble.local_sessions; }), "false", 0, 0,
              "Whether a new session is known to its server alone; the same on all servers. A standalone server does not look at it."},
    ConfigRow{"localSessionsUpgradingEnabled", flag([](Config& c) -> bool& { return c.ensemble.upgrade_local_sessions; }), "false", 0, 0,
              "Whether a local session becomes one of the ensemble by its first ephemeral node; otherwise that is refused."},
    ConfigRow{"linearizableReads", flag([](Config& c) -> bool& { return c.ensemble.linearizable_reads; }), "false", 0, 0,
              "Whether reads of this server's clients wait until the leader has proved that it leads and all it had committed is applied here."},
    ConfigRow{"forceSync", flag([](Config& c) -> bool& { return c.storage.force_sync; }), "yes", 0, 0,
              "Whether writes reach the disk before they are acknowledged; only a standalone server may say no."},
    ConfigRow{"fsync.warningthresholdms", number([](Config& c) -> std::int64_t& { return c.storage.slow_sync_ms; }), "1000", 0, kHourMs,
              "How long, in ms, the log may take to reach the disk before a warning and a count in mntr."},
    ConfigRow{"preAllocSize", number([](Config& c) -> std::int64_t& { return c.storage.segment_kib; }), "65536", 1, 4 << 20,
              "Largest size of a log segment in KiB."},
    ConfigRow{"snapCount", number([](Config& c) -> std::int64_t& { return c.storage.snap_count; }), "100000", 2, kInt,
              "Log records after which the checkpoint is renewed."},
    ConfigRow{"autopurge.snapRetainCount", number([](Config& c) -> std::int64_t& { return c.storage.snap_retain_count; }), "3", 1, kInt,
              "1: only the checkpoint is kept. Above: also an older copy of it, with the log since."},
    ConfigRow{"autopurge.purgeInterval", number([](Config& c) -> std::int64_t& { return c.storage.purge_interval_h; }), "0", 0, 24 * 365,
              "Hours after which that copy is renewed; 0 is every day. It is renewed after 1 GiB of log, too."},
    ConfigRow{"checkpoint.scrubInterval", number([](Config& c) -> std::int64_t& { return c.storage.scrub_interval_h; }), "24", 0, 24 * 365,
              "Hours after which the checkpoint on disk is read again, to find damage while the tree is in memory; 0 is never."},
    ConfigRow{"commitLogCount", number([](Config& c) -> std::int64_t& { return c.storage.commit_log_count; }), "500", 1, 10'000'000,
              "Recent log records kept in memory for followers that come back."},
    ConfigRow{"jute.maxbuffer", number([](Config& c) -> std::int64_t& { return c.limits.max_buffer; }), "1048575", 1024, 1 << 30,
              "Longest packet of a client in bytes."},
    ConfigRow{"jute.maxbuffer.extrasize", number([](Config& c) -> std::int64_t& { return c.limits.extra_size; }), "-1", -1, 1 << 30,
              "What a field between servers may be longer than jute.maxbuffer; -1 is as long again, 1024 the least."},
    ConfigRow{"largeRequestThreshold", number([](Config& c) -> std::int64_t& { return c.limits.large_request_threshold; }), "-1", -1, kInt,
              "Bytes above which a request counts for largeRequestMaxBytes; -1 is never."},
    ConfigRow{"largeRequestMaxBytes", number([](Config& c) -> std::int64_t& { return c.limits.large_request_max_bytes; }), "104857600", 1, 1LL << 40,
              "Bytes of large requests in work above which the client that sends another is closed."},
    ConfigRow{"globalOutstandingLimit", number([](Config& c) -> std::int64_t& { return c.limits.global_outstanding; }), "1000", 1, kInt,
              "Requests in work above which busy connections are not read."},
    ConfigRow{"client.outBytesMax", number([](Config& c) -> std::int64_t& { return c.limits.client_out_bytes_max; }), "67108864", 1 << 20, 1LL << 40,
              "Bytes of answers that one client may leave unread before it is closed."},
    ConfigRow{"quorum.outBytesMax", number([](Config& c) -> std::int64_t& { return c.limits.link_out_bytes_max; }), "67108864", 1 << 20, 1LL << 40,
              "Bytes that one server may leave unread before its link is closed."},
    ConfigRow{"4lw.commands.whitelist", text([](Config& c) -> std::string& { return c.admin.whitelist_text; }), "ruok,srvr,isro,mntr,conf,envi,dirs", 0, 0,
              "Four-letter words that are answered, by commas; * is all."},
    ConfigRow{"admin.enableServer", flag([](Config& c) -> bool& { return c.admin.enable_server; }), "true", 0, 0,
              "Whether commands, metrics and health are answered over HTTP."},
    ConfigRow{"admin.serverAddress", text([](Config& c) -> std::string& { return c.admin.address; }), "127.0.0.1", 0, 0,
              "Address of the HTTP port."},
    ConfigRow{"admin.serverPort", number([](Config& c) -> std::int64_t& { return c.admin.port; }), "8080", 0, 65535,
              "The HTTP port; 0 is any free one."},
    ConfigRow{"admin.commandURL", text([](Config& c) -> std::string& { return c.admin.command_url; }), "/commands", 0, 0,
              "Path below which the commands are."},
    ConfigRow{"admin.idleTimeout", number([](Config& c) -> std::int64_t& { return c.admin.idle_timeout_ms; }), "30000", 1, kHourMs,
              "How long, in ms, an HTTP connection may be silent."},
    ConfigRow{"admin.snapshot.enabled", flag([](Config& c) -> bool& { return c.admin.snapshot_enabled; }), "true", 0, 0,
              "Whether the command snapshot is answered."},
    ConfigRow{"admin.restore.enabled", flag([](Config& c) -> bool& { return c.admin.restore_enabled; }), "true", 0, 0,
              "Whether the command restore is answered."},
    ConfigRow{"admin.rateLimiterIntervalInMS", number([](Config& c) -> std::int64_t& { return c.admin.rate_limit_ms; }), "300000", 0, kInt,
              "Shortest time between two snapshots asked for over HTTP, in microseconds, and between two restores, in milliseconds: so ZooKeeper 3.9 counts it."},
    ConfigRow{"metricsProvider.className", text([](Config& c) -> std::string& { return c.metrics.provider; }), "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider", 0, 0,
              "DefaultMetricsProvider, or PrometheusMetricsProvider for a port of /metrics of its own."},
    ConfigRow{"metricsProvider.httpHost", text([](Config& c) -> std::string& { return c.metrics.address; }), "0.0.0.0", 0, 0,
              "Address of the port for /metrics."},
    ConfigRow{"metricsProvider.httpPort", number([](Config& c) -> std::int64_t& { return c.metrics.port; }), "7000", 0, 65535,
              "Port for /metrics, with the Prometheus provider."},
    ConfigRow{"skipACL", flag([](Config& c) -> bool& { return c.skip_acl; }), "no", 0, 0,
              "Whether ACLs are not checked at all."},
    ConfigRow{"audit.enable", flag([](Config& c) -> bool& { return c.audit; }), "false", 0, 0,
              "Whether who changed what is written to the log, under the word audit."},
    ConfigRow{"DigestAuthenticationProvider.enabled", flag([](Config& c) -> bool& { return c.auth.digest_enabled; }), "true", 0, 0,
              "Whether clients may log in by user and password."},
    ConfigRow{"DigestAuthenticationProvider.digestAlg", text([](Config& c) -> std::string& { return c.auth.digest_algorithm; }), "SHA1", 0, 0,
              "Hash of passwords in ACLs; changing it locks out the owners of lists that exist."},
    ConfigRow{"DigestAuthenticationProvider.superDigest", text([](Config& c) -> std::string& { return c.auth.super_digest; }), "", 0, 0,
              "super:<hash>: who logs in with that user and password passes every ACL."},
    ConfigRow{"X509AuthenticationProvider.superUser", text([](Config& c) -> std::string& { return c.auth.x509_super_user; }), "", 0, 0,
              "Subject of the certificate whose owner passes every ACL."},
    ConfigRow{"enforce.auth.enabled", flag([](Config& c) -> bool& { return c.auth.enforce; }), "false", 0, 0,
              "Whether every operation needs an identity of one of enforce.auth.schemes."},
    ConfigRow{"enforce.auth.schemes", text([](Config& c) -> std::string& { return c.auth.enforced_text; }), "", 0, 0,
              "Schemes by commas: digest, ip, x509, sasl."},
    ConfigRow{"sessionRequireClientSASLAuth", flag([](Config& c) -> bool& { return c.auth.require_sasl; }), "false", 0, 0,
              "Whether every operation needs a SASL login; the same as enforce.auth with sasl alone."},
    ConfigRow{"java.security.auth.login.config", text([](Config& c) -> std::string& { return c.auth.sasl.jaas_file; }), "", 0, 0,
              "JAAS file with the names and passwords of clients that log in by SASL."},
    ConfigRow{"sasl.serverconfig", text([](Config& c) -> std::string& { return c.auth.sasl.section; }), "Server", 0, 0,
              "Section of the JAAS file."},
    ConfigRow{"quorum.auth.enableSasl", flag([](Config& c) -> bool& { return c.quorum_auth.enabled; }), "false", 0, 0,
              "Whether other servers may log in to this one by SASL."},
    ConfigRow{"quorum.auth.learnerRequireSasl", flag([](Config& c) -> bool& { return c.quorum_auth.learner_requires; }), "false", 0, 0,
              "Whether this server logs in to others by SASL."},
    ConfigRow{"quorum.auth.serverRequireSasl", flag([](Config& c) -> bool& { return c.quorum_auth.server_requires; }), "false", 0, 0,
              "Whether other servers must log in to this one by SASL."},
    ConfigRow{"quorum.auth.learner.saslLoginContext", text([](Config& c) -> std::string& { return c.quorum_auth.learner_section; }), "QuorumLearner", 0, 0,
              "Section of the JAAS file with the name and the password of this server."},
    ConfigRow{"quorum.auth.server.saslLoginContext", text([](Config& c) -> std::string& { return c.quorum_auth.server_section; }), "QuorumServer", 0, 0,
              "Section of the JAAS file with the names and passwords of other servers."},
    ConfigRow{"kerberos.removeHostFromPrincipal", flag([](Config& c) -> bool& { return c.auth.sasl.remove_host; }), "false", 0, 0,
              "Whether who logs in by Kerberos as NAME/HOST@REALM is NAME@REALM in lists."},
    ConfigRow{"kerberos.removeRealmFromPrincipal", flag([](Config& c) -> bool& { return c.auth.sasl.remove_realm; }), "false", 0, 0,
              "Whether the realm of this server is left out of the names of those who log in by Kerberos."},
    ConfigRow{"superUser", text([](Config& c) -> std::string& { return c.auth.sasl.super_user; }), "", 0, 0,
              "Who logs in by SASL under this name passes every ACL; superUser.N is a further one."},
    ConfigRow{"SASLAuthenticationProvider.superPassword", text([](Config& c) -> std::string& { return c.auth.sasl.super_password; }), "", 0, 0,
              "Password of the JAAS file's user super, in the place of the one there."},
    ConfigRow{"allowSaslFailedClients", flag([](Config& c) -> bool& { return c.auth.sasl.failed_stay; }), "false", 0, 0,
              "Whether who fails to log in by SASL goes on without, where SASL is not enforced."},
    ConfigRow{"enforceQuota", flag([](Config& c) -> bool& { return c.enforce_quota; }), "false", 0, 0,
              "Whether hard limits of quotas refuse writes."},
    ConfigRow{"znode.container.checkIntervalMs", number([](Config& c) -> std::int64_t& { return c.containers.check_interval_ms; }), "60000", 1, kInt,
              "How often the leader looks for containers and TTL nodes to delete, in ms."},
    ConfigRow{"znode.container.maxPerMinute", number([](Config& c) -> std::int64_t& { return c.containers.max_per_minute; }), "10000", 1, kInt,
              "How many containers and TTL nodes the leader deletes in a minute."},
    ConfigRow{"znode.container.maxNeverUsedIntervalMs", number([](Config& c) -> std::int64_t& { return c.containers.max_never_used_ms; }), "0", 0, kInt,
              "Age in ms at which a container that never had a child is deleted; 0 is never."},
    ConfigRow{"extendedTypesEnabled", flag([](Config& c) -> bool& { return c.extended_types_enabled; }), "false", 0, 0,
              "Whether TTL nodes may be created."},
};
// clang-format on

// Keys of ZooKeeper's administrator guide without effect in this version; a trailing dot is a
// prefix.
constexpr std::string_view kWithoutEffect[] = {
    "snapSizeLimitInKb",
    "txnLogSizeLimitInKb",
    "snapshot.",
    "db.autocreate",
    "syncEnabled",
    "emulate353TTLNodes",
    "digest.enabled",
    "serializeLastProcessedZxid.enabled",
    "closeSessionTxn.enabled",
    "flushDelay",
    "maxWriteQueuePollTime",
    "maxBatchSize",
    "maxResponseCacheSize",
    "maxGetChildrenResponseCacheSize",
    "intBufferStartingSizeBytes",
    "nio.",
    "connectToLearnerMasterLimit",
    "fastleader.",
    "leader.",
    "learner.",
    "snapshotSizeFactor",
    "forceSnapshotSync",
    "forward_learner_requests_to_commit_processor_disabled",
    "observer.",
    "observerMasterPort",
    "observerMaster.",
    "multiAddress.",
    "enforceQuota",
    "request_",
    "requestThrottleLimit",
    "throttled_op_wait_time",
    "connection_throttle_",
    "serverCnxnFactory",
    "netty.",
    "watchManagerName",
    "watcherClean",
    "bitHashCacheSize",
    "maxInProcessingDeadWatchers",
    "commitProcessor.",
    "messageTracker.",
    "pathStats.",
    "jvm.pause.",
    "ssl.",
    "fips-mode",
    "authProvider.",
    "IPAuthenticationProvider.",
    "zookeeper.superUser",
    "ensembleAuthName",
    "kerberos.canonicalizeHostNames",
    "letAnySaslUserDoX",
    "enableEagerACLCheck",
    "quorum.auth.kerberos.servicePrincipal",
    "quorum.cnxn.threads.size",
    "audit.",
    "admin.",
    "metricsProvider."};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string set_number(std::int64_t& field, const ConfigRow& row, const std::string& value) {
  std::int64_t parsed = 0;
  const char* end = value.data() + value.size();
  const auto [stop, fault] = std::from_chars(value.data(), end, parsed);
  if (fault == std::errc() && stop == end && parsed >= row.low && parsed <= row.high) {
    field = parsed;
    return {};
  }
  const std::string wanted = row.low == row.high
                                 ? "only " + std::to_string(row.low) + " is possible"
                                 : "expected a whole number from " + std::to_string(row.low) +
                                       " to " + std::to_string(row.high);
  return '"' + value + "\": " + wanted;
}

std::string set_flag(bool& field, const std::string& value) {
  const std::string word = lower(value);
  if (word != "true" && word != "false" && word != "yes" && word != "no") {
    return '"' + value + "\": expected true or false";
  }
  field = word == "true" || word == "yes";
  return {};
}

}  // namespace

std::span<const ConfigRow> config_rows() {
  return kRows;
}

const ConfigRow* find_config_row(std::string_view key) {
  const auto found = std::find_if(kRows.begin(), kRows.end(),
                                  [&](const ConfigRow& row) { return row.key == key; });
  return found == kRows.end() ? nullptr : &*found;
}

bool known_to_zookeeper(std::string_view key) {
  return std::any_of(std::begin(kWithoutEffect), std::end(kWithoutEffect),
                     [&](std::string_view one) {
                       const bool prefix = one.back() == '.' || one.back() == '_';
                       return prefix ? key.starts_with(one) : key == one;
                     });
}

std::string set_config_field(Config& config, const ConfigRow& row, const std::string& value) {
  if (const auto* number_field = std::get_if<NumberField>(&row.field)) {
    return set_number((*number_field)(config), row, value);
  }
  if (const auto* flag_field = std::get_if<FlagField>(&row.field)) {
    return set_flag((*flag_field)(config), value);
  }
  std::get<TextField>(row.field)(config) = value;
  return {};
}

}  // namespace quorate::server
