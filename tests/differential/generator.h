// Random requests: most of them sensible, about names that exist, so that answers are rich; some
// with wrong paths, versions, lists and records.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/differential/item.h"
#include "tests/differential/request.h"

namespace quorate::differential {

inline constexpr int kSlots = 5;  ///< Sessions at work at the same time.
/// The slot that sets watches of several kinds on one path. Servers before 3.9 cannot keep them
/// apart, so the others do not.
inline constexpr int kStackingSlot = 4;
inline constexpr const char* kSuperPassword = "super:secret";

struct GeneratorOptions {
  std::string home;             ///< Where nearly all nodes of this run are.
  std::set<std::int32_t> skip;  ///< Operations that are left out.
  bool quota = false;           ///< Also nodes that are quotas.
  bool whole = false;           ///< No record that does not decode.
};

/// What a connect request says besides who connects.
struct ConnectShape {
  std::int32_t protocol_version = 0;
  Mark last_zxid_seen;
  std::int32_t timeout_ms = 60'000;
  Buffer password;    ///< Of a new session; an old one sends its own.
  int read_only = 0;  ///< -1: the byte is left out.
};

class Generator {
 public:
  Generator(Random random, GeneratorOptions options);

  Random& random() { return random_; }

  /// Requests for one session, to be sent in one piece: their answers come in their order.
  std::vector<Request> batch(int slot);
  /// A request that ends its connection, or might.
  Request last_words();
  Request auth();
  Request ping();
  Request close_session();
  Bytes garbage(std::string& what);  ///< Bytes that are no packet of this protocol.
  ConnectShape connect_shape();

  // ---- What the answers tell ----------------------------------------------------------------
  void saw(const Request& request, const Item& reply);
  void saw_zxid(Mark mark);
  void new_connection(int slot) { kinds_[slot].clear(); }

  // ---- Single requests, also for the end of a run -------------------------------------------
  Request of_path(OpCode op, const std::string& path);
  Request with_watch(OpCode op, const std::string& path, bool watch);
  Request deletion(const std::string& path, std::int32_t version);
  Request authenticate(const std::string& scheme, const Buffer& auth);

 private:
  enum class WatchFamily { Standard, Persistent, Recursive };
  using Make = Request (Generator::*)(int slot);
  struct Choice {
    OpCode op;
    unsigned weight;
    Make make;
  };
  static const std::vector<Choice>& choices();
  const Choice& choose();

  Request make(OpCode op, std::string what, Bytes body);
  std::string name_of(OpCode op) const;

  Request one(int slot);
  Request create(int slot);
  Request create_ttl(int slot);
  Request remove(int slot);
  Request set_data(int slot);
  Request set_acl(int slot);
  Request read_with_watch(int slot);
  Request read_path(int slot);
  Request ping_in_turn(int slot) { return (void)slot, ping(); }
  Request multi(int slot);
  Request multi_read(int slot);
  Request set_watches(int slot);
  Request add_watch(int slot);
  Request change_watches(int slot);
  Request get_ephemerals(int slot);
  Request who_am_i(int slot);
  Request reconfig(int slot);
  Request quota_node(int slot);

  Request create_at(OpCode op, const std::string& path, std::int32_t flags);
  Request create_ttl_at(const std::string& path, std::int32_t flags);
  Request set_data_at(const std::string& path);
  Request check_at(const std::string& path);
  void append_sub(Bytes& body, const Request& sub);
  void damage(Bytes& body);

  bool allowed(OpCode op) const { return !options_.skip.contains(static_cast<std::int32_t>(op)); }
  WatchFamily family(int slot, const std::string& path);
  std::string path();       ///< Likely to exist.
  std::string free_path();  ///< Likely not to.
  std::string home_path(int depth);
  std::string bad_path();
  std::string watch_path(int slot, WatchFamily family);
  std::int32_t version_of(const std::string& path);
  Buffer data();
  std::optional<AclList> acl();
  std::optional<AclList> acl_for(const std::string& path);
  std::int32_t flags();
  /// In a multi of 3.8 the flags decide what a create is, whatever its op: only those that mean the
  /// same to both.
  std::int32_t multi_flags();
  Mark mark();

  Random random_;
  GeneratorOptions options_;
  std::int32_t next_xid_ = 1;
  std::deque<std::string> created_;
  std::map<std::string, std::int32_t> versions_, acl_versions_;
  std::deque<Mark> marks_;
  std::map<std::string, WatchFamily> kinds_[kSlots];
  OpCode chosen_ = OpCode::Ping;  ///< Which row of choices() a function works for.
};

}  // namespace quorate::differential
