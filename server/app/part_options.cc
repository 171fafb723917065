#include "server/app/part_options.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "server/app/event_log.h"
#include "server/storage/real/tree_loading.h"

namespace quorate::server {
namespace {

consensus::Ensemble ensemble_of(const Config& config) {
  return consensus::Ensemble(config.ensemble.members, config.ensemble.version,
                             config.ensemble.groups);
}

/// ZooKeeper divides the limit among the followers, so that all of them together keep it.
std::size_t outstanding_limit(const Config& config) {
  const auto limit = static_cast<std::size_t>(config.limits.global_outstanding);
  const std::size_t voters = ensemble_of(config).voter_count();
  return voters > 2 ? std::max<std::size_t>(1, limit / (voters - 1)) : limit;
}

}  // namespace

ReplicaOptions replica_options(const Config& config) {
  ReplicaOptions options;
  consensus::PeerOptions& peer = options.peer;
  peer.self = config.ensemble.self;
  peer.ensemble = ensemble_of(config);
  peer.standalone = config.ensemble.standalone;
  peer.observer = config.ensemble.peer_type == "observer";
  peer.reconfig_enabled = config.ensemble.reconfig_enabled;
  options.reconfig_voters_min = config.ensemble.standalone_enabled ? 2 : 1;
  peer.tick_time_ms = config.tick_time_ms;
  if (!peer.standalone) {
    peer.init_limit = static_cast<std::int32_t>(config.ensemble.init_limit);
    peer.sync_limit = static_cast<std::int32_t>(config.ensemble.sync_limit);
  }
  peer.window_records = static_cast<std::size_t>(config.storage.commit_log_count);
  peer.max_field = static_cast<std::size_t>(config.limits.max_buffer + config.limits.extra_size);
  options.ops.extended_types_enabled = config.extended_types_enabled;
  options.ops.skip_acl = config.skip_acl;
  options.ops.enforce_quota = config.enforce_quota;
  const AuthConfig& auth = config.auth;
  options.ops.acl_schemes = {auth.digest_enabled, auth.x509, auth.sasl.provider};
  options.auth = {auth.digest_enabled,  auth.digest_algorithm, auth.super_digest,
                  auth.x509_super_user, auth.enforced,         auth.sasl.super_users};
  options.sasl_failed_stay = auth.sasl.failed_stay;
  options.reaper.check_interval_ms = config.containers.check_interval_ms;
  options.reaper.max_per_minute = config.containers.max_per_minute;
  options.reaper.rules = {config.containers.max_never_used_ms, config.extended_types_enabled};
  options.ops.max_buffer = static_cast<std::int32_t>(config.limits.max_buffer);
  options.min_session_timeout_ms = static_cast<std::int32_t>(config.client.min_session_timeout_ms);
  options.max_session_timeout_ms = static_cast<std::int32_t>(config.client.max_session_timeout_ms);
  options.outstanding_max = outstanding_limit(config);
  // A client with any number of requests on their way takes a quarter of the pipeline at most.
  options.per_connection_max = std::clamp<std::size_t>(options.outstanding_max / 4, 16, 1000);
  if (config.limits.large_request_threshold >= 0) {
    options.large_request_threshold =
        static_cast<std::size_t>(config.limits.large_request_threshold);
  }
  options.large_request_max_bytes = static_cast<std::size_t>(config.limits.large_request_max_bytes);
  options.reply_bytes_max = static_cast<std::size_t>(config.limits.client_out_bytes_max);
  options.snap_count = config.storage.snap_count;
  options.leader_serves = config.ensemble.leader_serves;
  options.read_only_mode = config.ensemble.read_only_mode;
  options.linearizable_reads = config.ensemble.linearizable_reads;
  options.local_sessions = config.ensemble.local_sessions;
  options.upgrade_local_sessions = config.ensemble.upgrade_local_sessions;
  options.sessionless_timeout_ms = config.client.sessionless_timeout_ms;
  if (config.audit) options.audit_user = user_of_this_process();
  return options;
}

StorageOptions storage_options(const Config& config) {
  StorageOptions options;
  options.data_dir = config.storage.data_dir;
  options.data_log_dir = config.storage.data_log_dir;
  options.segment_bytes = static_cast<std::uint64_t>(config.storage.segment_kib) * 1024;
  options.force_sync = config.storage.force_sync;
  options.initialize = !config.storage.initialize_markers.empty();
  options.standalone = config.ensemble.standalone;
  options.window_records = static_cast<std::size_t>(config.storage.commit_log_count);
  options.load_tree = [](TreeStore& store, znode::CheckpointLoader& loader) {
    return load_tree(store, loader, std::max(1U, std::thread::hardware_concurrency()));
  };
  return options;
}

DiskThreadOptions disk_thread_options(const Config& config) {
  DiskThreadOptions options;
  options.slow_sync = std::chrono::milliseconds(config.storage.slow_sync_ms);
  options.hold_groups = true;
  const StorageConfig& storage = config.storage;
  options.checkpoint.scrub_interval = std::chrono::hours(storage.scrub_interval_h);
  if (storage.snap_retain_count > 1) {
    options.checkpoint.archive_interval =
        std::chrono::hours(storage.purge_interval_h > 0 ? storage.purge_interval_h : 24);
  }
  return options;
}

PeerLinkOptions peer_link_options(const Config& config) {
  PeerLinkOptions options;
  options.self = config.ensemble.self;
  options.ensemble = ensemble_of(config);
  const consensus::Member* self = options.ensemble.find(config.ensemble.self);
  if (self != nullptr) {
    options.listen_address = config.ensemble.listen_on_all_ips ? "" : self->host;
    options.listen_port = self->quorum_port;
  }
  options.connect_timeout_ms = config.ensemble.connect_timeout_ms;
  options.out_bytes_max = static_cast<std::size_t>(config.limits.link_out_bytes_max);
  options.silent_timeout_ms = config.ensemble.handshake_timeout_ms;
  return options;
}

ElectionLinkOptions election_link_options(const Config& config) {
  ElectionLinkOptions options;
  options.self = config.ensemble.self;
  options.ensemble = ensemble_of(config);
  options.strangers = config.ensemble.reconfig_enabled;
  const consensus::Member* self = options.ensemble.find(config.ensemble.self);
  if (self != nullptr) {
    options.listen_address = config.ensemble.listen_on_all_ips ? "" : self->host;
    options.listen_port = self->election_port;
  }
  options.connect_timeout_ms = config.ensemble.connect_timeout_ms;
  options.handshake_timeout_ms = config.ensemble.handshake_timeout_ms;
  options.tcp_keep_alive = config.ensemble.tcp_keep_alive;
  return options;
}

PeerTlsOptions peer_tls_options(const Config& config) {
  PeerTlsOptions options;
  options.config = config.quorum_tls;
  options.connects = config.ensemble.ssl_quorum;
  options.plain_too = config.ensemble.port_unification;
  options.ensemble = ensemble_of(config);
  return options;
}

KerberosService kerberos_service(const Config& config) {
  const SaslConfig& sasl = config.auth.sasl;
  return {sasl.kerberos->keytab, sasl.kerberos->principal, sasl.remove_host, sasl.remove_realm};
}

MemberFiles::Options member_files_options(const Config& config) {
  MemberFiles::Options options;
  const EnsembleConfig& ensemble = config.ensemble;
  if (ensemble.reconfig_enabled && ensemble.members_in_file) {
    // A relative path would name another file once this process looks from another folder.
    std::error_code fault;
    const auto path = std::filesystem::canonical(config.file, fault);
    options.config_file = fault ? config.file : path.string();
  }
  options.self = ensemble.self;
  options.version = ensemble.version;
  options.dynamic = !ensemble.dynamic_file.empty();
  return options;
}

}  // namespace quorate::server
