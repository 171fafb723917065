#include "tests/differential/rules.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

namespace quorate::differential {

namespace {

constexpr std::array<Rule, static_cast<std::size_t>(RuleId::Count)> kRules = {{
    {"event-zxid",
     "client-protocol 4 [3.8]: the header of an event says -1, since 3.9 the txn's zxid"},
    {"watch-modes",
     "tree-semantics 7 [3.8]: one mode per path and connection, since 3.9 they are independent"},
    {"watcher-types",
     "client-protocol 6 [3.8]: removeWatches and checkWatches know types 1 to 3, 4 and 5 give -5"},
    {"ancestor-watch",
     "tree-semantics 7 [3.8]: checkWatches also accepts a recursive watch above the path, and "
     "anybody's watch on it"},
    {"multi-create2",
     "client-protocol 7 [3.8.0-3.8.1]: create2 in a multi is answered as create, without Stat"},
    {"multi-flags",
     "client-protocol 7 [3.8]: flags outside 0..6 in a multi fail that op with -8, later the whole "
     "with -5"},
    {"exists-read",
     "tree-semantics 5 [3.8]: exists asks for no right; since 3.8.4 and 3.9.2 for READ"},
    {"surrogates",
     "client-protocol 1: Java writes a character above U+FFFF as two surrogates; ours as UTF-8 has "
     "it"},
    {"check-alone",
     "client-protocol 5: check alone is -6 and closes; before 3.8.5 no reply on success (oracle "
     "not asked)"},
    {"delete-container",
     "client-protocol 5 [3.8]: op 20 of a client gives -8, ours -6 (oracle not asked)"},
    {"auth-order",
     "tree-semantics 10: the entries that `auth` stands for have no order of their own"},
}};

struct PathAndNumber {
  std::string path;
  std::int32_t number = 0;
};

PathAndNumber path_and_number(const Request& request) {
  JuteReader in(request.body);
  PathAndNumber found{in.string(), 0};
  found.number = in.i32();
  return found;
}

/// What both must have in common in spite of a difference in the outcome.
void keep_header(Item& item) {
  std::erase_if(item.fields,
                [](const Field& field) { return field.name != "xid" && field.name != "zxid"; });
}

/// Whether one of the creates in a multi has flags that are no mode.
bool has_odd_flags(const Request& request) {
  JuteReader in(request.body);
  while (in.ok() && in.remaining() > 0) {
    MultiHeader header;
    decode(in, header);
    if (header.done) return false;
    CreateRequest create;
    CreateTtlRequest create_ttl;
    switch (header.type) {
      case OpCode::Create:
      case OpCode::Create2:
      case OpCode::CreateContainer:
        decode(in, create);
        break;
      case OpCode::CreateTtl:
        decode(in, create_ttl);
        create.flags = create_ttl.flags;
        break;
      case OpCode::Delete:
      case OpCode::Check: {
        DeleteRequest record;
        decode(in, record);
        break;
      }
      case OpCode::SetData: {
        SetDataRequest record;
        decode(in, record);
        break;
      }
      default:
        return false;
    }
    if (in.ok() && (create.flags < 0 || create.flags > 6)) return true;
  }
  return false;
}

/// "3 [31:"digest":"a:x" 31:"digest":"b:x" ... ]" with its entries in order of their text.
std::string sorted_entries(const std::string& list) {
  const std::size_t open = list.find('[');
  if (open == std::string::npos) return list;
  std::vector<std::string> entries;
  std::size_t at = open + 1;
  for (std::size_t end; (end = list.find(' ', at)) != std::string::npos; at = end + 1) {
    entries.push_back(list.substr(at, end - at));
  }
  std::sort(entries.begin(), entries.end());
  std::string sorted = list.substr(0, open);
  for (const std::string& one : entries) sorted += " " + one;
  return sorted;
}

}  // namespace

const Rule& rule(RuleId id) {
  return kRules[static_cast<std::size_t>(id)];
}

void Normaliser::begin_run() {
  for (Watches& one : watches_) one = {};
}

void Normaliser::new_connection(int slot) {
  watches_[slot] = {};
}

void Normaliser::print() const {
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    std::printf("rule %-18s %8llu  %s\n", kRules[i].name, static_cast<unsigned long long>(uses_[i]),
                kRules[i].source);
  }
}

// ---- Events ------------------------------------------------------------------------------------

