// The tree as the specification tells it (tree-semantics 1 to 10): slow, obvious, one map.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/model/operation.h"

namespace quorate::model {

using Ids = std::vector<AuthId>;

struct Event {
  EventType type;
  std::string path;
  std::string shown() const { return std::to_string(static_cast<int>(type)) + ":" + path; }
};

/// What a connection gets, by actor.
using Events = std::map<int, std::vector<Event>>;

struct Reply {
  Code code = Code::Ok;
  Bytes body;
};

/// Who asks: the connection's number is the actor's.
struct Asker {
  int actor = 0;
  std::int64_t session = 0;
  Ids ids;
};

class Model {
 public:
  struct Options {
    bool ttl = false;
  };

  struct Node {
    Buffer data;
    AclList acl;
    std::int64_t czxid = 0, mzxid = 0, pzxid = 0, ctime = 0, mtime = 0, owner = 0;
    std::int32_t version = 0, aversion = 0, creates = 0;
  };

  explicit Model(Options options);

  /// As one txn: everything or nothing, and all at `zxid`.
  Reply write(const Operation& operation, const Asker& asker, std::int64_t zxid, std::int64_t time,
              const Ids (&live)[kActors]);
  Reply read(const Operation& operation, const Asker& asker);
  void drop_watches(int actor);
  void open_session(std::int64_t session) { sessions_.insert(session); }

  /// Since the last call; those of setWatches too.
  Events take_events();

  const std::map<std::string, Node>& nodes() const { return nodes_; }
  Stat stat_of(const std::string& path) const;
  std::vector<std::string> children_of(const std::string& path) const;

 private:
  struct Watch {
    int actor;
    std::string path;
    int kind;  ///< 0 data, 1 child, 2 persistent, 3 recursive.
    friend bool operator==(const Watch&, const Watch&) = default;
  };
  /// An event with the list that decides who may see it.
  struct Fired {
    Event event;
    AclList acl;
  };
  struct Txn {
    const Asker& asker;
    std::int64_t zxid, time;
    std::vector<Fired> fired;
  };

  Code create(const Operation& operation, Txn& txn, std::string& made);
  Code remove(const Operation& operation, Txn& txn);
  Code set_data(const Operation& operation, Txn& txn);
  Code set_acl(const Operation& operation, Txn& txn);
  Code check(const Operation& operation, Txn& txn);
  Code close_session(Txn& txn);
  Reply multi(const Operation& operation, Txn& txn);
  Code single(const Operation& operation, Txn& txn, std::string& made);
  Bytes answer(OpCode op, const std::string& path, const std::string& made) const;
  void delete_node(const std::string& path, Txn& txn);
  void trigger(const Fired& fired, const Ids (&live)[kActors]);
  Code set_watches(const Operation& operation, const Asker& asker);
  Reply read_node(const Operation& operation, const Asker& asker);
  Reply multi_read(const Operation& operation, const Asker& asker);
  Code fix_acl(const AclList& list, const Ids& ids, AclList& fixed) const;
  void watch(int actor, const std::string& path, int kind);
  Code remove_or_check(const Operation& operation, int actor);
  Node* find(const std::string& path);

  Options options_;
  std::map<std::string, Node> nodes_;
  std::set<std::int64_t> sessions_;
  std::vector<Watch> watches_;
  Events events_;
};

bool permitted(const AclList& list, const Ids& ids, std::int32_t perms);
std::string parent_of(const std::string& path);

}  // namespace quorate::model
