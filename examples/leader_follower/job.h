// What a job is, what comes out of it, and how to do one: no coordination here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/leader_follower/access_log.h"

namespace leader_follower {

/// Count the hits per page of a part of a log, which every worker finds under the same path.
struct JobSpec {
  std::string path;
  Shard part;
  std::string digest;  ///< Of the part: a log that has been changed since is not counted.
  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

/// "count BEGIN END DIGEST PATH".
std::string encode(const JobSpec& spec);
std::optional<JobSpec> decode_spec(std::string_view text);

/// A job that was done, as it is stored: by whom, under which tokens, and what came out.
struct Result {
  std::string member;
  std::int64_t token = 0;  ///< Of the assignment under which it was done.
  std::int64_t term = 0;   ///< Of the leader who assigned it.
  std::string spec;
  std::string failure;  ///< Why it cannot be done, by anybody; "" when it was.
  Counts counts;
};

std::string encode(const Result& result);
std::optional<Result> decode_result(std::string_view text);

/// Fills `counts`; or says why the job cannot be done, which is a result, too: a job that stayed in
/// the queue for that would come back for ever.
std::string run(std::string_view spec, Counts& counts);

}  // namespace leader_follower
