#include "examples/leader_follower/access_log.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<std::string_view> page_of(std::string_view line) {
  const std::size_t open = line.find('"');
  if (open == std::string_view::npos) return std::nullopt;
  const std::size_t close = line.find('"', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view status = line.substr(close + 1, 4);
  if (status.size() < 4 || status[0] != ' ' ||
      !std::all_of(status.begin() + 1, status.end(), is_digit)) {
    return std::nullopt;
  }
  std::string_view request = line.substr(open + 1, close - open - 1);
  const std::string_view method = take_until(request, ' ');
  std::string_view target = take_until(request, ' ');
  if (method.empty() || target.empty() || !request.starts_with("HTTP/")) return std::nullopt;
  target = target.substr(0, target.find('?'));
  // A control character would break the lines of the result.
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  if (target.empty() || std::any_of(target.begin(), target.end(), control)) return std::nullopt;
  return target;
}

Counts count_hits(std::string_view text) {
  Counts counts;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++counts.lines;
    if (const auto page = page_of(line)) {
      ++counts.pages[std::string(*page)];
    } else {
      ++counts.bad;
    }
  }
  return counts;
}

std::vector<Shard> cut_into_shards(std::string_view log, std::uint64_t lines_per_shard) {
  std::vector<Shard> shards;
  Shard shard;
  std::uint64_t lines = 0;
  while (shard.end < log.size()) {
    const std::size_t line_end = log.find('\n', shard.end);
    const std::uint64_t next = line_end == std::string_view::npos ? log.size() : line_end + 1;
    if (lines > 0 && (lines == lines_per_shard || next - shard.begin > kShardBytesMax)) {
      shards.push_back(shard);
      shard.begin = shard.end;
      lines = 0;
    }
    shard.end = next;
    ++lines;
  }
  if (lines > 0) shards.push_back(shard);
  return shards;
}

void merge(Counts& into, const Counts& from) {
  into.lines += from.lines;
  into.bad += from.bad;
  for (const auto& [page, hits] : from.pages) into.pages[page] += hits;
}

std::string encode(const Counts& counts) {
  std::string text =
      "lines " + std::to_string(counts.lines) + " bad " + std::to_string(counts.bad) + "\n";
  for (const auto& [page, hits] : counts.pages) text += std::to_string(hits) + "\t" + page + "\n";
  return text;
}

std::optional<Counts> decode(std::string_view text) {
  Counts counts;
  std::string_view head = take_until(text, '\n');
  if (take_until(head, ' ') != "lines") return std::nullopt;
  if (!take_number(take_until(head, ' '), counts.lines)) return std::nullopt;
  if (take_until(head, ' ') != "bad" || !take_number(head, counts.bad)) return std::nullopt;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    std::uint64_t hits = 0;
    if (!take_number(take_until(line, '\t'), hits)) return std::nullopt;
    counts.pages[std::string(line)] += hits;
  }
  return counts;
}

std::string final_text(const Counts& counts) {
  std::vector<std::pair<std::string_view, std::uint64_t>> rows(counts.pages.begin(),
                                                               counts.pages.end());
  // The map already orders by page; a stable sort keeps that among equal counts.
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [page, hits] : rows)
    text += std::to_string(hits) + "\t" + std::string(page) + "\n";
  return text;
}

std::string digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; hash >>= 4) out[i] = "0123456789abcdef"[hash & 15];
  return out;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return in.bad() ? std::nullopt : std::optional<std::string>(std::move(text));
}

std::string generate_log(std::uint64_t lines, std::uint64_t seed) {
  // Knuth's MMIX constants; the high bits are the good ones.
  std::uint64_t state = seed * 2 + 1;
  const auto draw = [&](std::uint64_t bound) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % bound;
  };
  std::string text;
  for (std::uint64_t i = 0; i < lines; ++i) {
    if (draw(200) == 0) {
      text += draw(2) == 0 ? "garbage without a request\n"
                           : "1.2.3.4 - - [x] \"-\" 408 0 \"-\" \"-\"\n";
      continue;
    }
    // The product of two draws makes few pages popular and many rare, as in real logs.
    std::string page = "/page/" + std::to_string(draw(40) * draw(40));
    if (draw(4) == 0) page += "?q=" + std::to_string(draw(1000));
    text += "10.0." + std::to_string(draw(256)) + "." + std::to_string(draw(256)) +
            " - - [17/May/2015:10:05:03 +0000] \"GET " + page + " HTTP/1.1\" 200 " +
            std::to_string(draw(100'000)) + " \"-\" \"generator/1\"\n";
  }
  return text;
}

}  // namespace leader_follower
