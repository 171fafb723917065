// server.N lines to members of the ensemble.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "consensus/ensemble.h"

namespace quorate::server {

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
boost::system::result<consensus::Member, AddressFault> parse_member(ServerId id,
                                                                    std::string_view value);

}  // namespace quorate::server
