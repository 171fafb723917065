#include "client-lib/src/sasl_login.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace quorate::client {
namespace {

/// ZooKeeper's servers and clients agree on it without asking.
constexpr std::string_view kUri = "zookeeper/zk-sasl-md5";
constexpr std::string_view kCount = "00000001";  ///< Each nonce is used once.
constexpr std::size_t kTokenMax = 4096;

std::string md5(const std::string& text) {
  std::string hash(16, '\0');
  const bool done =
      EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(hash.data()), nullptr,
                 EVP_md5(), nullptr) == 1;
  return done ? hash : std::string();
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

/// What is hashed of a name or a password: ISO 8859-1 where that has all its characters (RFC 2831,
/// section 2.1.2.1), UTF-8 as it is otherwise.
std::string to_hash(const std::string& text) {
  std::string latin;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      latin += text[at];
      continue;
    }
    const bool two = (byte == 0xc2 || byte == 0xc3) && at + 1 < text.size() &&
                     (static_cast<unsigned char>(text[at + 1]) & 0xc0) == 0x80;
    if (!two) return text;
    latin += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(text[++at]) & 0x3f));
  }
  return latin;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

using Directives = std::map<std::string, std::string, std::less<>>;

/// name=value or name="value", by commas. Nothing: it is none of that, or a name comes twice.
std::optional<Directives> parse(std::string_view token) {
  Directives all;
  std::size_t at = 0;
  while (at < token.size()) {
    const std::size_t equals = token.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string name(token.substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < token.size() && token[at] == '"') {
      for (++at; at < token.size() && token[at] != '"'; ++at) {
        if (token[at] == '\\' && ++at == token.size()) return std::nullopt;
        value += token[at];
      }
      if (at++ == token.size()) return std::nullopt;
    } else {
      const std::size_t end = std::min(token.find(',', at), token.size());
      value = token.substr(at, end - at);
      at = end;
    }
    if (at < token.size() && token[at++] != ',') return std::nullopt;
    if (!all.emplace(name, std::move(value)).second) return std::nullopt;
  }
  return all;
}

}  // namespace

SaslExchange::SaslExchange(const SaslOptions& account, std::string nonce)
    : account_(account), client_nonce_(std::move(nonce)) {}

std::optional<std::string> SaslExchange::step(std::string_view token) {
  if (token.size() > kTokenMax) return std::nullopt;
  if (!std::exchange(answered_, true)) return answer(token);
  const auto found = parse(token);
  if (!found) return std::nullopt;
  const auto shown = found->find("rspauth");
  if (shown == found->end() || shown->second != proof()) return std::nullopt;
  return std::string();
}

std::string SaslExchange::hashed(std::string_view method) const {
  const std::string secret =
      md5(to_hash(account_.user) + ':' + to_hash(realm_) + ':' + to_hash(account_.password));
  const std::string first = hex(md5(secret + ':' + server_nonce_ + ':' + client_nonce_));
  const std::string second = hex(md5(std::string(method) + ':' + std::string(kUri)));
  return hex(md5(first + ':' + server_nonce_ + ':' + std::string(kCount) + ':' + client_nonce_ +
                 ":auth:" + second));
}

std::optional<std::string> SaslExchange::answer(std::string_view challenge) {
  const auto found = parse(challenge);
  if (!found) return std::nullopt;
  const auto value = [&](const char* name) {
    const auto one = found->find(name);
    return one == found->end() ? std::string() : one->second;
  };
  realm_ = value("realm");
  server_nonce_ = value("nonce");
  // Without "qop" it is "auth"; ZooKeeper has no layer of its own around what follows.
  const std::string protection = value("qop");
  const bool plain =
      protection.empty() || (',' + protection + ',').find(",auth,") != std::string::npos;
  if (server_nonce_.empty() || value("algorithm") != "md5-sess" || !plain) return std::nullopt;
  return "charset=utf-8,username=" + quoted(account_.user) + ",realm=" + quoted(realm_) +
         ",nonce=" + quoted(server_nonce_) + ",nc=" + std::string(kCount) +
         ",cnonce=" + quoted(client_nonce_) + ",digest-uri=" + quoted(kUri) +
         ",maxbuf=65536,response=" + hashed("AUTHENTICATE") + ",qop=auth";
}

}  // namespace quorate::client
