// listquota, setquota, delquota: quotas are znodes below /zookeeper/quota.
#include "shell/command_table.h"
#include "shell/walk.h"

namespace quorate::shell {

namespace {

constexpr const char* kRoot = "/zookeeper/quota";

std::string limits_path(const std::string& path) {
  return std::string(kRoot) + path + "/zookeeper_limits";
}
std::string stat_path(const std::string& path) {
  return std::string(kRoot) + path + "/zookeeper_stats";
}

/// Limits or usage of a subtree; -1 is no limit.
struct Quota {
  std::int64_t count = -1;
  std::int64_t bytes = -1;
  std::int64_t hard_count = -1;
  std::int64_t hard_bytes = -1;

  /// ZooKeeper's text. The odd "=;" is what its releases since 3.5.10 write and read.
  std::string text() const {
    return "count=" + std::to_string(count) + ",bytes=" + std::to_string(bytes) +
           "=;byteHardLimit=" + std::to_string(hard_bytes) +
           ";countHardLimit=" + std::to_string(hard_count);
  }
};

Quota parse_quota(const std::string& text) {
  Quota quota;
  std::string piece;
  for (const char c : text + ",") {
    if (c != ',' && c != ';') {
      piece += c;
      continue;
    }
    const std::size_t equals = piece.find('=');
    if (equals != std::string::npos) {
      std::string number = piece.substr(equals + 1);
      if (number.ends_with('=')) number.pop_back();
      const std::int64_t value = parse_int64(number).value_or(-1);
      const std::string name = piece.substr(0, equals);
      if (name == "count") quota.count = value;
      if (name == "bytes") quota.bytes = value;
      if (name == "countHardLimit") quota.hard_count = value;
      if (name == "byteHardLimit") quota.hard_bytes = value;
    }
    piece.clear();
  }
  return quota;
}

Json quota_json(const Quota& quota, bool hard) {
  Json json{{"count", quota.count}, {"bytes", quota.bytes}};
  if (hard) {
    json["countHardLimit"] = quota.hard_count;
    json["byteHardLimit"] = quota.hard_bytes;
  }
  return json;
}

Exit run_listquota(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  if (!session.style().json) session.output.err("absolute path is " + limits_path(path));
  auto limits = session.remote.get_data(limits_path(path));
  if (limits.code == client::Code::NoNode) {
    return session.refuse("quota for " + path + " does not exist.",
                          session.style().zkcli ? Exit::Ok : Exit::ErrorAnswer);
  }
  if (!limits) return session.finish(limits, path);
  auto usage = session.remote.get_data(stat_path(path));
  if (!usage && usage.code != client::Code::NoNode) return session.finish(usage, path);
  const std::string limit_text = limits.value.data.value_or("");
  const std::string usage_text = usage.value.data.value_or("");
  return session.answer("Output quota for " + path + " " + limit_text + "\nOutput stat for " +
                            path + " " + usage_text + "\n",
                        Json{{"path", path},
                             {"quota", quota_json(parse_quota(limit_text), true)},
                             {"usage", quota_json(parse_quota(usage_text), false)}});
}

/// Which limit an option names, in the order they are looked for.
struct Kind {
  const char* option;
  std::int64_t Quota::*field;
  bool count;
};
constexpr Kind kKinds[] = {{"n", &Quota::count, true},
                           {"b", &Quota::bytes, false},
                           {"N", &Quota::hard_count, true},
                           {"B", &Quota::hard_bytes, false}};

const Kind* kind_of(const Arguments& arguments) {
  for (const Kind& each : kKinds) {
    if (arguments.has(each.option)) return &each;
  }
  return nullptr;
}

/// Another quota above or below would count the same nodes twice, which servers do not do.
Exit check_relatives(Session& session, const std::string& path) {
  for (std::string above = parent_path(path); path != "/"; above = parent_path(above)) {
    auto limits = session.remote.get_data(limits_path(above == "/" ? "" : above));
    if (limits) {
      return session.refuse(path + " has a parent " + above + " which has a quota",
                            Exit::ErrorAnswer);
    }
    if (limits.code != client::Code::NoNode) return session.finish(limits, above);
    if (above == "/") break;
  }
  const std::string own = kRoot + path;
  std::string below;
  auto exists = session.remote.exists(own);
  if (exists.code == client::Code::NoNode) return Exit::Ok;
  WalkOptions options;
  options.stat = false;
  const Exit walked = walk(session, own, options, [&](Visit& visit) {
    if (last_name(visit.path) != "zookeeper_limits" || visit.path == limits_path(path)) return true;
    below = parent_path(visit.path).substr(std::string(kRoot).size());
    return false;
  });
  if (walked != Exit::Ok || below.empty()) return walked;
  return session.refuse(path + " has a child " + below + " which has a quota", Exit::ErrorAnswer);
}

template <class T>
Status outcome_of(const Reply<T>& reply) {
  Status status;
  status.code = reply.code;
  status.message = reply.message;
  return status;
}

/// Creates the quota's node and those above it as far as they are missing.
Status store(Session& session, const std::string& path, const std::string& text) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    auto made = session.remote.create(path.substr(0, at), client::Buffer(), {});
    if (!made && made.code != client::Code::NodeExists) return outcome_of(made);
  }
  auto made = session.remote.create(path, text, {});
  if (made.code != client::Code::NodeExists) return outcome_of(made);
  return outcome_of(session.remote.set_data(path, text, client::kAnyVersion));
}

