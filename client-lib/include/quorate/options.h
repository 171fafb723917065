// How to connect and how to create. Constructors instead of aggregates: g++ 12 destroys a braced
// aggregate twice when it stands in a co_await expression. No Boost header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "quorate/types.h"

namespace quorate::client {

/// Time, randomness and connections as a client gets them; see ConnectOptions::runtime.
class Runtime;

/// TLS to the servers' secure port. Files are PEM and are read once, when the client is made.
struct TlsOptions {
  TlsOptions() {}

  bool enabled = false;
  std::string ca_file;           ///< Authorities to trust; "" for the system's.
  std::string certificate_file;  ///< The client's, with its chain; "" for none.
  std::string key_file;          ///< Its key; "" when certificate_file holds that, too.
  std::string key_password;
  /// Whether the server's certificate must be for the host named in the connect string.
  bool verify_host = true;
};

/// A login by SASL (DIGEST-MD5): the users of a JAAS file's section Server. The session is
/// Connected once the server has let the user in and has proved that it knows the password, too;
/// before that nothing is sent. With a wrong user or password, or a server that has no logins, it
/// ends as SessionState::AuthFailed. What is sent afterwards is not encrypted: that is what
/// TlsOptions are for.
struct SaslOptions {
  SaslOptions() {}
  SaslOptions(std::string name, std::string secret)
      : user(std::move(name)), password(std::move(secret)) {}

  std::string user;  ///< "" for no login. UTF-8, as the password.
  std::string password;
};

/// Connection, session and queue limits of one Client.
struct ConnectOptions {
  ConnectOptions() {}
  /// "host:port,host:port/chroot"; IPv6 addresses in brackets; port 2181 where none is given.
  ConnectOptions(std::string connect_string) : servers(std::move(connect_string)) {}
  ConnectOptions(const char* connect_string) : servers(connect_string) {}

  std::string servers = "127.0.0.1:2181";
  /// Wanted; the server clamps it (2 to 20 ticks). The negotiated value is in SessionEvent.
  std::chrono::milliseconds session_timeout{30'000};
  /// How long async_connect tries all hosts before it gives up with NoServer; 0 means for ever.
  std::chrono::milliseconds connect_timeout{0};
  /// Default limit of one operation, from the call to its reply; 0 means none.
  std::chrono::milliseconds operation_timeout{30'000};
  /// Requests waiting or in flight; one more is refused with QueueFull.
  std::size_t pending_max = 100'000;
  /// Their bytes, encoded.
  std::size_t pending_bytes_max = 64u << 20;
  /// jute.maxbuffer of the servers: larger requests are refused before they are sent.
  std::int32_t request_bytes_max = kDefaultMaxBuffer;
  /// Longest reply accepted; larger than the servers' limit, because a reply has none there.
  std::int32_t reply_bytes_max = 64 << 20;
  /// A server that has lost its quorum will do for reading, if it offers that; see
  /// SessionState::ReadOnly. The client goes back to a writable one as soon as there is one.
  bool read_only = false;
  /// Reads and watches the ensemble's own configuration, and has its servers as the connect string
  /// from then on: they are tried, and clients move when servers come and go so that each server
  /// has its share. A list of which no server can be reached at the addresses named there is not
  /// taken; the hosts of `servers` remain as a last resort. Guide: docs/client_guide.md, "Servers
  /// that come and go".
  bool follow_ensemble = false;
  TlsOptions tls;
  SaslOptions sasl;
  /// Decides the order of hosts and the jitter; 0 draws one.
  std::uint64_t seed = 0;
  /// For tests: a virtual clock and network, mostly quorate/testing/fake.h's. Null, as always
  /// elsewhere: sockets and the system's clock. Its interface is no part of the API.
  std::shared_ptr<Runtime> runtime;
};

/// How long to ask again for what a lost connection left unknown.
struct RetryPolicy {
  RetryPolicy() {}
  RetryPolicy(std::chrono::milliseconds limit_of_all) : limit(limit_of_all) {}

  std::chrono::milliseconds limit{60'000};     ///< Of all tries together; 0 means none.
  int tries_max = 0;                           ///< 0 means no limit.
  std::chrono::milliseconds pause_first{50};   ///< Before the third try; the second comes at once.
  std::chrono::milliseconds pause_max{2'000};  ///< It doubles up to this.
};

/// Kind of node and who may do what with it.
struct CreateOptions {
  CreateOptions() : acl(open_acl()) {}
  CreateOptions(CreateMode create_mode) : mode(create_mode), acl(open_acl()) {}
  CreateOptions(CreateMode create_mode, AclList acl_list)
      : mode(create_mode), acl(std::move(acl_list)) {}
  /// A PersistentWithTtl or PersistentSequentialWithTtl node.
  CreateOptions(CreateMode create_mode, std::chrono::milliseconds time_to_live)
      : mode(create_mode), acl(open_acl()), ttl(time_to_live) {}

  CreateMode mode = CreateMode::Persistent;
  AclList acl;
  /// Of the modes with TTL only: a server may delete the node when it has had no child and has not
  /// been changed for so long.
  std::chrono::milliseconds ttl{0};
};

/// A change of the ensemble's members: either joining and leaving, or all new members.
struct ReconfigOptions {
  ReconfigOptions() {}

  /// "server.4=host:2888:3888;2181" each; comma separated or one per element.
  std::vector<std::string> joining;
  std::vector<std::string> leaving;      ///< Server ids.
  std::vector<std::string> new_members;  ///< All of them, as `joining`; then the others are empty.
  /// The number behind "version=" (hexadecimal there) in the configuration this change is based on;
  /// -1: whatever it is.
  std::int64_t from_config = -1;
};

}  // namespace quorate::client
