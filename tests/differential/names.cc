// The values that requests are made of: paths, versions, data, lists.
#include <climits>

#include "tests/differential/generator.h"

namespace quorate::differential {

namespace {

constexpr const char* kUser1 = "user1:GMJqCvSAmNfv41XqBotWHO0HsNc=";
constexpr const char* kUser2 = "user2:bpD4uPzrrsGNcJsBFLRErJIlBog=";

Acl acl_of(std::int32_t perms, const char* scheme, const char* id) {
  return {perms, {scheme, id}};
}

/// Lists that are accepted but not open to all.
const std::vector<AclList>& closed_lists() {
  static const std::vector<AclList> all = {
      {acl_of(perm::kRead, "world", "anyone")},
      {acl_of(perm::kAll, "digest", kUser1)},
      {acl_of(perm::kAll, "digest", kUser1), acl_of(perm::kAll, "digest", kUser2)},
      {acl_of(perm::kRead, "digest", kUser1), acl_of(perm::kAll, "digest", kUser2)},
      {acl_of(perm::kAll, "digest", kUser2), acl_of(perm::kRead, "world", "anyone")},
      {acl_of(perm::kAll, "ip", "127.0.0.1")},
      {acl_of(perm::kAll, "ip", "127.0.0.0/8")},
      {acl_of(perm::kAll, "ip", "10.0.0.0/8"), acl_of(perm::kCreate, "world", "anyone")},
      {acl_of(perm::kAll, "ip", "128.0.0.1/0")},
      {acl_of(perm::kAll, "auth", "")},
      {acl_of(perm::kRead, "auth", "whatever"), acl_of(perm::kWrite, "world", "anyone")},
      {acl_of(0, "world", "anyone")},
      {acl_of(perm::kAdmin, "world", "anyone")},
      {acl_of(perm::kWrite, "world", "anyone"), acl_of(perm::kAdmin, "digest", kUser1)},
      {acl_of(perm::kRead | perm::kCreate, "world", "anyone"),
       acl_of(perm::kDelete, "digest", kUser2)},
  };
  return all;
}

/// Lists that are refused, or look odd.
const std::vector<AclList>& odd_lists() {
  static const std::vector<AclList> all = {
      {},
      {acl_of(perm::kAll, "world", "anybody")},
      {acl_of(perm::kAll, "world", "")},
      {acl_of(perm::kAll, "digest", "nocolon")},
      {acl_of(perm::kAll, "digest", "a:b:c")},
      {acl_of(perm::kAll, "digest", ":")},
      {acl_of(perm::kAll, "digest", "user:")},
      {acl_of(perm::kAll, "digest", ":hash")},
      {acl_of(perm::kAll, "ip", "localhost")},
      {acl_of(perm::kAll, "ip", "127.0.0.1/33")},
      {acl_of(perm::kAll, "ip", "127.0.0.1/-1")},
      {acl_of(perm::kAll, "ip", "127.0.0.1/x")},
      {acl_of(perm::kAll, "ip", "127.0.0.256")},
      {acl_of(perm::kAll, "ip", "127.0.0")},
      {acl_of(perm::kAll, "ip", "")},
      {acl_of(perm::kAll, "super", "")},
      {acl_of(perm::kAll, "nonsense", "x")},
      {acl_of(perm::kAll, "", "")},
      {acl_of(0xff, "world", "anyone")},
      {acl_of(-1, "world", "anyone")},
      {acl_of(perm::kAll, "world", "anyone"), acl_of(perm::kAll, "world", "anyone")},
      {acl_of(perm::kAll, "world", "anyone"), acl_of(perm::kRead, "world", "anyone"),
       acl_of(perm::kAll, "world", "anyone")},
      {acl_of(perm::kAll, "world", "anyone"), acl_of(perm::kAll, "nonsense", "x")},
  };
  return all;
}

template <class T>
const T& pick(Random& random, const std::vector<T>& from) {
  return from[random.below(from.size())];
}

}  // namespace

std::string Generator::home_path(int depth) {
  static const std::vector<std::string> kNames = {"a", "b", "c", "d", "e"};
  std::string path = options_.home;
  for (int i = 0; i < depth; ++i) path += "/" + pick(random_, kNames);
  return path;
}

std::string Generator::bad_path() {
  const std::string& home = options_.home;
  const std::vector<std::string> bad = {
      "",
      "a",
      "relative/x",
      "//",
      home + "/",
      home + "//x",
      home + "/./x",
      home + "/..",
      home + "/.",
      home + "/a/",
      home + "/...",
      home + "/.a",
      home + "/ ",
      home + "/%",
      home + "/zookeeper",
      home + "/\x01",
      home + "/\x1f",
      home + "/\x7f",
      home + "/\xc2\x80",
      home + "/\xc2\x9f",
      home + "/\xc2\xa0",
      home + "/\xc3\xa9",
      home + "/\xed\x9f\xbf",
      home + "/\xed\xa0\x80",
      home + "/\xee\x80\x80",
      home + "/\xef\xa3\xbf",
      home + "/\xef\xa4\x80",
      home + "/\xef\xbf\xaf",
      home + "/\xef\xbf\xb0",
      home + "/\xef\xbb\xbf",
      home + "/\xf0\x9f\x98\x80",
      home + "/\xff\xfe",
      home + "/\xc0\x80",
      home + "/\xe2\x82",
      home + "/\xf0\x9f\x98",
      home + std::string("/n\0ul", 5),
      home + "/a/b/c/d/e/f",
      std::string("\0", 1),
  };
  return pick(random_, bad);
}

std::string Generator::path() {
  static const std::vector<std::string> kReserved = {"/", "/zookeeper", "/zookeeper/quota",
                                                     "/zookeeper/config", "/zookeeper/nothing"};
  const auto roll = random_.below(100);
  if (roll < 5) return bad_path();
  if (roll < 8) return pick(random_, kReserved);
  if (roll < 13) return options_.home;
  if (roll < 65 && !created_.empty()) return created_[random_.below(created_.size())];
  return home_path(1 + static_cast<int>(random_.below(3)));
}

std::string Generator::free_path() {
  const auto roll = random_.below(100);
  if (roll < 4) return bad_path();
  if (roll < 6) return path();
  if (roll < 8) return random_.percent(50) ? "/" : options_.home + "/";
  std::string parent = options_.home;
  if (roll < 60 && !created_.empty()) parent = created_[random_.below(created_.size())];
  if (std::count(parent.begin(), parent.end(), '/') > 5) parent = options_.home;
  static const std::vector<std::string> kNames = {"a",  "b",  "c", "d",        "e",
                                                  "s-", "s-", "",  "long-name"};
  return parent + "/" + pick(random_, kNames);
}

std::int32_t Generator::version_of(const std::string& path) {
  static const std::vector<std::int32_t> kOdd = {-2, 7, INT_MAX, INT_MIN, 0, 1, 2};
  const auto roll = random_.below(100);
  if (roll < 55) return kAnyVersion;
  if (roll < 65) return pick(random_, kOdd);
  if (const auto at = versions_.find(path); at != versions_.end()) return at->second;
  return static_cast<std::int32_t>(random_.below(3));
}

Buffer Generator::data() {
  const auto roll = random_.below(1000);
  if (roll < 80) return std::nullopt;
  if (roll < 160) return Buffer("");
  std::size_t size = 1 + random_.below(16);
  if (roll > 900) size = random_.below(3000);
  if (roll > 997) size = random_.below(200'000);
  std::string bytes(size, '\0');
  for (char& one : bytes) one = static_cast<char>(random_.below(256));
  return bytes;
}

std::optional<AclList> Generator::acl() {
  const auto roll = random_.below(100);
  if (roll < 70) return open_acl();
  if (roll < 88) return pick(random_, closed_lists());
  if (roll < 89) return std::nullopt;
  return pick(random_, odd_lists());
}

std::optional<AclList> Generator::acl_for(const std::string& path) {
  // What closes the way to everything would end the run's variety.
  if (path == options_.home || path == "/" || path.starts_with("/zookeeper") || path.empty()) {
    const AclList& odd = pick(random_, odd_lists());
    const bool digest = !odd.empty() && odd.front().who.scheme == "digest";
    return digest || random_.percent(50) ? open_acl() : odd;
  }
  return random_.percent(30) ? open_acl() : acl();
}

std::int32_t Generator::flags() {
  static const std::vector<std::int32_t> kOdd = {-1, 7, 8, 127, INT_MAX, INT_MIN};
  const auto roll = random_.below(100);
  if (roll < 45) return 0;
  if (roll < 60) return 1;
  if (roll < 75) return 2;
  if (roll < 85) return 3;
  if (roll < 97) return 4 + static_cast<std::int32_t>(random_.below(3));
  return pick(random_, kOdd);
}

std::int32_t Generator::multi_flags() {
  const std::int32_t drawn = flags();
  return drawn >= 4 && drawn <= 6 ? drawn - 4 : drawn;
}

Mark Generator::mark() {
  if (random_.percent(15)) return {};
  return marks_[random_.below(marks_.size())];
}

}  // namespace quorate::differential
