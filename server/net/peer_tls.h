// TLS between servers (sslQuorum, portUnification): the certificates in use, whose are accepted,
// and the handshakes under way on each of the two ports.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "consensus/ensemble.h"
#include "server/config/config.h"
#include "server/net/tls_handshake.h"

namespace quorate::server {

struct PeerTlsOptions {
  TlsConfig config;
  bool connects = false;   ///< sslQuorum: links that we open speak TLS.
  bool plain_too = false;  ///< portUnification: links that others open may be plain.
  consensus::Ensemble ensemble;
};

/// To connect again soon would fail in the same way, and costs both sides a handshake.
extern const ErrorCode kTlsFault;

/// Owned by the event loop; outlives the links that use it.
///
/// Whom a certificate makes welcome, as long as ssl.quorum.hostnameVerification is on:
/// - where we connect: it must be for the host of the server.N line, whatever DNS says about it;
/// - where others connect: for the host of some server.N line, or for the address they come from.
///   No name is ever asked of DNS, for its answer belongs to whoever owns the address;
/// - on the election port, where the other side says its id: for the host of that server's line.
class PeerTls {
 public:
  using Note = std::function<void(char severity, const std::string& text)>;
  using Ready = std::function<void(bool good, PeerSocket socket)>;
  using Handle = std::shared_ptr<TlsHandshake>;

  PeerTls(PeerTlsOptions options, Note note);

  /// Reads keys and certificates. False and `fault` when they cannot be used.
  bool load(std::string& fault);
  /// Reads them again. Links stay; with a fault, which is logged, so do the old ones.
  void reload();
  /// At least once a second: changed files (sslQuorumReloadCertFiles).
  void sweep();
  /// Whose certificates are expected from now on.
  void set_ensemble(consensus::Ensemble ensemble) { options_.ensemble = std::move(ensemble); }

  bool connects_by_tls() const { return options_.connects; }
  /// Calls `ready` once, later, unless the handle is cancelled first. A fault has been logged.
  Handle connect(PeerSocket::Socket socket, const std::string& host, Ready ready);
  Handle accept(PeerSocket::Socket socket, const char* port, Ready ready);
  /// Whether the one that calls itself `member` may be it. If not, that has been logged.
  bool may_be(const consensus::Member& member, const TlsSession* session) const;

 private:
  std::string check_accepted(X509* certificate, const std::string& from) const;
  bool checks_accepted() const;
  void tell(const std::string& what, const std::string& fault) const;

  PeerTlsOptions options_;
  const Note note_;
  std::shared_ptr<const TlsContext> context_;
  std::string seen_;  ///< Of the files that were read last.
};

/// What has been accepted on one port and is not known to be good yet. Without TLS a door that
/// stands open.
class PeerEntrance {
 public:
  using Enter = std::function<void(PeerSocket socket)>;
  PeerEntrance(PeerTls* tls, const char* port, Enter enter)
      : tls_(tls), port_(port), enter_(std::move(enter)) {}
  ~PeerEntrance() { close(); }
  PeerEntrance(const PeerEntrance&) = delete;
  PeerEntrance& operator=(const PeerEntrance&) = delete;

  void take(PeerSocket::Socket socket);
  void close();

 private:
  /// Handshakes under way, and refused ones that still have to read why.
  static constexpr std::size_t kUnderWayMax = 64;

  PeerTls* const tls_;
  const char* const port_;
  const Enter enter_;
  std::deque<std::weak_ptr<TlsHandshake>> under_way_;
};

}  // namespace quorate::server
