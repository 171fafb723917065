#include "server/config/auth_rules.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>

namespace quorate::server {
namespace {

/// Names of Java's MessageDigest, with the size of the hash in bytes.
struct DigestName {
  const char* name;
  std::size_t bytes;
};
constexpr DigestName kDigests[] = {
    {"SHA1", 20},     {"SHA-1", 20},    {"SHA-224", 28},  {"SHA-256", 32},
    {"SHA-384", 48},  {"SHA-512", 64},  {"SHA3-224", 28}, {"SHA3-256", 32},
    {"SHA3-384", 48}, {"SHA3-512", 64}, {"MD5", 16},
};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::toupper(x) == std::toupper(y);
  });
}

const DigestName* find_digest(std::string_view name) {
  for (const DigestName& digest : kDigests) {
    if (same_word(digest.name, name)) return &digest;
  }
  return nullptr;
}

/// Base64 with its padding, of `bytes` bytes.
bool is_hash(std::string_view text, std::size_t bytes) {
  if (text.size() != (bytes + 2) / 3 * 4) return false;
  const std::size_t padding = (3 - bytes % 3) % 3;
  const std::string_view digits = text.substr(0, text.size() - padding);
  const auto is_digit = [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '/'; };
  return std::all_of(digits.begin(), digits.end(), is_digit) &&
         text.substr(digits.size()) == std::string_view("==").substr(0, padding);
}

std::optional<AuthFault> check_super(const AuthConfig& auth, const DigestName& digest) {
  constexpr const char* kKey = "DigestAuthenticationProvider.superDigest";
  if (auth.super_digest.empty()) return std::nullopt;
  const std::size_t colon = auth.super_digest.find(':');
  const bool good = colon != std::string::npos && colon > 0 &&
                    is_hash(std::string_view(auth.super_digest).substr(colon + 1), digest.bytes);
  if (good) return std::nullopt;
  // Not quoted: it may be the password itself, written here by mistake.
  return AuthFault{kKey, "expected super:<hash>, the hash being the base64 of " +
                             std::string(digest.name) +
                             " over super:<password>; for SHA1: printf %s super:<password> | "
                             "openssl dgst -sha1 -binary | base64"};
}

std::string trim(std::string text) {
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

/// Why nobody could prove an identity of the scheme, or "".
std::string why_not(const AuthConfig& auth, const std::string& scheme) {
  if (scheme == "ip") return {};
  if (scheme == "digest") {
    return auth.digest_enabled ? "" : "DigestAuthenticationProvider.enabled is false";
  }
  if (scheme == "x509") return auth.x509 ? "" : "x509 needs secureClientPort";
  if (scheme != "sasl") return "possible are digest, ip, x509 and sasl";
  if (!auth.sasl.provider) {
    return "SASL needs a line authProvider.1="
           "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
  }
  if (auth.sasl.has_login()) return {};
  return "nobody could log in; java.security.auth.login.config must name a JAAS file with a "
         "section " +
         auth.sasl.section;
}

std::optional<AuthFault> check_enforced(AuthConfig& auth) {
  constexpr const char* kKey = "enforce.auth.schemes";
  if (auth.require_sasl) {
    const std::string wrong = why_not(auth, "sasl");
    if (!wrong.empty()) return AuthFault{"sessionRequireClientSASLAuth", "\"true\": " + wrong};
    auth.enforced = {"sasl"};
    return std::nullopt;
  }
  if (!auth.enforce) return std::nullopt;
  std::istringstream words(auth.enforced_text);
  for (std::string word; std::getline(words, word, ',');) {
    word = trim(word);
    const std::string wrong = why_not(auth, word);
    if (!wrong.empty()) return AuthFault{kKey, '"' + word + "\": " + wrong};
    auth.enforced.push_back(word);
  }
  if (!auth.enforced.empty()) return std::nullopt;
  return AuthFault{kKey,
                   "is missing; enforce.auth.enabled=true needs the schemes, by commas: digest, "
                   "ip, x509, sasl"};
}

}  // namespace

std::optional<AuthFault> settle_auth(AuthConfig& auth) {
  const DigestName* digest = find_digest(auth.digest_algorithm);
  if (digest == nullptr) {
    return AuthFault{"DigestAuthenticationProvider.digestAlg",
                     '"' + auth.digest_algorithm +
                         "\": expected SHA1, SHA-224, SHA-256, SHA-384, SHA-512, SHA3-224, "
                         "SHA3-256, SHA3-384, SHA3-512 or MD5"};
  }
  auth.digest_algorithm = digest->name;
  if (auto fault = check_super(auth, *digest)) return fault;
  return check_enforced(auth);
}

}  // namespace quorate::server
