// What the tree must be, told by the committed records alone: a second, plain implementation, with
// the whole history of every path, to judge writes when they commit and reads at their zxid.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/members.h"
#include "znode/proto/records.h"

namespace quorate::sim {

struct ModelNode {
  bool exists = false;
  Buffer data;
  std::int32_t version = 0;
  std::int32_t creates = 0;
  std::int64_t czxid = 0, mzxid = 0, pzxid = 0;
  std::int64_t owner = 0;
  bool container = false;
  std::int64_t ttl_ms = 0, mtime = 0;                     ///< ttl_ms 0: none.
  std::shared_ptr<const std::set<std::string>> children;  ///< Never null while it exists.

  Stat stat(std::int64_t created_ms, std::int64_t written_ms) const;
};

/// A write as a client asked for it.
struct WriteIntent {
  OpCode op = OpCode::Error;
  std::string path;
  Buffer data;
  std::int32_t flags = 0;
  std::int32_t version = kAnyVersion;
  std::optional<MembersIntent> members;  ///< Of a reconfig.
};

class Model {
 public:
  Model();

  /// What the write must answer if it is the next txn; `path` is the path it will have.
  /// `alive`: its session is.
  Code expect(const WriteIntent& intent, std::string& path, bool alive) const;

  /// Applies the next committed txn. Returns what is wrong with it, or nothing.
  std::string apply(const TxnHeader& header, JuteReader& in);

  /// The node as of `zxid`; nullptr when it has never been there by then.
  const ModelNode* at(const std::string& path, Zxid zxid) const;
  const ModelNode* now(const std::string& path) const;
  /// The first zxid after `zxid` at which the node was created, changed or deleted (`data`), or its
  /// children changed or it was deleted (`child`); nothing when there is none so far.
  std::optional<Zxid> next_data_change(const std::string& path, Zxid zxid) const;
  std::optional<Zxid> next_child_change(const std::string& path, Zxid zxid) const;

  bool session_alive(SessionId session) const { return sessions_.contains(session); }
  bool session_closed(SessionId session) const { return closed_.contains(session); }
  const std::map<SessionId, std::int32_t>& sessions() const { return sessions_; }
  std::set<std::string> ephemerals(SessionId session) const;

 private:
  struct Version {
    std::int64_t zxid;
    ModelNode node;
  };
  using Versions = std::vector<Version>;
  static Versions::const_iterator after(const Versions& versions, Zxid zxid);
  std::string create(const TxnHeader& header, const CreateTxn& txn, bool container = false,
                     std::int64_t ttl_ms = 0);
  /// A delete by the leader's reaper.
  std::string reap(const TxnHeader& header, const std::string& path);
  std::string erase(Zxid zxid, const std::string& path);
  std::string close(const TxnHeader& header, const CloseSessionTxn& txn);
  std::string apply_all(const TxnHeader& header, const MultiTxn& multi);
  void put(const std::string& path, Zxid zxid, ModelNode node);

  std::map<std::string, std::vector<Version>> paths_;
  std::map<SessionId, std::int32_t> sessions_;
  std::set<SessionId> closed_;
  std::map<SessionId, std::set<std::string>> ephemerals_;
};

std::string parent_of(const std::string& path);

}  // namespace quorate::sim
