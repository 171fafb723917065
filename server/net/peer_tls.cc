#include "server/net/peer_tls.h"

#include <algorithm>
#include <utility>

#include "server/net/acceptor.h"
#include "server/net/tls_files.h"
#include "server/net/tls_names.h"

namespace quorate::server {
namespace {

namespace asio = boost::asio;

constexpr const char* kNameRemedy =
    "give that server a certificate whose subjectAltNames hold the host of its server.N line; "
    "ssl.quorum.hostnameVerification=false accepts any name";

struct Remedy {
  const char* part;  ///< Of the fault.
  const char* text;
};
// The first that fits. The texts on the left are the library's and our own.
constexpr Remedy kRemedies[] = {
    {"expired", "renew that server's certificate"},
    {"not yet valid", "compare the clocks of both machines"},
    {"issuer", "put the certificate that signs all servers into ssl.quorum.trustStore.location"},
    {"self-signed", "put that certificate into ssl.quorum.trustStore.location, if it is welcome"},
    {"self signed", "put that certificate into ssl.quorum.trustStore.location, if it is welcome"},
    {"peer did not return a certificate", "name that server's in its ssl.quorum.keyStore.location"},
    {"is for", kNameRemedy},
    {"alert", "the log of the other server says what it does not like about our certificate"},
    {"wrong version number",
     "the other side does not speak TLS: set sslQuorum=true there, or portUnification=true here "
     "while the ensemble moves to TLS"},
    {"http request", "a browser has no business on this port"},
    {"unsupported protocol", "let ssl.quorum.enabledProtocols of both servers overlap"},
    {"no shared cipher", "let ssl.quorum.ciphersuites of both servers overlap, and fit their keys"},
    {"closed by the other side",
     "its log may say why; a server that expects plain connections needs portUnification=true"},
    {"not done within",
     "is it a server of this ensemble? one that expects plain connections needs "
     "portUnification=true"},
};

std::string remedy_of(const std::string& fault) {
  for (const Remedy& one : kRemedies) {
    if (fault.find(one.part) != std::string::npos) return one.text;
  }
  return "compare the keys ssl.quorum.* of both servers";
}

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  return address_text(endpoint.address()) + ':' + std::to_string(endpoint.port());
}

}  // namespace

const ErrorCode kTlsFault = make_error_code(boost::system::errc::protocol_error);

PeerTls::PeerTls(PeerTlsOptions options, Note note)
    : options_(std::move(options)), note_(std::move(note)) {}

// ---- Certificates
// --------------------------------------------------------------------------------

bool PeerTls::load(std::string& fault) {
  seen_ = files_fingerprint(options_.config);
  auto context = TlsContext::load(options_.config, fault, TlsUse::Servers);
  if (!context) return false;
  context_ = std::move(context);
  return true;
}

void PeerTls::reload() {
  std::string fault;
  if (load(fault)) return note_('I', "quorum-tls-reloaded for=\"new links\"");
  note_('E', "quorum-tls-reload-failed error=\"" + fault +
                 "\" effect=\"the old certificate stays in use\"");
}

void PeerTls::sweep() {
  if (options_.config.cert_reload && files_fingerprint(options_.config) != seen_) reload();
}

// ---- Whose certificate
// ---------------------------------------------------------------------------

bool PeerTls::checks_accepted() const {
  return options_.config.hostname_verification && options_.config.client_hostname_verification;
}

std::string PeerTls::check_accepted(X509* certificate, const std::string& from) const {
  if (!checks_accepted() || certificate_is_for(certificate, from)) return {};
  for (const consensus::Member& member : options_.ensemble.members()) {
    if (certificate_is_for(certificate, member.host)) return {};
  }
  return "certificate is for " + certificate_names(certificate) +
         ", which is no host of a server.N line";
}

bool PeerTls::may_be(const consensus::Member& member, const TlsSession* session) const {
  if (session == nullptr || !checks_accepted()) return true;
  X509* certificate = session->certificate();
  // Without one it was let in because ssl.quorum.clientAuth says so.
  if (certificate == nullptr || certificate_is_for(certificate, member.host)) return true;
  note_('W', "quorum-tls-refused port=election server=" + to_string(member.id) +
                 " reason=\"certificate is for " + certificate_names(certificate) +
                 ", the server says it is " + member.host + "\" remedy=\"" + kNameRemedy + '"');
  return false;
}

// ---- Handshakes
// ----------------------------------------------------------------------------------

void PeerTls::tell(const std::string& what, const std::string& fault) const {
  note_('W', what + " reason=\"" + fault + "\" remedy=\"" + remedy_of(fault) + '"');
}

PeerTls::Handle PeerTls::connect(PeerSocket::Socket socket, const std::string& host, Ready ready) {
  ErrorCode ignored;
  const std::string where = host + ':' + std::to_string(socket.remote_endpoint(ignored).port());
  TlsHandshake::Options options;
  options.context = context_;
  options.role = TlsSession::Role::Connects;
  options.limit = std::chrono::milliseconds(options_.config.handshake_timeout_ms);
  // `this` outlives every link, and a link that goes cancels its handshake.
  options.check = [this, host](X509* certificate) -> std::string {
    if (!options_.config.hostname_verification || certificate_is_for(certificate, host)) return {};
    return "certificate is for " + certificate_names(certificate) + ", not for " + host;
  };
  auto handle = std::make_shared<TlsHandshake>(std::move(socket), std::move(options));
  handle->start([this, where, ready = std::move(ready)](const std::string& fault, PeerSocket one) {
    if (!fault.empty()) tell("quorum-tls-failed to=" + where, fault);
    ready(fault.empty(), std::move(one));
  });
  return handle;
}

PeerTls::Handle PeerTls::accept(PeerSocket::Socket socket, const char* port, Ready ready) {
  ErrorCode ignored;
  const auto remote = socket.remote_endpoint(ignored);
  TlsHandshake::Options options;
  options.context = context_;
  options.plain_too = options_.plain_too;
  options.limit = std::chrono::milliseconds(options_.config.handshake_timeout_ms);
  options.check = [this, address = address_text(remote.address())](X509* certificate) {
    return check_accepted(certificate, address);
  };
  auto handle = std::make_shared<TlsHandshake>(std::move(socket), std::move(options));
  handle->start([this, port, from = text_of(remote), ready = std::move(ready)](
                    const std::string& fault, PeerSocket one) {
    if (!fault.empty()) {
      tell(std::string("quorum-tls-refused port=") + port + " from=" + from, fault);
    }
    ready(fault.empty(), std::move(one));
  });
  return handle;
}

// ---- Entrance
// ------------------------------------------------------------------------------------

void PeerEntrance::take(PeerSocket::Socket socket) {
  if (tls_ == nullptr) return enter_(PeerSocket(std::move(socket)));
  std::erase_if(under_way_, [](const auto& one) { return one.expired(); });
  if (under_way_.size() >= kUnderWayMax) {
    // The oldest gives way: a flood of silent connections must not lock real servers out.
    if (const auto oldest = under_way_.front().lock()) oldest->cancel();
    under_way_.pop_front();
  }
  under_way_.push_back(tls_->accept(std::move(socket), port_, [this](bool good, PeerSocket one) {
    if (good) enter_(std::move(one));
  }));
}

void PeerEntrance::close() {
  for (const auto& one : under_way_) {
    if (const auto handshake = one.lock()) handshake->cancel();
  }
  under_way_.clear();
}

}  // namespace quorate::server
