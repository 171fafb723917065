// A resource outside Quorate that workers change, and that refuses those who are late: the totals
// of all jobs, and a file with every effect.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "examples/leader_follower/access_log.h"

namespace leader_follower {

/// Adding to totals is an effect that must not happen twice. A job's counts are added once, and
/// only by the holder of the greatest token that the ledger has been shown for that job: so a
/// worker that was paused, and took itself for the owner, changes nothing any more once another has
/// begun.
///
/// The file has one line per fact, appended before it is answered, and is read again at the start;
/// what a kill cut off in its last line is cut away:
///   begun    JOB TOKEN MEMBER
///   applied  JOB TOKEN MEMBER LINES BAD (PAGE HITS)...     separated by tabs; synced to the disk
///   refused  JOB TOKEN MEMBER GREATEST
/// Any thread.
class Ledger {
 public:
  /// Throws std::runtime_error when the file cannot be used, naming it and why.
  explicit Ledger(const std::string& file);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// "begin JOB TOKEN MEMBER"           ok | stale GREATEST | applied TOKEN
  /// "apply JOB TOKEN MEMBER\n<counts>" the same; `applied` when it has been before, also by this
  /// one "status"                           jobs N applied N refused N lines N bad N "totals"
  /// "HITS\tPAGE" lines, most hits first Anything else: "error WHY".
  std::string answer(std::string_view request);

 private:
  struct Job {
    std::int64_t greatest = 0;  ///< Token that it has been shown.
    std::int64_t applied = 0;   ///< Token under which its counts were added; 0: not yet.
  };
  struct Request {
    std::string job;
    std::int64_t token = 0;
    std::string member;
  };

  static bool decode(std::string_view text, Request& request);
  std::string begin(const Request& request);
  std::string apply(const Request& request, std::string_view counts);
  std::string stale(const Request& request, const Job& job);
  void replay(std::string_view line);
  void write(const std::string& line, bool sync);

  // Requests come on several threads: the mutex keeps the file and what it says in step.
  std::mutex mutex_;
  int file_ = -1;
  std::map<std::string, Job> jobs_;
  Counts totals_;
  std::uint64_t applied_ = 0, refused_ = 0;
};

}  // namespace leader_follower
