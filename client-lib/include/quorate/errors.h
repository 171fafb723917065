// What can go wrong on the client's side, as error codes. The server's own answers are Code.
#pragma once

#include <string>

#include "znode/proto/error.h"

namespace quorate::client {

using quorate::ErrorCode;

/// Errors that the client finds itself.
enum class ClientErrc {
  Ok = 0,
  QueueFull,        ///< ConnectOptions::pending_max or pending_bytes_max reached; nothing was sent.
  Closed,           ///< The client is closing or closed. What it was asked before may be done.
  RequestTooLarge,  ///< Above jute.maxbuffer: a server would cut the connection. Nothing was sent.
  NoServer,         ///< No server answered within ConnectOptions::connect_timeout.
  EmptyConnectString,  ///< It names no host.
  BadHost,             ///< Empty, with a blank, or an IPv6 address without brackets.
  BadPort,             ///< No number from 1 to 65535.
  BadChroot,           ///< No path of a node; or another one than before (update_servers).
  WatchOverflow,       ///< Events were lost because nobody took them; read the state anew.
  ProtocolFault,       ///< The server sent bytes that are not ZooKeeper's protocol.
  NodeLost,            ///< The recipe's own znode is gone although the session lives.
  OutcomeUnknown,      ///< Whether an earlier try of this write was carried out cannot be told.
  HungUp,              ///< The server closed the connection before it had answered the handshake.
  TlsBadAuthority,     ///< TlsOptions::ca_file cannot be read or holds no certificate.
  TlsBadCertificate,   ///< The same of certificate_file, or there is a key without one.
  TlsBadKey,           ///< key_file: cannot be read, wrong password, not of that certificate.
  TlsUntrusted,        ///< The server's certificate is of no trusted authority, or not valid now.
  TlsWrongHost,        ///< The server's certificate is for another host.
  TlsRefused,          ///< The server ended the TLS handshake.
};

/// Of ClientErrc; "quorate.client".
const boost::system::error_category& client_category();

inline ErrorCode make_error_code(ClientErrc errc) {
  return {static_cast<int>(errc), client_category()};
}

/// "getData /a/b: NoNode": operation, path and reason of an error that an operation completed with.
std::string describe(const ErrorCode& error);

/// Whether `error` leaves open what became of the request (ConnectionLoss, OperationTimeout): a
/// read may be asked again, of a write see retry.h.
bool is_transient(const ErrorCode& error);

}  // namespace quorate::client

template <>
struct boost::system::is_error_code_enum<quorate::client::ClientErrc> : std::true_type {};
