// The keys of TLS between servers, checked against each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace quorate::server {

/// What is wrong with ssl.quorum.* in an ensemble that uses TLS; file and line are the caller's.
/// The files themselves are read when the ports are opened.
std::optional<ConfigFault> check_quorum_tls(const Config& config);

/// What is allowed but protects less than it looks.
std::vector<std::string> quorum_tls_warnings(const Config& config);

}  // namespace quorate::server