bool Normaliser::is_uncertain(int slot, const std::string& path) const {
  const auto& uncertain = watches_[slot].uncertain;
  if (uncertain.contains(path)) return true;
  return std::any_of(uncertain.begin(), uncertain.end(), [&](const auto& entry) {
    return entry.second && (entry.first == "/" || path.starts_with(entry.first + "/"));
  });
}

void Normaliser::drop_events(int slot, std::vector<Item>& oracle, std::vector<Item>& ours) {
  if (watches_[slot].uncertain.empty()) return;
  const auto dropped = [&](const Item& item) {
    if (!item.event) return false;
    const std::string path = item.text("path");
    return path.size() > 2 && is_uncertain(slot, path.substr(1, path.size() - 2));
  };
  const auto count = std::erase_if(oracle, dropped) + std::erase_if(ours, dropped);
  if (count > 0) use(RuleId::WatchModes);
}

/// Only where a path came back as it was asked for: no node has such a name.
void Normaliser::same_character(Item& oracle, Item& ours) {
  Field *theirs = oracle.find("path"), *own = ours.find("path");
  if (theirs == nullptr || own == nullptr || theirs->text == own->text) return;
  // What two surrogates are when they are read as UTF-8.
  static const std::string kRead = "\\xef\\xbf\\xbd\\xef\\xbf\\xbd",
                           kMeant = "\\xf0\\x9f\\x98\\x80";
  const std::size_t at = own->text.find(kMeant);
  if (at == std::string::npos) return;
  std::string text = own->text;
  if (text.replace(at, kMeant.size(), kRead) != theirs->text) return;
  own->text = theirs->text;
  use(RuleId::Surrogates);
}

void Normaliser::event(Item& oracle, Item& ours) {
  same_character(oracle, ours);
  Field *theirs = oracle.find("zxid"), *own = ours.find("zxid");
  if (theirs == nullptr || own == nullptr || theirs->number != -1 || own->number <= 0) return;
  own->number = -1;
  use(RuleId::EventZxid);
}

// ---- Replies -----------------------------------------------------------------------------------

void Normaliser::watch_query(int slot, const Request& request, Item& oracle, Item& ours) {
  const auto [path, type] = path_and_number(request);
  constexpr std::int32_t kMarshalling = -5, kNoWatcher = -121;
  const bool ours_answers = ours.err == 0 || ours.err == kNoWatcher;
  Watches& watches = watches_[slot];
  const auto at = watches.on.find(path);
  const unsigned kinds = at == watches.on.end() ? 0 : at->second;
  RuleId used;
  if ((type == 4 || type == 5) && oracle.err == kMarshalling && ours_answers) {
    used = RuleId::WatcherTypes;
  } else if (request.op == static_cast<std::int32_t>(OpCode::CheckWatches) && oracle.err == 0 &&
             ours.err == kNoWatcher && (below_recursive(slot, path) || anybody_watches(path))) {
    used = RuleId::AncestorWatch;
  } else if (request.op == static_cast<std::int32_t>(OpCode::CheckWatches) &&
             oracle.err == kMarshalling && ours.err == kNoWatcher && !path.starts_with('/')) {
    used = RuleId::AncestorWatch;  // On its way up from such a path the older server stumbles.
  } else if (ours_answers &&
             (is_uncertain(slot, path) || (kinds & (kPersistent | kRecursive)) != 0)) {
    used = RuleId::WatchModes;
  } else {
    return;
  }
  if (request.op == static_cast<std::int32_t>(OpCode::RemoveWatches) && kinds != 0) {
    watches.uncertain[path] |= (kinds & kRecursive) != 0;
  }
  keep_header(oracle);
  keep_header(ours);
  use(used);
}

bool Normaliser::anybody_watches(const std::string& path) const {
  return std::any_of(std::begin(watches_), std::end(watches_),
                     [&](const Watches& one) { return one.on.contains(path); });
}

bool Normaliser::below_recursive(int slot, const std::string& path) const {
  const auto& on = watches_[slot].on;
  return std::any_of(on.begin(), on.end(), [&](const auto& entry) {
    return (entry.second & kRecursive) != 0 &&
           (entry.first == "/" || path.starts_with(entry.first));
  });
}

