#include "znode/auth.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "base/ensure.h"
#include "znode/proto/utf8.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kMappedV4 = "::ffff:";

void add_once(Identities& identities, AuthId identity) {
  if (std::find(identities.begin(), identities.end(), identity) != identities.end()) return;
  identities.push_back(std::move(identity));
}

bool has_scheme(const Identities& identities, std::string_view scheme) {
  return std::any_of(identities.begin(), identities.end(),
                     [&](const AuthId& identity) { return identity.scheme == scheme; });
}

std::size_t colons_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
}

/// "::1" as "0:0:0:0:0:0:0:1". Anything but a plain IPv6 address stays as it is.
std::string spelled_out(std::string_view address) {
  const std::size_t gap = address.find("::");
  if (gap == std::string_view::npos) return std::string(address);
  const std::string_view front = address.substr(0, gap), back = address.substr(gap + 2);
  const std::size_t groups =
      (front.empty() ? 0 : colons_in(front) + 1) + (back.empty() ? 0 : colons_in(back) + 1);
  if (groups >= 8) return std::string(address);
  std::string whole(front);
  for (std::size_t i = groups; i < 8; ++i) whole += whole.empty() ? "0" : ":0";
  if (!back.empty()) whole.append(":").append(back);
  return whole;
}

std::string java_address(std::string_view address) {
  const bool mapped = address.starts_with(kMappedV4) && address.find('.') != std::string_view::npos;
  if (mapped) return std::string(address.substr(kMappedV4.size()));
  return spelled_out(address);
}

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
using Digest = std::unique_ptr<EVP_MD, FreeDigest>;

Digest find_digest(const std::string& algorithm) {
  return Digest(EVP_MD_fetch(nullptr, algorithm.c_str(), nullptr));
}

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');  // One more: OpenSSL ends it with a NUL.
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

ErrorCode authenticate_digest(const AuthOptions& options, const Buffer& auth,
                              Identities& identities) {
  if (!options.digest_enabled || !auth) return Code::AuthFailed;
  std::string id = digest_id(options.digest_algorithm, valid_utf8(*auth));
  if (!options.super_digest.empty() && id == options.super_digest) {
    add_once(identities, {"super", ""});
  }
  add_once(identities, {"digest", std::move(id)});
  return {};
}

// ---- Subjects of certificates ------------------------------------------------------------------

/// The attribute types that Java knows by name.
constexpr std::array<std::string_view, 22> kAttributes = {
    "CN",        "C",        "L",          "S",     "ST",           "O",   "OU",
    "T",         "IP",       "STREET",     "DC",    "DNQUALIFIER",  "DNQ", "SURNAME",
    "GIVENNAME", "INITIALS", "GENERATION", "EMAIL", "EMAILADDRESS", "UID", "SERIALNUMBER",
    "TITLE"};

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool is_object_id(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find('.') == std::string_view::npos || text.find("..") != std::string_view::npos) {
    return false;
  }
  return text.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_attribute(std::string_view text) {
  std::string upper(trim(text));
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (std::find(kAttributes.begin(), kAttributes.end(), upper) != kAttributes.end()) return true;
  std::string_view object_id = upper;
  if (object_id.starts_with("OID.")) object_id.remove_prefix(4);
  return is_object_id(object_id);
}

/// "type=value"; quotes are closed and nothing stands behind them.
bool is_assertion(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || !is_attribute(text.substr(0, equals))) return false;
  const std::string_view value = trim(text.substr(equals + 1));
  if (!value.starts_with('"')) return true;
  return value.size() >= 2 && value.ends_with('"');
}

}  // namespace

Identities first_identities(const AuthOptions& options, std::string_view address,
                            const Identities& proved) {
  Identities identities{{"ip", java_address(address)}};
  for (const AuthId& identity : proved) {
    const bool super = identity.scheme == "x509" && !options.x509_super_user.empty() &&
                       identity.id == options.x509_super_user;
    if (super) add_once(identities, {"super", identity.id});
    add_once(identities, identity);
  }
  return identities;
}

ErrorCode authenticate(const AuthOptions& options, const std::string& scheme, const Buffer& auth,
                       Identities& identities) {
  if (scheme == "digest") return authenticate_digest(options, auth, identities);
  // Both say again what the connection has proved by itself.
  if (scheme == "ip") return {};
  if (scheme == "x509" && has_scheme(identities, scheme)) return {};
  return Code::AuthFailed;
}

void add_sasl(const AuthOptions& options, std::string name, Identities& identities) {
  const auto& supers = options.sasl_super_users;
  if (std::find(supers.begin(), supers.end(), name) != supers.end()) {
    add_once(identities, {"super", ""});
  }
  add_once(identities, {"sasl", std::move(name)});
}

bool requires_sasl(const AuthOptions& options) {
  return std::find(options.enforced.begin(), options.enforced.end(), "sasl") !=
         options.enforced.end();
}

bool may_operate(const AuthOptions& options, const Identities& identities) {
  return options.enforced.empty() ||
         std::any_of(options.enforced.begin(), options.enforced.end(),
                     [&](const std::string& scheme) { return has_scheme(identities, scheme); });
}

std::string digest_id(const std::string& algorithm, std::string_view text) {
  const Digest digest = find_digest(algorithm);
  ENSURE(digest != nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  ENSURE(EVP_Digest(text.data(), text.size(), hash.data(), &size, digest.get(), nullptr) == 1);
  std::string id(text.substr(0, text.find(':')));
  return id.append(":").append(base64(hash.data(), size));
}

bool has_digest(const std::string& algorithm) {
  return find_digest(algorithm) != nullptr;
}

bool is_distinguished_name(std::string_view text) {
  if (trim(text).empty()) return true;  // The empty name is one.
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (++i == text.size()) return false;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (text[i] == ',' || text[i] == ';' || text[i] == '+')) {
      if (!is_assertion(text.substr(start, i - start))) return false;
      start = i + 1;
    }
  }
  return !quoted && is_assertion(text.substr(start));
}

}  // namespace quorate::znode
