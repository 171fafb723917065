#include "znode/acl.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace quorate::znode {
namespace {

constexpr std::string_view kWorld = "world";
constexpr std::string_view kAnyone = "anyone";
constexpr std::string_view kAuth = "auth";
constexpr std::string_view kDigest = "digest";
constexpr std::string_view kIp = "ip";
constexpr std::string_view kSuper = "super";

/// Schemes whose identities are proved: `auth` stands for these.
bool is_authenticated(std::string_view scheme) {
  return scheme == kDigest || scheme == "sasl" || scheme == "x509" || scheme == "key";
}

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;  ///< 4 or 16.
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string whole(text);
  Address address;
  if (inet_pton(AF_INET, whole.c_str(), address.bytes.data()) == 1) {
    address.size = 4;
  } else if (inet_pton(AF_INET6, whole.c_str(), address.bytes.data()) == 1) {
    address.size = 16;
  } else {
    return std::nullopt;
  }
  return address;
}

struct Network {
  Address address;
  unsigned bits = 0;
};

/// "address" or "address/bits".
std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<Address> address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto most = static_cast<unsigned>(address->size * 8);
  if (slash == std::string_view::npos) return Network{*address, most};
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (fault != std::errc() || end != digits.data() + digits.size() || bits > most) {
    return std::nullopt;
  }
  return Network{*address, bits};
}

bool contains(const Network& network, const Address& address) {
  if (network.address.size != address.size) return false;
  for (unsigned bit = 0; bit < network.bits; bit += 8) {
    const unsigned left = network.bits - bit;
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if ((network.address.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) return false;
  }
  return true;
}

bool matches(const AuthId& granted, const AuthId& identity) {
  if (granted.scheme != identity.scheme) return false;
  if (granted.scheme != kIp) return granted.id == identity.id;
  std::optional<Network> network = parse_network(granted.id);
  std::optional<Address> address = parse_address(identity.id);
  return network && address && contains(*network, *address);
}

/// Two parts by ':' as Java's split counts them, which forgets empty parts at the end.
bool is_digest_id(std::string_view id) {
  while (id.ends_with(':')) id.remove_suffix(1);
  return std::count(id.begin(), id.end(), ':') == 1;
}

bool is_valid_id(const AuthId& who) {
  if (who.scheme == kWorld) return who.id == kAnyone;
  if (who.scheme == kDigest) return is_digest_id(who.id);
  if (who.scheme == kIp) return parse_network(who.id).has_value();
  return false;
}

}  // namespace

bool permits(const AclList& list, const Identities& identities, std::int32_t perms) {
  if (list.empty()) return true;
  for (const AuthId& identity : identities) {
    if (identity.scheme == kSuper) return true;
  }
  return std::any_of(list.begin(), list.end(), [&](const Acl& acl) {
    if ((acl.perms & perms) == 0) return false;
    if (acl.who.scheme == kWorld && acl.who.id == kAnyone) return true;
    return std::any_of(identities.begin(), identities.end(),
                       [&](const AuthId& identity) { return matches(acl.who, identity); });
  });
}

Result<AclList> fixed_acl(const AclList& list, const Identities& identities) {
  AclList unique;
  for (const Acl& acl : list) {
    if (std::find(unique.begin(), unique.end(), acl) == unique.end()) unique.push_back(acl);
  }
  AclList fixed;
  for (const Acl& acl : unique) {
    if (acl.who.scheme != kAuth) {
      if (!is_valid_id(acl.who)) return Code::InvalidAcl;
      fixed.push_back(acl);
      continue;
    }
    const std::size_t before = fixed.size();
    for (const AuthId& identity : identities) {
      if (is_authenticated(identity.scheme)) fixed.push_back({acl.perms, identity});
    }
    if (fixed.size() == before) return Code::InvalidAcl;
  }
  if (fixed.empty()) return Code::InvalidAcl;
  return fixed;
}

AclList masked_acl(AclList list) {
  for (Acl& acl : list) {
    const std::size_t colon = acl.who.id.find(':');
    if (acl.who.scheme != kDigest || colon == std::string::npos) continue;
    acl.who.id = acl.who.id.substr(0, colon) + ":x";
  }
  return list;
}

}  // namespace quorate::znode
