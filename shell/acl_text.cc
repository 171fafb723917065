#include "shell/acl_text.h"

#include <algorithm>

namespace quorate::shell {

namespace {

struct Letter {
  char letter;
  std::int32_t bit;
};
constexpr Letter kLetters[] = {{'c', client::perm::kCreate},
                               {'d', client::perm::kDelete},
                               {'r', client::perm::kRead},
                               {'w', client::perm::kWrite},
                               {'a', client::perm::kAdmin}};

}  // namespace

ParsedAcl parse_acl(const std::string& text) {
  ParsedAcl out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string entry = text.substr(at, end - at);
    at = end + 1;
    const std::size_t first = entry.find(':');
    const std::size_t last = entry.rfind(':');
    if (first == std::string::npos || first == last) {
      out.faults.push_back(entry + " does not have the form scheme:id:perm");
      continue;
    }
    client::Acl acl;
    acl.who.scheme = entry.substr(0, first);
    acl.who.id = entry.substr(first + 1, last - first - 1);
    for (const char c : entry.substr(last + 1)) {
      const auto* const known = std::find_if(std::begin(kLetters), std::end(kLetters),
                                             [&](const Letter& each) { return each.letter == c; });
      if (known == std::end(kLetters)) {
        out.faults.push_back(std::string("Unknown perm type: ") + c);
      } else {
        acl.perms |= known->bit;
      }
    }
    out.acl.push_back(std::move(acl));
  }
  return out;
}

std::string perms_text(std::int32_t perms) {
  std::string out;
  for (const Letter& each : kLetters) {
    if ((perms & each.bit) != 0) out += each.letter;
  }
  return out;
}

std::string acl_text(const client::Acl& acl) {
  return acl.who.scheme + ":" + acl.who.id + ":" + perms_text(acl.perms);
}

std::string acl_lines(const client::AclList& acl) {
  std::string out;
  for (const client::Acl& each : acl) {
    out += "'" + each.who.scheme + ",'" + each.who.id + "\n: " + perms_text(each.perms) + "\n";
  }
  return out;
}

bool has_hidden_digest(const client::AclList& acl) {
  return std::any_of(acl.begin(), acl.end(), [](const client::Acl& each) {
    return each.who.scheme == "digest" && each.who.id.ends_with(":x");
  });
}

Json acl_json(const client::AclList& acl) {
  Json out = Json::array();
  for (const client::Acl& each : acl) out.push_back(acl_text(each));
  return out;
}

}  // namespace quorate::shell
