#include "examples/leader_follower/job.h"

#include <fstream>

#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

/// The part of the file, or nothing when it cannot be read whole.
std::optional<std::string> read_part(const std::string& path, const Shard& part) {
  std::ifstream in(path, std::ios::binary);
  std::string text(part.end - part.begin, '\0');
  in.seekg(static_cast<std::streamoff>(part.begin));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in) return std::nullopt;
  return text;
}

}  // namespace

std::string encode(const JobSpec& spec) {
  return "count " + std::to_string(spec.part.begin) + " " + std::to_string(spec.part.end) + " " +
         spec.digest + " " + spec.path;
}

std::optional<JobSpec> decode_spec(std::string_view text) {
  JobSpec spec;
  if (take_until(text, ' ') != "count") return std::nullopt;
  if (!take_number(take_until(text, ' '), spec.part.begin)) return std::nullopt;
  if (!take_number(take_until(text, ' '), spec.part.end)) return std::nullopt;
  spec.digest = take_until(text, ' ');
  spec.path = text;
  const bool sound = spec.part.begin <= spec.part.end &&
                     spec.part.end - spec.part.begin <= kShardBytesMax && !spec.path.empty();
  if (!sound) return std::nullopt;
  return spec;
}

std::string encode(const Result& result) {
  std::string text = "by " + result.member + " token " + std::to_string(result.token) + " term " +
                     std::to_string(result.term) + "\n" + result.spec + "\n";
  return text + (result.failure.empty() ? encode(result.counts) : "failed " + result.failure);
}

std::optional<Result> decode_result(std::string_view text) {
  Result result;
  std::string_view head = take_until(text, '\n');
  if (take_until(head, ' ') != "by") return std::nullopt;
  result.member = take_until(head, ' ');
  if (take_until(head, ' ') != "token" || !take_number(take_until(head, ' '), result.token)) {
    return std::nullopt;
  }
  if (take_until(head, ' ') != "term" || !take_number(head, result.term)) return std::nullopt;
  result.spec = take_until(text, '\n');
  if (text.starts_with("failed ")) {
    result.failure = text.substr(7);
    return result;
  }
  const std::optional<Counts> counts = decode(text);
  if (!counts) return std::nullopt;
  result.counts = *counts;
  return result;
}

std::string run(std::string_view spec, Counts& counts) {
  const std::optional<JobSpec> job = decode_spec(spec);
  if (!job) return "the job cannot be understood";
  const std::optional<std::string> text = read_part(job->path, job->part);
  if (!text) return "cannot read its part of " + job->path;
  if (digest(*text) != job->digest) return job->path + " has been changed since";
  counts = count_hits(*text);
  if (encode(counts).size() > kZnodeBytesMax) return "the result is too large for a znode";
  return "";
}

}  // namespace leader_follower
