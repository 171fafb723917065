#include "quorate/errors.h"

#include <string>

#include "quorate/types.h"

namespace quorate::client {

namespace {

// error_category's destructor is protected and not virtual by design: nobody deletes through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class ClientCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "quorate.client"; }
  std::string message(int value) const override {
    switch (static_cast<ClientErrc>(value)) {
      case ClientErrc::Ok:
        return "ok";
      case ClientErrc::QueueFull:
        return "too many requests pending";
      case ClientErrc::Closed:
        return "the client is closed";
      case ClientErrc::RequestTooLarge:
        return "request larger than jute.maxbuffer";
      case ClientErrc::NoServer:
        return "no server answered in time";
      case ClientErrc::EmptyConnectString:
        return "connect string names no host";
      case ClientErrc::BadHost:
        return "bad host in connect string";
      case ClientErrc::BadPort:
        return "bad port in connect string (1 to 65535)";
      case ClientErrc::BadChroot:
        return "bad chroot in connect string";
      case ClientErrc::WatchOverflow:
        return "watch events lost, read the state anew";
      case ClientErrc::ProtocolFault:
        return "the server does not speak ZooKeeper's protocol";
      case ClientErrc::NodeLost:
        return "own znode is gone";
      case ClientErrc::OutcomeUnknown:
        return "whether an earlier try of this request was carried out cannot be told";
      case ClientErrc::HungUp:
        return "the server closed the connection at once (no quorum, too many connections, TLS "
               "only, or its data is older than what this client has seen)";
      case ClientErrc::TlsBadAuthority:
        return "the file of TLS authorities cannot be used";
      case ClientErrc::TlsBadCertificate:
        return "the file of the client's TLS certificate cannot be used";
      case ClientErrc::TlsBadKey:
        return "the client's TLS key cannot be used: unreadable, wrong password, or of another "
               "certificate";
      case ClientErrc::TlsUntrusted:
        return "the server's certificate is not signed by a trusted authority, or not valid now";
      case ClientErrc::TlsWrongHost:
        return "the server's certificate is for another host";
      case ClientErrc::TlsRefused:
        return "the server ended the TLS handshake (no TLS on this port, or it wants a certificate "
               "that it trusts)";
    }
    return "unknown";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& client_category() {
  static const ClientCategory category;
  return category;
}

const char* name_of(SessionState state) {
  switch (state) {
    case SessionState::Connecting:
      return "connecting";
    case SessionState::Connected:
      return "connected";
    case SessionState::Suspended:
      return "suspended";
    case SessionState::Reconnected:
      return "reconnected";
    case SessionState::Expired:
      return "expired";
    case SessionState::Closed:
      return "closed";
    case SessionState::AuthFailed:
      return "auth failed";
    case SessionState::ReadOnly:
      return "read only";
  }
  return "unknown";
}

}  // namespace quorate::client
