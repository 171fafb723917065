#include "examples/leader_follower/commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/leader_follower/board.h"
#include "examples/leader_follower/job.h"
#include "examples/leader_follower/ledger_client.h"
#include "examples/leader_follower/say.h"
#include "examples/leader_follower/session.h"
#include "examples/leader_follower/status.h"

namespace leader_follower {

namespace {

/// Says why, if it did.
template <class T>
bool failed(const Options& options, const qc::Reply<T>& reply) {
  if (reply) return false;
  complain(options,
           reply.message.empty() ? std::string(quorate::keeper_name(reply.code)) : reply.message);
  return true;
}

/// Until no job whose name begins so is in the queue.
int wait_for_jobs(const Options& options, Board& board, Bell& bell, const std::string& prefix) {
  while (true) {
    const auto queue = board.list("queue", &bell);
    if (failed(options, queue)) return 1;
    const auto open = [&](const std::string& job) { return job.starts_with(prefix); };
    if (std::none_of(queue.value.begin(), queue.value.end(), open)) return 0;
    bell.wait();
  }
}

std::optional<std::vector<std::string>> specs_of(const Options& options) {
  std::error_code fault;
  const std::string path = std::filesystem::absolute(options.file, fault).string();
  const std::optional<std::string> log = read_file(path);
  if (fault || !log || path.find('\n') != std::string::npos) return std::nullopt;
  std::vector<std::string> specs;
  for (const Shard& part : cut_into_shards(*log, options.lines_per_job)) {
    const std::string_view text = std::string_view(*log).substr(part.begin, part.end - part.begin);
    specs.push_back(encode(JobSpec{path, part, digest(text)}));
  }
  return specs;
}

int submit(const Options& options, Board& board, Bell& bell) {
  const auto specs = specs_of(options);
  if (!specs) {
    complain(options, "cannot read " + options.file);
    return 1;
  }
  const auto number = board.submit(*specs);
  if (!number && session_over(number.code)) {
    complain(options, "the session ended: some of the jobs may be in the queue");
  }
  if (failed(options, number)) return 1;
  std::printf("submitted %zu jobs as %s\n", specs->size(), number.value.c_str());
  std::fflush(stdout);
  return options.wait ? wait_for_jobs(options, board, bell, number.value + "-") : 0;
}

/// Calls `each` with every stored result, in the order of the jobs' names.
int for_results(const Options& options, Board& board,
                const std::function<void(const std::string&, const Result&)>& each) {
  auto names = board.list("done");
  if (failed(options, names)) return 1;
  std::sort(names.value.begin(), names.value.end());
  for (const std::string& job : names.value) {
    const auto text = board.read("done/" + job);
    if (text.code == Code::NoNode) continue;  // Forgotten meanwhile.
    if (failed(options, text)) return 1;
    const std::optional<Result> result = decode_result(text.value);
    if (!result) {
      complain(options, board.path("done/" + job) + " is damaged");
      return 1;
    }
    each(job, *result);
  }
  return 0;
}

/// The ledger's own totals, of all pools that use it.
int print_totals(const Options& options) {
  LedgerClient ledger(options.ledger, options.pool, [] { return true; });
  // "status" is never empty: an empty answer to it is none.
  if (ledger.ask("status").empty()) {
    complain(options, "no ledger at " + options.ledger);
    return 1;
  }
  const std::string text = ledger.ask("totals");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

int print_counts(const Options& options, Board& board) {
  Counts total;
  std::uint64_t failures = 0;
  const int code = for_results(options, board, [&](const std::string&, const Result& result) {
    if (!result.failure.empty()) ++failures;
    merge(total, result.counts);
  });
  if (code != 0) return code;
  const std::string text = final_text(total);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (total.bad > 0) complain(options, std::to_string(total.bad) + " bad lines");
  if (failures == 0) return 0;
  complain(options, std::to_string(failures) + " jobs failed: see --results");
  return 1;
}

int print_results(const Options& options, Board& board) {
  return for_results(options, board, [](const std::string& job, const Result& result) {
    std::printf("%s\t%s\ttoken %lld\tterm %lld\t%llu lines\t%llu bad\t%s\t%s\n", job.c_str(),
                result.member.c_str(), static_cast<long long>(result.token),
                static_cast<long long>(result.term),
                static_cast<unsigned long long>(result.counts.lines),
                static_cast<unsigned long long>(result.counts.bad),
                result.failure.empty() ? "ok" : result.failure.c_str(), result.spec.c_str());
  });
}

int forget(const Options& options, Board& board) {
  const auto names = board.list("done");
  if (failed(options, names)) return 1;
  for (const std::string& job : names.value) {
    const Code code = board.remove("done/" + job);
    if (code == Code::Ok) continue;
    complain(options, std::string(quorate::keeper_name(code)));
    return 1;
  }
  std::printf("forgot %zu results\n", names.value.size());
  return 0;
}

}  // namespace

int run_command(const Options& options) {
  Bell bell;
  qc::SyncClient client(connect_options(options));
  if (!connect(options, client)) return 3;
  client.add_session_listener([&bell](const qc::SessionEvent&) { bell.ring(); });
  Board board(client, options.pool);
  int code = 1;
  if (const Code made = board.make_folders(); made != Code::Ok) {
    complain(options, std::string(quorate::keeper_name(made)));
  } else if (options.task == Task::Submit) {
    code = submit(options, board, bell);
  } else if (options.task == Task::Wait) {
    code = wait_for_jobs(options, board, bell, "");
  } else if (options.task == Task::Print) {
    code = options.ledger.empty() ? print_counts(options, board) : print_totals(options);
  } else if (options.task == Task::Results) {
    code = print_results(options, board);
  } else if (options.task == Task::Forget) {
    code = forget(options, board);
  } else {
    code = print_status(options, board);
  }
  client.close();
  return code;
}

}  // namespace leader_follower
