// TLS of clients and between servers: keys and rules read once into a context, and one session per
// connection directly on its socket.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "server/config/config.h"

namespace quorate::server {

enum class TlsUse {
  Clients,  ///< Keys ssl.*: this side always accepts.
  Servers,  ///< Keys ssl.quorum.*: it connects as well, and then always wants to know to whom.
};

/// What the keys ssl.* say, ready for use. Immutable, so that threads may share it; a reload makes
/// a new one, and connections keep theirs.
class TlsContext {
 public:
  /// nullptr and `fault` ("key: file: reason") when a file or value cannot be used.
  static std::shared_ptr<const TlsContext> load(const TlsConfig& config, std::string& fault,
                                                TlsUse use = TlsUse::Clients);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

/// This side of one connection. Never blocks.
class TlsSession {
 public:
  enum class Role { Accepts, Connects };
  TlsSession(const TlsContext& context, int socket, Role role = Role::Accepts);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Status { Done, WantRead, WantWrite, Ended, Failed };
  struct Progress {
    Status status = Status::Done;
    std::size_t bytes = 0;
  };
  /// Empty: the certificate, whose chain is good, is the right one; otherwise why not.
  using Check = std::function<std::string(X509* certificate)>;
  /// Before the handshake: certificates must pass `check` too, and fault() will tell more.
  void expect(Check check);

  bool established() const { return established_; }
  Status handshake();
  Progress read(std::span<std::byte> into);
  /// After WantRead or WantWrite the same bytes must come again first.
  Progress write(ByteView bytes);
  /// Says goodbye, so that the client knows nothing was cut off.
  void close_notify();
  /// The certificate of the other side, verified; nullptr without one.
  X509* certificate() const;
  /// Why the last call failed, in words.
  std::string fault() const;
  /// Of the client's certificate, as Java's X500Principal.getName() writes it; empty without one.
  std::string subject() const;

 private:
  /// What was asked by expect(), and what came of it.
  struct Expectation {
    Check check;
    std::string fault;
  };
  Status status_of(int result);
  static int verify(int good, X509_STORE_CTX* chain);

  SSL* ssl_;
  bool established_ = false;
  const char* reason_ = nullptr;  ///< Of the library; constant text.
  std::unique_ptr<Expectation> expectation_;
};

/// RFC 2253 text of a name, with Java's rules of escaping: what an x509 ACL holds.
std::string subject_text(const X509_NAME* name);

}  // namespace quorate::server
