#include "examples/leader_follower/worker.h"

#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "examples/leader_follower/access_log.h"
#include "examples/leader_follower/leader.h"
#include "quorate/recipes/sync_lock.h"

namespace leader_follower {

namespace {

using namespace std::chrono_literals;

std::string new_member_name(const std::string& id) {
  std::random_device device;
  char text[24];
  std::snprintf(text, sizeof text, "-%08x%08x", device(), device());
  return id + text;
}

void say(const Options& options, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", options.id.c_str(), text.c_str());
}

bool session_over(Code code) {
  return code == Code::SessionExpired || code == Code::SystemError || code == Code::ConnectionLoss;
}

/// Writes beside the file and renames: a reader never sees half of it.
bool write_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) return false;
  }
  return std::rename(beside.c_str(), path.c_str()) == 0;
}

/// Connects, or says which hosts failed and why.
bool connect(const Options& options, qc::SyncClient& client) {
  const auto connected = client.connect();
  if (connected) return true;
  say(options, connected.message);
  for (const auto& [server, reason] : connected.value.failures) {
    say(options, "tried " + server + ": " + reason);
  }
  return false;
}

qc::ConnectOptions connect_options(const Options& options) {
  qc::ConnectOptions connect(options.connect);
  connect.session_timeout = options.session_timeout;
  connect.connect_timeout = 30s;
  return connect;
}

/// One session's state, shared by its two threads: this one counts, the other stands for election.
class Worker {
 public:
  Worker(const Options& options, const std::string& log)
      : options_(options),
        log_(log),
        member_(new_member_name(options.id)),
        client_(connect_options(options)),
        job_(client_, options.job) {}

  Outcome run() {
    if (!connect(options_, client_)) return Outcome::NoConnection;
    client_.add_session_listener([this](const qc::SessionEvent&) {
      bell_.ring();
      leader_bell_.ring();
    });
    if (const Code code = job_.make_folders(); code != Code::Ok) return end(code);
    const Code joined =
        job_.create_once("members/" + member_, options_.id, qc::CreateMode::Ephemeral);
    if (joined != Code::Ok) return end(joined);
    std::thread candidate([this] { stand_for_election(); });
    const Outcome outcome = count_until_done();
    // Ends the wait for election and, as leader, the leading: the hold turns invalid.
    client_.close();
    leader_bell_.ring();
    candidate.join();
    return outcome;
  }

 private:
  Outcome end(Code code) {
    if (session_over(code)) return Outcome::SessionOver;
    if (code == Code::NodeExists) {
      say(options_, "job '" + options_.job + "' is about another log or another --lines-per-shard");
    } else {
      say(options_, "failed: " + std::string(quorate::keeper_name(code)));
    }
    return Outcome::Failed;
  }

  void stand_for_election() {
    qc::SyncElection election(client_, job_.path("election"), member_);
    while (client_.state() != qc::SessionState::Expired &&
           client_.state() != qc::SessionState::Closed) {
      auto hold = election.lead();
      if (!hold) {
        if (!session_over(hold.code)) leader_failure_ = hold.code;
        break;
      }
      say(options_, "leads with token " + std::to_string(hold.value.token()));
      Leader leader(job_, leader_bell_, log_, options_.lines_per_shard);
      const Code code = leader.lead(hold.value);
      if (code != Code::Ok && !session_over(code)) {
        leader_failure_ = code;
        break;
      }
      if (finished_) break;
    }
    bell_.ring();
  }

  Outcome count_until_done() {
    while (true) {
      // The watch first, then the look: so no change falls between.
      if (const Code code = job_.watch("done", bell_); code != Code::Ok) return end(code);
      const auto mark = job_.done();
      if (mark) {
        finished_ = true;
        return deliver(mark.value);
      }
      if (mark.code != Code::NoNode) return end(mark.code);
      if (const Code code = leader_failure_; code != Code::Ok) return end(code);
      bool counted = false;
      if (const Code code = count_one(counted); code != Code::Ok) return end(code);
      if (!counted) bell_.wait(1s);
    }
  }

  /// Counts the first shard assigned to this member that has no result yet.
  Code count_one(bool& counted) {
    const std::string place = "assigned/" + member_;
    if (const Code code = job_.watch(place, bell_); code != Code::Ok) return code;
    const auto assigned = job_.read(place);
    if (assigned.code == Code::NoNode) return Code::Ok;
    if (!assigned) return assigned.code;
    for (const std::uint64_t number : decode_numbers(assigned.value)) {
      if (counted_.count(number) != 0) continue;
      counted = true;
      return count_shard(number);
    }
    return Code::Ok;
  }

  Code count_shard(std::uint64_t number) {
    const auto text = job_.read("shards/" + number_name(number));
    if (!text) return text.code;
    Shard shard;
    std::istringstream words(text.value);
    words >> shard.begin >> shard.end;
    if (!words || shard.begin > shard.end || shard.end > log_.size()) return Code::NodeExists;
    const std::string result =
        encode(count_hits(std::string_view(log_).substr(shard.begin, shard.end - shard.begin)));
    if (result.size() > kZnodeBytesMax) return Code::BadArguments;
    if (options_.delay_per_shard > 0ms) std::this_thread::sleep_for(options_.delay_per_shard);
    // The commit: the first to create the node has counted the shard, at once and for good. Whoever
    // comes late (a member taken for dead, or one whose reply was lost) finds the same bytes.
    const Code code =
        job_.create_once("results/" + number_name(number), result, qc::CreateMode::Persistent);
    if (code == Code::Ok) counted_.insert(number);
    return code;
  }

  Outcome deliver(const Done& mark) {
    say(options_,
        "done: " + std::to_string(mark.lines) + " lines, " + std::to_string(mark.bad) + " bad");
    if (options_.out.empty()) return Outcome::Done;
    const auto text = job_.final_counts(mark);
    if (!text) return end(text.code);
    if (write_file(options_.out, text.value)) return Outcome::Done;
    say(options_, "cannot write " + options_.out);
    return Outcome::Failed;
  }

  const Options& options_;
  const std::string& log_;
  const std::string member_;  ///< New for each session: a predecessor's znode may still be there.
  Bell bell_;
  Bell leader_bell_;
  qc::SyncClient client_;  ///< Behind the bells, which its thread rings until it is gone.
  Job job_;
  std::set<std::uint64_t> counted_;
  std::atomic<bool> finished_{false};
  std::atomic<Code> leader_failure_{
      Code::Ok};  ///< From the candidate's thread to the counting one.
};

}  // namespace

Outcome work(const Options& options, const std::string& log) {
  Worker worker(options, log);
  return worker.run();
}

Outcome print_result(const Options& options) {
  qc::SyncClient client(connect_options(options));
  if (!connect(options, client)) return Outcome::NoConnection;
  Job job(client, options.job);
  const auto mark = job.done();
  if (!mark) {
    say(options,
        mark.code == Code::NoNode ? "job '" + options.job + "' is not done" : mark.message);
    return Outcome::Failed;
  }
  const auto text = job.final_counts(mark.value);
  if (!text) {
    say(options, text.message);
    return Outcome::Failed;
  }
  client.close();
  if (!options.out.empty())
    return write_file(options.out, text.value) ? Outcome::Done : Outcome::Failed;
  std::fwrite(text.value.data(), 1, text.value.size(), stdout);
  return Outcome::Done;
}

}  // namespace leader_follower
