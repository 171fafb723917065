// Who belongs to the ensemble, and whether a set of servers is a quorum of it.
#pragma once

#include <cstdint>
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
};

/// Immutable. Majority quorums: more than half of the voters.
class Ensemble {
 public:
  Ensemble() = default;
  /// Sorted by id; ids are distinct (ENSURE).
  explicit Ensemble(std::vector<Member> members, std::int64_t version = 0);

  const std::vector<Member>& members() const { return members_; }
  const Member* find(ServerId id) const;
  bool is_voter(ServerId id) const;
  std::vector<ServerId> voters() const;
  std::size_t voter_count() const { return voter_count_; }
  /// `ids` may hold repeats and non-voters; neither counts.
  bool is_quorum(const std::vector<ServerId>& ids) const;
  std::int64_t version() const { return version_; }
  /// The config text of votes, NEWLEADER and /zookeeper/config: lines joined by LF, ascending id,
  /// last line `version=<hex>`, no LF at the end (zab-protocol section 3.1).
  std::string text() const;

 private:
  std::vector<Member> members_;
  std::size_t voter_count_ = 0;
  std::int64_t version_ = 0;
};

}  // namespace quorate::consensus
