#include "examples/leader_follower/status.h"

#include <cstdio>
#include <string_view>

#include "examples/leader_follower/ledger_client.h"
#include "examples/leader_follower/say.h"
#include "examples/leader_follower/text.h"

namespace leader_follower {

namespace {

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

/// The places: who has how many jobs.
Code read_places(Board& board, Status& status) {
  const auto places = board.list("assigned");
  if (!places) return places.code;
  for (const std::string& member : places.value) {
    const auto jobs = board.count("assigned/" + member);
    if (jobs.code == Code::NoNode) continue;
    if (!jobs) return jobs.code;
    status.assigned += jobs.value;
    status.members[member].second = jobs.value;
  }
  return Code::Ok;
}

Code read_members(Board& board, Status& status) {
  const auto members = board.list("members");
  if (!members) return members.code;
  std::map<std::string, std::pair<std::size_t, std::size_t>> there;
  for (const std::string& member : members.value) {
    const auto capacity = board.read("members/" + member);
    if (capacity.code == Code::NoNode) continue;
    if (!capacity) return capacity.code;
    auto& entry = there[member] = status.members[member];
    take_number(std::string_view(capacity.value), entry.first);
  }
  status.members = std::move(there);
  return Code::Ok;
}

Code read_status(const Options& options, Board& board, Status& status) {
  const auto term = board.term();
  if (!term) return term.code;
  status.term = term.value;
  if (const Code code = read_places(board, status); code != Code::Ok) return code;
  if (const Code code = read_members(board, status); code != Code::Ok) return code;
  // Whoever took office last leads until its session has ended.
  if (status.members.count(status.term.member) != 0) status.leader = status.term.member;
  const auto queued = board.count("queue"), done = board.count("done");
  const auto leaders = board.refusals("leader"), workers = board.refusals("worker");
  for (const Code code : {queued.code, done.code, leaders.code, workers.code}) {
    if (code != Code::Ok) return code;
  }
  status.queued = queued.value;
  status.done = done.value;
  status.refused_leaders = leaders.value;
  status.refused_workers = workers.value;
  if (!options.ledger.empty()) {
    LedgerClient ledger(options.ledger, options.pool, [] { return true; });
    status.ledger = ledger.ask("status");
    if (status.ledger.empty()) status.ledger = "does not answer";
  }
  return Code::Ok;
}

}  // namespace

std::string to_table(const Status& status, const std::string& pool) {
  std::string text = "pool      " + pool + "\n";
  text += "leader    " + (status.leader.empty() ? "none now" : status.leader) + ", term " +
          std::to_string(status.term.token) + ", " + std::to_string(status.term.version) +
          " so far\n";
  text += "queue     " + std::to_string(status.queued) + " jobs, " +
          std::to_string(status.assigned) + " of them assigned\n";
  text += "done      " + std::to_string(status.done) + "\n";
  text += "refused   " + std::to_string(status.refused_leaders) + " of late leaders, " +
          std::to_string(status.refused_workers) + " of late workers\n";
  if (!status.ledger.empty()) text += "ledger    " + status.ledger + "\n";
  text += "\n" + padded("member", 32) + padded("capacity", 10) + "assigned\n";
  for (const auto& [member, numbers] : status.members) {
    text += padded(member, 32) + padded(std::to_string(numbers.first), 10) +
            std::to_string(numbers.second) + "\n";
  }
  return text;
}

std::string to_json(const Status& status, const std::string& pool) {
  // Names are letters, digits and "_-." (options.cc): nothing in them needs quoting.
  std::string text = "{\"pool\": \"" + pool + "\", \"leader\": \"" + status.leader +
                     "\", \"term\": " + std::to_string(status.term.token) +
                     ", \"terms\": " + std::to_string(status.term.version) +
                     ", \"queued\": " + std::to_string(status.queued) +
                     ", \"assigned\": " + std::to_string(status.assigned) +
                     ", \"done\": " + std::to_string(status.done) +
                     ", \"refused_leaders\": " + std::to_string(status.refused_leaders) +
                     ", \"refused_workers\": " + std::to_string(status.refused_workers) +
                     ", \"ledger\": \"" + status.ledger + "\", \"members\": [";
  const char* before = "";
  for (const auto& [member, numbers] : status.members) {
    text += before + ("{\"name\": \"" + member) +
            "\", \"capacity\": " + std::to_string(numbers.first) +
            ", \"assigned\": " + std::to_string(numbers.second) + "}";
    before = ", ";
  }
  return text + "]}\n";
}

int print_status(const Options& options, Board& board) {
  Status status;
  if (const Code code = read_status(options, board, status); code != Code::Ok) {
    complain(options, std::string(quorate::keeper_name(code)));
    return 1;
  }
  const std::string text =
      options.json ? to_json(status, options.pool) : to_table(status, options.pool);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace leader_follower
