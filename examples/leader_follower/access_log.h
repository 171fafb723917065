// The work itself, without any coordination: cut an access log into shards, count hits per page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leader_follower {

/// A line-aligned byte range of the log.
struct Shard {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const Shard&, const Shard&) = default;
};

struct Counts {
  std::uint64_t lines = 0;
  std::uint64_t bad = 0;  ///< Lines that are not Combined Log Format; counted, never dropped.
  std::map<std::string, std::uint64_t> pages;
};

/// A shard's result is hardly longer than its text, and a znode holds 1 MB: this keeps both far
/// apart.
inline constexpr std::uint64_t kShardBytesMax = 384 * 1024;
inline constexpr std::size_t kZnodeBytesMax = 512 * 1024;

/// The page of one line: the request's target up to '?'. Nothing if the line is not
/// `... "METHOD target HTTP/x" status ...`.
std::optional<std::string_view> page_of(std::string_view line);

/// Counts every line of `text`; the last may lack its line end.
Counts count_hits(std::string_view text);

/// Cuts after every `lines_per_shard` lines, and earlier where a shard would exceed kShardBytesMax.
std::vector<Shard> cut_into_shards(std::string_view log, std::uint64_t lines_per_shard);

void merge(Counts& into, const Counts& from);

/// "lines N bad M", then "count<TAB>page" lines in order of pages: the same bytes whoever counted.
std::string encode(const Counts& counts);
std::optional<Counts> decode(std::string_view text);

/// The product: "count<TAB>page" lines, most hits first, equal ones in order of pages.
std::string final_text(const Counts& counts);

/// FNV-1a, 64 bits, as 16 hex digits: tells logs and results apart, is no protection from malice.
std::string digest(std::string_view text);

/// The whole file, or nothing if it cannot be read.
std::optional<std::string> read_file(const std::string& path);

/// A log of `lines` lines that depends on nothing but `seed`; about 1 in 200 is bad.
std::string generate_log(std::uint64_t lines, std::uint64_t seed);

}  // namespace leader_follower