void warn_of_use(Session& session, const std::string& path, const Kind& kind, std::int64_t limit) {
  auto usage = session.remote.get_data(stat_path(path));
  if (!usage || session.style().json) return;
  const Quota used = parse_quota(usage.value.data.value_or(""));
  const std::int64_t now = kind.count ? used.count : used.bytes;
  if (now <= limit) return;
  const std::string what = kind.count ? "count" : "bytes";
  session.output.out("[Warning]: the " + what + " quota you create is less than the existing " +
                     what + ":" + std::to_string(now) + "\n");
}

Exit set_quota(Session& session, const std::string& path, const Kind& kind, std::int64_t value) {
  auto existing = session.remote.get_data(limits_path(path));
  if (!existing && existing.code != client::Code::NoNode) return session.finish(existing, path);
  Quota quota;
  if (existing) quota = parse_quota(existing.value.data.value_or(""));
  quota.*kind.field = value;
  Status stored = store(session, limits_path(path), quota.text());
  // The server counts from the moment this node is there.
  if (stored && !existing) stored = store(session, stat_path(path), "count=0,bytes=0");
  if (!stored) return session.finish(stored, path);
  warn_of_use(session, path, kind, value);
  return session.answer("", Json{{"path", path}, {"quota", quota_json(quota, true)}});
}

Exit run_setquota(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  const Kind* kind = kind_of(arguments);
  if (kind == nullptr) return session.refuse("one of -n, -b, -N, -B is needed");
  if (arguments.options.size() > 1) return session.refuse("one limit at a time");
  const auto value = parse_int64(arguments.value(kind->option));
  if (!value) return session.refuse("NumberFormatException happens when parsing the option value");
  if (kind->count ? *value <= 0 : *value < 0) {
    return session.refuse(kind->count ? "the num quota must be greater than zero"
                                      : "the bytes quota must not be negative");
  }
  if (path.starts_with(kRoot)) {
    return session.refuse("cannot set a quota under the path: " + std::string(kRoot));
  }
  auto exists = session.remote.exists(path);
  if (exists.code == client::Code::NoNode) {
    return session.refuse(path + " does not exist.", Exit::ErrorAnswer);
  }
  if (!exists) return session.finish(exists, path);
  if (const Exit fault = check_relatives(session, path); fault != Exit::Ok) return fault;
  return set_quota(session, path, *kind, *value);
}

/// Takes the quota's nodes away, and those above them that have no other child.
Exit drop_quota(Session& session, const std::string& path) {
  for (const std::string& each : {limits_path(path), stat_path(path)}) {
    const Status gone = session.remote.remove(each, client::kAnyVersion);
    if (!gone && gone.code != client::Code::NoNode) return session.finish(gone, path);
  }
  for (std::string at = kRoot + path; at != kRoot; at = parent_path(at)) {
    if (!session.remote.remove(at, client::kAnyVersion)) break;
  }
  return session.answer("", Json{{"path", path}, {"quota", nullptr}});
}

Exit run_delquota(Session& session, const Arguments& arguments) {
  const std::string& path = arguments.words[0];
  if (arguments.options.size() > 1) return session.refuse("one limit at a time");
  auto limits = session.remote.get_data(limits_path(path));
  if (limits.code == client::Code::NoNode) {
    const std::string text = "Quota does not exist for " + path;
    if (!session.style().zkcli) return session.refuse(text, Exit::ErrorAnswer);
    session.output.out(text + "\n");
    return Exit::Ok;
  }
  if (!limits) return session.finish(limits, path);
  const Kind* kind = kind_of(arguments);
  if (kind == nullptr) return drop_quota(session, path);
  Quota quota = parse_quota(limits.value.data.value_or(""));
  quota.*kind->field = -1;
  auto reply = session.remote.set_data(limits_path(path), quota.text(), client::kAnyVersion);
  if (!reply) return session.finish(reply, path);
  return session.answer("", Json{{"path", path}, {"quota", quota_json(quota, true)}});
}

}  // namespace

std::vector<Command> quota_commands() {
  return {
      {"listquota",
       "path",
       "print the limits of a subtree and what it uses",
       "listquota /app",
       {},
       1,
       1,
       Paths::First,
       run_listquota},
      {"setquota",
       "-n|-b|-N|-B value path",
       "limit a subtree",
       "setquota -N 10000 /app",
       {{"n", "value", "warn above so many nodes"},
        {"b", "value", "warn above so many bytes"},
        {"N", "value", "refuse more nodes than this"},
        {"B", "value", "refuse more bytes than this"}},
       1,
       1,
       Paths::First,
       run_setquota},
      {"delquota",
       "[-n|-b|-N|-B] path",
       "take one limit of a subtree away, or all",
       "delquota -N /app",
       {{"n", "", "the soft limit of nodes"},
        {"b", "", "the soft limit of bytes"},
        {"N", "", "the hard limit of nodes"},
        {"B", "", "the hard limit of bytes"}},
       1,
       1,
       Paths::First,
       run_delquota},
  };
}

}  // namespace quorate::shell
