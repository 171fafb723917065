#include "examples/leader_follower/leader.h"

#include <algorithm>
#include <sstream>

namespace leader_follower {

using namespace std::chrono_literals;

std::string encode_numbers(const std::set<std::uint64_t>& numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) text += std::to_string(number) + " ";
  return text;
}

std::set<std::uint64_t> decode_numbers(const std::string& text) {
  std::istringstream in(text);
  std::set<std::uint64_t> numbers;
  for (std::uint64_t number = 0; in >> number;) numbers.insert(number);
  return numbers;
}

Assignment assign(const std::set<std::uint64_t>& open, const std::vector<std::string>& members,
                  const Assignment& before) {
  Assignment now;
  for (const std::string& member : members) now[member];
  if (now.empty()) return now;
  const std::size_t fair = std::min((open.size() + now.size() - 1) / now.size(), kAssignedMax);
  std::set<std::uint64_t> free = open;
  for (auto& [member, numbers] : now) {
    const auto had = before.find(member);
    if (had == before.end()) continue;
    for (const std::uint64_t number : had->second) {
      if (numbers.size() < fair && free.erase(number) > 0) numbers.insert(number);
    }
  }
  for (auto& [member, numbers] : now) {
    while (numbers.size() < fair && !free.empty()) numbers.insert(free.extract(free.begin()));
  }
  return now;
}

Code Leader::lead(const qc::Hold& hold) {
  if (const Code code = make_plan(); code != Code::Ok) return code;
  bool finished = false;
  while (hold.valid() && !finished) {
    if (const Code code = step(finished); code != Code::Ok) return code;
    if (!finished) bell_.wait(500ms);
  }
  return Code::Ok;
}

/// The same znodes whoever makes them, so a successor continues where the leader before it died.
Code Leader::make_plan() {
  const std::vector<Shard> shards = cut_into_shards(log_, lines_per_shard_);
  shards_ = shards.size();
  const std::string plan =
      std::to_string(shards_) + " " + std::to_string(log_.size()) + " " + digest(log_);
  if (const auto known = job_.read("plan"); known) {
    return known.value == plan ? Code::Ok : Code::NodeExists;
  } else if (known.code != Code::NoNode) {
    return known.code;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string range = std::to_string(shards[i].begin) + " " + std::to_string(shards[i].end);
    const Code code =
        job_.create_once("shards/" + number_name(i), range, qc::CreateMode::Persistent);
    if (code != Code::Ok) return code;
  }
  return job_.create_once("plan", plan, qc::CreateMode::Persistent);
}

Code Leader::step(bool& finished) {
  const auto results = job_.list("results", &bell_);
  if (!results) return results.code;
  std::set<std::uint64_t> open;
  for (std::uint64_t i = 0; i < shards_; ++i) open.insert(i);
  for (const std::string& name : results.value) open.erase(std::stoull(name));
  if (!open.empty()) return hand_out(open);
  finished = true;
  return publish();
}

Code Leader::hand_out(const std::set<std::uint64_t>& open) {
  const auto members = job_.list("members", &bell_);
  if (!members) return members.code;
  const auto known = job_.list("assigned");
  if (!known) return known.code;
  Assignment before;
  for (const std::string& member : known.value) {
    const auto text = job_.read("assigned/" + member);
    if (text) before[member] = decode_numbers(text.value);
  }
  const Assignment now = assign(open, members.value, before);
  for (const auto& [member, numbers] : now) {
    const auto had = before.find(member);
    if (had != before.end() && had->second == numbers) continue;
    const Code code = job_.write("assigned/" + member, encode_numbers(numbers));
    if (code != Code::Ok && code != Code::NodeExists) return code;
  }
  for (const auto& [member, numbers] : before) {
    if (now.count(member) != 0) continue;
    if (const Code code = job_.remove("assigned/" + member); code != Code::Ok) return code;
  }
  return Code::Ok;
}

Code Leader::publish() {
  Counts total;
  for (std::uint64_t i = 0; i < shards_; ++i) {
    const auto result = job_.read("results/" + number_name(i));
    if (!result) return result.code;
    const std::optional<Counts> counts = decode(result.value);
    if (!counts) return Code::DataInconsistency;
    merge(total, *counts);
  }
  const std::string text = final_text(total);
  std::uint64_t chunks = 0;
  for (std::size_t at = 0; at < text.size(); at += kZnodeBytesMax, ++chunks) {
    const Code code = job_.create_once("final/" + number_name(chunks),
                                       text.substr(at, kZnodeBytesMax), qc::CreateMode::Persistent);
    if (code != Code::Ok) return code;
  }
  const std::string mark = std::to_string(chunks) + " " + digest(text) + " " +
                           std::to_string(total.lines) + " " + std::to_string(total.bad);
  return job_.create_once("done", mark, qc::CreateMode::Persistent);
}

}  // namespace leader_follower
