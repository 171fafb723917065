// Where clients find the servers, by the text of /zookeeper/config.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "client-lib/src/host_list.h"

namespace quorate::client {

struct EnsembleConfig {
  std::vector<Host> hosts;  ///< In the order of the lines, each once.
  bool complete = true;     ///< Every server's line says where clients find it.
  std::optional<std::uint64_t> version;
};

/// Reads the lines of the dynamic configuration; what is none, or makes no sense, is left out.
///
///     server.1=zk1:2888:3888:participant;0.0.0.0:2181
///     version=100000000
///
/// Participants and observers serve clients alike. A server whose line names no client port (it has
/// that from clientPort of its own file, or serves none) is left out. One that listens everywhere
/// is at the host of its own address. Of several own addresses the first counts. `secure`: a secure
/// client part, which newer servers add behind another semicolon, is preferred.
EnsembleConfig read_ensemble_config(std::string_view text, bool secure);

/// Whether the same hosts are named, in any order.
bool same_hosts(const std::vector<Host>& a, const std::vector<Host>& b);

}  // namespace quorate::client
