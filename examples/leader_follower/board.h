// The znodes of one pool of workers, and every change of them that has a condition.
//
//   /leader_follower/<pool>/election      candidates (quorate/recipes/election.h)
//                          /term          "TOKEN MEMBER" of the latest leader; its version is the
//                          fence /members/M     ephemeral, its capacity; one per worker and session
//                          /queue/J       what is to be done; stays until it is done
//                          /assigned/M/J  term of the leader who gave J to M; its czxid is the
//                                         fencing token of this assignment
//                          /done/J        by whom, under which tokens, the result
//                          /submitted/S   ephemeral: a submission under way, how many jobs it made
//                          /refused/WHO   counters: late effects of "leader" and "worker"
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "examples/leader_follower/bell.h"
#include "examples/leader_follower/plan.h"
#include "quorate/sync_client.h"

namespace leader_follower {

/// Queued and done jobs together; a submission beyond it is refused. Lists of so many names are
/// what a reply and a reader can bear.
inline constexpr std::size_t kJobsMax = 10'000;

/// How the board took a change that had a condition.
enum class Taken {
  Done,
  Refused,  ///< Who asked is late: a later token has gone before. Nothing was changed.
  Changed,  ///< What it was planned for has changed meanwhile. Nothing was changed; look again.
};

/// A leader's time in office.
struct Term {
  std::int64_t token = 0;  ///< Of the election: a later leader's is greater.
  std::string member;
  std::int32_t version = 0;  ///< Of the znode term: how many have taken office.
};

/// A job in the hands of a member.
struct Claim {
  std::string member;
  std::string job;
  std::int64_t token = 0;  ///< A later assignment of the same job has a greater one.
  std::int64_t term = 0;
};

/// Every function repeats itself while the connection is lost, which is safe for all of them, and
/// otherwise answers with the server's code. From any thread but the client's.
class Board {
 public:
  Board(qc::SyncClient& client, const std::string& pool)
      : client_(client), root_("/leader_follower/" + pool) {}

  std::string path(const std::string& tail) const { return root_ + "/" + tail; }
  qc::SyncClient& client() { return client_; }

  /// The folders above; they may exist.
  Code make_folders();

  qc::Reply<std::string> read(const std::string& tail);
  /// The node's children; `bell`, if given, rings when they change.
  qc::Reply<std::vector<std::string>> list(const std::string& tail, Bell* bell = nullptr);
  /// How many children the node has.
  qc::Reply<std::size_t> count(const std::string& tail);

  /// Member and its place for assignments, together: a leader never sees the one without the other.
  Code join(const std::string& member, std::size_t capacity);
  qc::Reply<Claim> claim(const std::string& member, const std::string& job);
  /// The job is done: out of the queue, and `result` stored, if the assignment still stands.
  qc::Reply<Taken> commit(const Claim& claim, const std::string& result);

  /// Who has taken office now: `token`'s owner, or a later leader, who is in its way for good.
  qc::Reply<Term> take_office(std::int64_t token, const std::string& member);
  qc::Reply<Term> term();
  /// Changes the assignments, if nobody has taken office since. A plan may be carried out in part
  /// when the answer is not Done; each assignment is whole.
  qc::Reply<Taken> carry_out(const Term& term, const Plan& plan);

  /// For the status: somebody's late effect was refused.
  Code count_refusal(const std::string& who);
  qc::Reply<std::int64_t> refusals(const std::string& who);

  /// Puts jobs into the queue, each once whatever replies are lost; their names begin with the
  /// reply. QuotaExceeded when there would be more than kJobsMax.
  qc::Reply<std::string> submit(const std::vector<std::string>& specs);
  Code remove(const std::string& tail);  ///< Ok when it is not there.

 private:
  qc::Reply<Taken> assign_some(const qc::Transaction& changes);

  qc::SyncClient& client_;
  std::string root_;
};

/// "000042": names sort as numbers.
std::string number_name(std::uint64_t number);

/// The session has ended, whatever the operation was.
bool session_over(Code code);

}  // namespace leader_follower
