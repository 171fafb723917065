// Members of the ensemble as text: server.N lines, and the config text as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "consensus/ensemble.h"

namespace quorate::consensus {

/// What is wrong with an address or a member line, and what would be right.
struct AddressFault {
  std::string what;
};

/// An address and a port as text, "host:port" or "[v6]:port" or "port" alone.
struct HostPort {
  std::string host;  ///< Without brackets; empty when only a port was given.
  std::uint16_t port = 0;
};
boost::system::result<HostPort, AddressFault> parse_host_port(std::string_view text);

/// `value` of the key server.<id>:
/// host:quorumPort:electionPort[:role][;[clientAddress:]clientPort]. The client part is normalised
/// to "address:port", 0.0.0.0 when no address is given.
boost::system::result<Member, AddressFault> parse_member(ServerId id, std::string_view value);

/// More voters than this are refused: each must acknowledge, and more make nothing safer.
inline constexpr std::size_t kVotersMax = 32;

/// What is wrong with groups and weights, and what would be right; "" when nothing.
std::string check_groups(const std::vector<Member>& members, const QuorumGroups& groups);

/// The text of votes, NEWLEADER, the reconfig txn and /zookeeper/config (zab-protocol section 3.1):
/// server.N, group.G and weight.N lines and `version=` in hex.
boost::system::result<Ensemble, AddressFault> parse_config_text(std::string_view text);

}  // namespace quorate::consensus
