// Conditional changes and the leader's work, on a server in this process.
#include "examples/leader_follower/board.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "examples/leader_follower/leader.h"
#include "examples/leader_follower/status.h"
#include "quorate/recipes/sync_lock.h"
#include "quorate/testing/server.h"

namespace leader_follower {
namespace {

using namespace std::chrono_literals;

quorate::testing::Server& server() {
  static quorate::testing::Server one;
  return one;
}

qc::ConnectOptions connect_options() {
  qc::ConnectOptions options(server().connect_string());
  options.connect_timeout = 60s;
  options.session_timeout = 30s;
  return options;
}

/// One session with a pool of the test's own.
struct Party {
  explicit Party(const std::string& pool) : client(connect_options()), board(client, pool) {
    REQUIRE(client.connect().ok());
    REQUIRE(board.make_folders() == Code::Ok);
  }
  ~Party() { client.close(); }

  Bell bell;
  qc::SyncClient client;
  Board board;
};

std::vector<std::string> sorted(qc::Reply<std::vector<std::string>> reply) {
  REQUIRE(reply.ok());
  std::sort(reply.value.begin(), reply.value.end());
  return reply.value;
}

/// Member `m` with the first queued job in its hands, given by the leader of `term`.
std::string give_one(Party& party, const Term& term, const std::string& m) {
  const std::string job = sorted(party.board.list("queue")).front();
  Plan plan;
  plan.give.push_back({m, job});
  const auto taken = party.board.carry_out(term, plan);
  REQUIRE(taken.ok());
  REQUIRE(taken.value == Taken::Done);
  return job;
}

/// For what is told to nobody here.
bool soon(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST_CASE("board: a submission's jobs are in the queue, named in their order, later ones behind") {
  Party party("submit");
  std::vector<std::string> specs(250, "spec");
  specs.back() = "last";
  const auto first = party.board.submit(specs);
  const auto second = party.board.submit({"next"});
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first.value < second.value);
  const auto queue = sorted(party.board.list("queue"));
  REQUIRE(queue.size() == 251);
  CHECK(queue.front() == first.value + "-000000");
  CHECK(party.board.read("queue/" + first.value + "-000249").value == "last");
  CHECK(queue.back() == second.value + "-000000");
  CHECK(party.board.submit(std::vector<std::string>(kJobsMax, "x")).code == Code::QuotaExceeded);
  CHECK(party.board.count("queue").value == 251);
}

TEST_CASE("board: a leader whose successor has taken office changes nothing any more") {
  Party party("terms");
  REQUIRE(party.board.submit({"one", "two"}).ok());
  REQUIRE(party.board.join("m", 2) == Code::Ok);
  const auto old_term = party.board.take_office(100, "a");
  REQUIRE(old_term.ok());
  give_one(party, old_term.value, "m");
  const auto new_term = party.board.take_office(200, "b");
  REQUIRE(new_term.ok());
  CHECK(new_term.value.version == old_term.value.version + 1);

  const auto queue = sorted(party.board.list("queue"));
  Plan give{{}, {}, {{"m", queue[1]}}}, take{{{"m", queue[0]}}, {}, {}}, dismiss{{}, {"m"}, {}};
  for (const Plan& plan : {give, take, dismiss}) {
    const auto taken = party.board.carry_out(old_term.value, plan);
    REQUIRE(taken.ok());
    CHECK(taken.value == Taken::Refused);
  }
  CHECK(sorted(party.board.list("assigned/m")) == std::vector<std::string>{queue[0]});
  CHECK(party.board.carry_out(new_term.value, give).value == Taken::Done);
}

TEST_CASE("board: office goes to greater tokens only, and taking it twice is once") {
  Party party("office");
  CHECK(party.board.take_office(100, "a").value.version == 1);
  CHECK(party.board.take_office(100, "a").value.version == 1);
  CHECK(party.board.take_office(200, "b").value.version == 2);
  const auto late = party.board.take_office(100, "a");
  REQUIRE(late.ok());
  CHECK(late.value.token == 200);
  CHECK(late.value.member == "b");
}

TEST_CASE("board: a job that is done is out of the queue, and its result stored, in one step") {
  Party party("commit");
  REQUIRE(party.board.submit({"spec"}).ok());
  REQUIRE(party.board.join("m", 1) == Code::Ok);
  const auto term = party.board.take_office(100, "a");
  const std::string job = give_one(party, term.value, "m");
  const auto claim = party.board.claim("m", job);
  REQUIRE(claim.ok());
  CHECK(claim.value.term == 100);
  CHECK(claim.value.token > 0);
  CHECK(party.board.commit(claim.value, "result").value == Taken::Done);
  CHECK(party.board.count("queue").value == 0);
  CHECK(party.board.count("assigned/m").value == 0);
  CHECK(party.board.read("done/" + job).value == "result");
  // As after a lost reply; and with another result, as by somebody else.
  CHECK(party.board.commit(claim.value, "result").value == Taken::Done);
  CHECK(party.board.commit(claim.value, "other").value == Taken::Refused);
  CHECK(party.board.read("done/" + job).value == "result");
}

TEST_CASE("board: a job that was given to another one is no longer the first one's to commit") {
  Party party("zombie");
  REQUIRE(party.board.submit({"spec"}).ok());
  REQUIRE(party.board.join("m1", 1) == Code::Ok);
  REQUIRE(party.board.join("m2", 1) == Code::Ok);
  const auto term = party.board.take_office(100, "a");
  const std::string job = give_one(party, term.value, "m1");
  const auto first = party.board.claim("m1", job);
  const Plan move{{{"m1", job}}, {"m1"}, {{"m2", job}}};
  CHECK(party.board.carry_out(term.value, move).value == Taken::Done);
  const auto second = party.board.claim("m2", job);
  CHECK(second.value.token > first.value.token);
  CHECK(party.board.commit(first.value, "late").value == Taken::Refused);
  CHECK(party.board.count("done").value == 0);
  CHECK(party.board.commit(second.value, "right").value == Taken::Done);
  CHECK(party.board.commit(first.value, "late").value == Taken::Refused);
  CHECK(party.board.read("done/" + job).value == "right");
}

TEST_CASE("board: a plan made before a commit does not bring the job back") {
  Party party("changed");
  REQUIRE(party.board.submit({"spec"}).ok());
  REQUIRE(party.board.join("m1", 1) == Code::Ok);
  REQUIRE(party.board.join("m2", 1) == Code::Ok);
  const auto term = party.board.take_office(100, "a");
  const std::string job = give_one(party, term.value, "m1");
  REQUIRE(party.board.commit(party.board.claim("m1", job).value, "r").value == Taken::Done);
  CHECK(party.board.carry_out(term.value, {{{"m1", job}}, {}, {}}).value == Taken::Changed);
  CHECK(party.board.carry_out(term.value, {{}, {}, {{"m2", job}}}).value == Taken::Changed);
  CHECK(party.board.count("assigned/m2").value == 0);
}

TEST_CASE("board: refusals are counted by kind") {
  Party party("refusals");
  CHECK(party.board.refusals("leader").value == 0);
  CHECK(party.board.count_refusal("leader") == Code::Ok);
  CHECK(party.board.count_refusal("leader") == Code::Ok);
  CHECK(party.board.refusals("leader").value == 2);
  CHECK(party.board.refusals("worker").value == 0);
}

TEST_CASE("leader: gives jobs to those who come, takes them back from those who go") {
  Party party("leading"), one("leading"), two("leading");
  REQUIRE(party.board.submit({"1", "2", "3"}).ok());
  Options options;
  const std::string name = "chief";
  std::optional<LatePlan> late;
  Bell& bell = party.bell;
  std::thread leading([&] {
    qc::SyncElection election(party.client, party.board.path("election"), name);
    auto hold = election.lead();
    Leader(party.board, bell, options, name).lead(hold.value, late);
  });

  REQUIRE(one.board.join("one", 2) == Code::Ok);
  CHECK(soon([&] { return one.board.count("assigned/one").value == 2; }));
  const auto jobs = sorted(one.board.list("assigned/one"));
  REQUIRE(jobs.size() == 2);
  // A commit makes room for the third.
  CHECK(one.board.commit(one.board.claim("one", jobs[0]).value, "r").value == Taken::Done);
  CHECK(soon([&] { return one.board.count("assigned/one").value == 2; }));
  REQUIRE(two.board.join("two", 5) == Code::Ok);
  one.client.close();
  CHECK(soon([&] { return two.board.count("assigned/two").value == 2; }));
  CHECK(soon([&] { return two.board.count("assigned/one").code == Code::NoNode; }));
  CHECK(two.board.count("queue").value == 2);

  party.client.close();  // The hold turns invalid, which rings.
  bell.ring();
  leading.join();
}

TEST_CASE("status: what there is, as table and JSON") {
  Status status;
  status.leader = "b-1";
  status.term = {77, "b-1", 3};
  status.members = {{"a-2", {2, 1}}, {"b-1", {2, 0}}};
  status.queued = 4;
  status.assigned = 1;
  status.done = 9;
  status.refused_workers = 2;
  const std::string table = to_table(status, "p");
  for (const char* part :
       {"b-1, term 77", "4 jobs, 1 of them", "done      9", "2 of late workers"}) {
    CAPTURE(part);
    CHECK(table.find(part) != std::string::npos);
  }
  CHECK(table.find("ledger") == std::string::npos);
  CHECK(to_json(status, "p") ==
        "{\"pool\": \"p\", \"leader\": \"b-1\", \"term\": 77, \"terms\": 3, \"queued\": 4, "
        "\"assigned\": 1, \"done\": 9, \"refused_leaders\": 0, \"refused_workers\": 2, "
        "\"ledger\": \"\", \"members\": [{\"name\": \"a-2\", \"capacity\": 2, \"assigned\": 1}, "
        "{\"name\": \"b-1\", \"capacity\": 2, \"assigned\": 0}]}\n");
}

}  // namespace
}  // namespace leader_follower