void Normaliser::reply(int slot, const Request& request, Item& oracle, Item& ours) {
  const auto op = static_cast<OpCode>(request.op);
  if ((op == OpCode::RemoveWatches || op == OpCode::CheckWatches) && oracle.err != ours.err) {
    return watch_query(slot, request, oracle, ours);
  }
  if (op == OpCode::Sync) same_character(oracle, ours);
  constexpr std::int32_t kNoAuth = -102;
  if (op == OpCode::Exists && oracle.err == 0 && ours.err == kNoAuth) {
    const auto asked = decode_all<PathWatchRequest>(request.body);
    // The older server has set the watch, which may fire once the list is another.
    if (asked && asked->watch) {
      watches_[slot].uncertain.emplace(asked->path, false);
      watches_[slot].on.try_emplace(asked->path, 0U);
    }
    keep_header(oracle);
    keep_header(ours);
    return use(RuleId::ExistsRead);
  }
  if (op == OpCode::Multi && oracle.err == 0 && ours.err == -5 && has_odd_flags(request)) {
    keep_header(oracle);
    keep_header(ours);
    return use(RuleId::MultiFlags);
  }
  if (op == OpCode::Multi) {
    for (int part = 0; ours.find(std::to_string(part) + ".type") != nullptr; ++part) {
      const std::string prefix = std::to_string(part) + ".";
      if (oracle.text(prefix + "type") != "1" || ours.text(prefix + "type") != "15") continue;
      ours.find(prefix + "type")->text = "1";
      for (const char* name :
           {"czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeralOwner",
            "dataLength", "numChildren", "pzxid"}) {
        ours.erase(prefix + name);
      }
      use(RuleId::MultiCreate2);
    }
  }
  if (op == OpCode::GetAcl && oracle.text("acl") != ours.text("acl") &&
      oracle.text("acl").find("\"digest\"") != std::string::npos &&
      sorted_entries(oracle.text("acl")) == sorted_entries(ours.text("acl"))) {
    ours.find("acl")->text = oracle.text("acl");
    use(RuleId::AuthOrder);
  }
}

// ---- Which watches there are -------------------------------------------------------------------

void Normaliser::note_watch(int slot, const std::string& path, unsigned kind) {
  unsigned& kinds = watches_[slot].on[path];
  kinds |= kind;
  const bool lasting = (kinds & (kPersistent | kRecursive)) != 0;
  if (lasting && std::popcount(kinds) > 1) {
    watches_[slot].uncertain[path] |= (kinds & kRecursive) != 0;
  }
}

void Normaliser::note_reply(int slot, const Request& request, const Item& ours) {
  const auto op = static_cast<OpCode>(request.op);
  constexpr std::int32_t kNoNode = -101;
  if (ours.err != 0 && !(op == OpCode::Exists && ours.err == kNoNode)) return;
  JuteReader in(request.body);
  switch (op) {
    case OpCode::Exists:
    case OpCode::GetData:
    case OpCode::GetChildren:
    case OpCode::GetChildren2: {
      PathWatchRequest record;
      decode(in, record);
      const bool child = op == OpCode::GetChildren || op == OpCode::GetChildren2;
      if (record.watch) note_watch(slot, record.path, child ? kChild : kData);
      return;
    }
    case OpCode::AddWatch: {
      const auto [path, mode] = path_and_number(request);
      return note_watch(slot, path, mode == 0 ? kPersistent : kRecursive);
    }
    case OpCode::SetWatches:
    case OpCode::SetWatches2: {
      SetWatches2Request record;
      if (op == OpCode::SetWatches2) {
        decode(in, record);
      } else {
        decode(in, record.base);
      }
      for (const std::string& one : record.base.data_watches) note_watch(slot, one, kData);
      for (const std::string& one : record.base.exist_watches) note_watch(slot, one, kData);
      for (const std::string& one : record.base.child_watches) note_watch(slot, one, kChild);
      for (const std::string& one : record.persistent_watches) note_watch(slot, one, kPersistent);
      for (const std::string& one : record.persistent_recursive_watches) {
        note_watch(slot, one, kRecursive);
      }
      return;
    }
    case OpCode::RemoveWatches: {
      const auto [path, type] = path_and_number(request);
      unsigned& kinds = watches_[slot].on[path];
      if (type == 3) kinds = 0;
      if (type == 2) kinds &= ~static_cast<unsigned>(kData);
      if (type == 1) kinds &= ~static_cast<unsigned>(kChild);
      return;
    }
    default:
      return;
  }
}

void Normaliser::note_event(int slot, const Item& ours) {
  const std::string quoted = ours.text("path");
  if (quoted.size() < 3) return;
  const auto at = watches_[slot].on.find(quoted.substr(1, quoted.size() - 2));
  if (at == watches_[slot].on.end()) return;
  const std::string type = ours.text("type");
  if (type == "4" || type == "2") at->second &= ~static_cast<unsigned>(kChild);
  if (type != "4") at->second &= ~static_cast<unsigned>(kData);
}

}  // namespace quorate::differential
