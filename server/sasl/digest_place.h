// What both sides of a login by DIGEST-MD5 agree on without asking.
#pragma once

#include <string_view>

namespace quorate::server {

struct DigestPlace {
  std::string_view service;
  std::string_view host;  ///< The realm, too.
};

/// The names that ZooKeeper has.
inline constexpr DigestPlace kClientsLogin{"zookeeper", "zk-sasl-md5"};
inline constexpr DigestPlace kServersLogin{"zookeeper-quorum", "zk-quorum-sasl-md5"};

}  // namespace quorate::server
