#include "znode/acl.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "znode/auth.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kWorld = "world";
constexpr std::string_view kAnyone = "anyone";
constexpr std::string_view kAuth = "auth";
constexpr std::string_view kDigest = "digest";
constexpr std::string_view kIp = "ip";
constexpr std::string_view kX509 = "x509";
constexpr std::string_view kSasl = "sasl";
constexpr std::string_view kSuper = "super";

/// Schemes whose identities are proved: `auth` stands for these.
bool is_authenticated(std::string_view scheme, const AclSchemes& schemes) {
  if (scheme == kSasl) return schemes.sasl;
  return scheme == kDigest || scheme == kX509 || scheme == "key";
}

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;  ///< 4 or 16.
};

/// A whole number as Java's Integer.parseInt takes it: a plus sign and leading zeros are welcome.
std::optional<unsigned> parse_number(std::string_view text, int base, unsigned most) {
  if (text.starts_with('+')) text.remove_prefix(1);
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value, base);
  if (fault != std::errc() || stop != end || value > most) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<Address> parse_v4(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  Address address;
  address.size = 4;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = parse_number(parts[i], 10, 255);
    if (!value) return std::nullopt;
    address.bytes[i] = static_cast<std::uint8_t>(*value);
  }
  return address;
}

/// Fills two bytes per group of hexadecimal digits.
bool parse_groups(const std::vector<std::string_view>& groups, std::uint8_t* at) {
  for (std::string_view group : groups) {
    const auto value = parse_number(group, 16, 0xffff);
    if (group.size() > 4 || !value) return false;
    *at++ = static_cast<std::uint8_t>(*value >> 8);
    *at++ = static_cast<std::uint8_t>(*value);
  }
  return true;
}

/// Eight groups, or fewer around one "::". No dotted tail and no zone, as in ZooKeeper.
std::optional<Address> parse_v6(std::string_view text) {
  constexpr std::size_t kGroups = 8;
  const auto groups_of = [](std::string_view part) {
    return part.empty() ? std::vector<std::string_view>() : split(part, ':');
  };
  Address address;
  address.size = 16;
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const std::vector<std::string_view> groups = groups_of(text);
    if (groups.size() != kGroups || !parse_groups(groups, address.bytes.data())) {
      return std::nullopt;
    }
    return address;
  }
  const std::vector<std::string_view> front = groups_of(text.substr(0, gap));
  const std::vector<std::string_view> back = groups_of(text.substr(gap + 2));
  if (front.size() + back.size() >= kGroups) return std::nullopt;
  const bool good = parse_groups(front, address.bytes.data()) &&
                    parse_groups(back, address.bytes.data() + 16 - 2 * back.size());
  return good ? std::optional(address) : std::nullopt;
}

std::optional<Address> parse_address(std::string_view text) {
  return text.find(':') != std::string_view::npos ? parse_v6(text) : parse_v4(text);
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
  const auto bits = parse_number(text.substr(slash + 1), 10, most);
  if (!bits) return std::nullopt;
  return Network{*address, *bits};
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
  // Whoever has logged in by SASL as `super` is everybody that SASL knows.
  if (granted.scheme == kSasl && identity.id == kSuper) return true;
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

/// A name, or a principal of Kerberos: service@REALM, service/host@REALM.
bool is_sasl_id(std::string_view id) {
  const std::size_t at = id.find('@');
  if (at == std::string_view::npos) return true;
  const std::string_view name = id.substr(0, at), realm = id.substr(at + 1);
  return std::count(name.begin(), name.end(), '/') <= 1 &&
         realm.find_first_of("/@") == std::string_view::npos;
}

bool is_valid_id(const AuthId& who, const AclSchemes& schemes) {
  if (who.scheme == kWorld) return who.id == kAnyone;
  if (who.scheme == kDigest) return schemes.digest && is_digest_id(who.id);
  if (who.scheme == kIp) return parse_network(who.id).has_value();
  if (who.scheme == kX509) return schemes.x509 && is_distinguished_name(who.id);
  if (who.scheme == kSasl) return schemes.sasl && is_sasl_id(who.id);
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

Result<AclList> fixed_acl(const AclList& list, const Identities& identities,
                          const AclSchemes& schemes) {
  AclList unique;
  for (const Acl& acl : list) {
    if (std::find(unique.begin(), unique.end(), acl) == unique.end()) unique.push_back(acl);
  }
  AclList fixed;
  for (const Acl& acl : unique) {
    if (acl.who.scheme != kAuth) {
      if (!is_valid_id(acl.who, schemes)) return Code::InvalidAcl;
      fixed.push_back(acl);
      continue;
    }
    const std::size_t before = fixed.size();
    for (const AuthId& identity : identities) {
      if (is_authenticated(identity.scheme, schemes)) fixed.push_back({acl.perms, identity});
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
