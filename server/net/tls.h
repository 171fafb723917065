// TLS for clients: keys and rules read once into a context, and one session per connection directly
// on its socket.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "server/config/config.h"

namespace quorate::server {

/// What the keys ssl.* say, ready for use. Immutable, so that threads may share it; a reload makes
/// a new one, and connections keep theirs.
class TlsContext {
 public:
  /// nullptr and `fault` ("key: file: reason") when a file or value cannot be used.
  static std::shared_ptr<const TlsContext> load(const TlsConfig& config, std::string& fault);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

/// The server's side of one connection. Never blocks.
class TlsSession {
 public:
  TlsSession(const TlsContext& context, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Status { Done, WantRead, WantWrite, Ended, Failed };
  struct Progress {
    Status status = Status::Done;
    std::size_t bytes = 0;
  };
  bool established() const { return established_; }
  Status handshake();
  Progress read(std::span<std::byte> into);
  /// After WantRead or WantWrite the same bytes must come again first.
  Progress write(ByteView bytes);
  /// Says goodbye, so that the client knows nothing was cut off.
  void close_notify();
  /// Of the client's certificate, as Java's X500Principal.getName() writes it; empty without one.
  std::string subject() const;

 private:
  Status status_of(int result);

  SSL* ssl_;
  bool established_ = false;
};

/// RFC 2253 text of a name, with Java's rules of escaping: what an x509 ACL holds.
std::string subject_text(const X509_NAME* name);

}  // namespace quorate::server
