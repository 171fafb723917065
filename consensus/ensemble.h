// Who belongs to the ensemble, and whether a set of servers is a quorum of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"

namespace quorate::consensus {

/// A `server.N` line.
struct Member {
  ServerId id;
  std::string host;
  std::uint16_t quorum_port = 0;
  std::uint16_t election_port = 0;
  bool observer = false;
  std::string client_address;  ///< What stands behind ';', empty when absent.
  friend bool operator==(const Member&, const Member&) = default;
};

/// Hierarchical quorums: `group.G` lines and the `weight.N` lines that differ from 1.
struct QuorumGroups {
  std::map<std::int64_t, std::vector<ServerId>> groups;  ///< Empty: majority quorums.
  std::map<ServerId, std::int64_t> weights;
  friend bool operator==(const QuorumGroups&, const QuorumGroups&) = default;
};

/// Immutable. A quorum is more than half of the voters; with groups, more than half of the weight
/// in more than half of the groups whose weight is not 0 (zab-protocol section 4.4).
class Ensemble {
 public:
  Ensemble() = default;
  /// Sorted by id; ids are distinct, every voter is in exactly one group if there are groups, and
  /// no group names another server (ENSURE).
  explicit Ensemble(std::vector<Member> members, std::int64_t version = 0,
                    QuorumGroups groups = {});

  const std::vector<Member>& members() const { return members_; }
  const Member* find(ServerId id) const;
  bool is_voter(ServerId id) const;
  std::vector<ServerId> voters() const;
  std::size_t voter_count() const { return voter_count_; }
  bool hierarchical() const { return !groups_.groups.empty(); }
  const QuorumGroups& groups() const { return groups_; }
  std::int64_t weight(ServerId id) const;  ///< 1 unless a line says otherwise.
  /// `ids` may hold repeats and non-voters; neither counts.
  bool is_quorum(const std::vector<ServerId>& ids) const;
  std::int64_t version() const { return version_; }
  /// The config text of votes, NEWLEADER and /zookeeper/config: lines joined by LF, ascending id,
  /// last line `version=<hex>`, no LF at the end (zab-protocol section 3.1).
  std::string text() const;

  /// The same in all but the version.
  bool same_members(const Ensemble& other) const {
    return members_ == other.members_ && groups_ == other.groups_;
  }

 private:
  std::vector<Member> members_;
  QuorumGroups groups_;
  std::size_t voter_count_ = 0;
  std::int64_t version_ = 0;
};

}  // namespace quorate::consensus
