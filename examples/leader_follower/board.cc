#include "examples/leader_follower/board.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "examples/leader_follower/text.h"
#include "quorate/recipes/sync_queue.h"

namespace leader_follower {

namespace {

/// Operations in one transaction.
constexpr std::size_t kAtOnce = 100;

bool lost(Code code) {
  return code == Code::ConnectionLoss || code == Code::OperationTimeout;
}

/// Repeats `ask` until it has an answer. Ends with the session at the latest.
template <class Ask>
auto until_answered(Ask ask) {
  while (true) {
    auto reply = ask();
    if (!lost(reply.code)) return reply;
  }
}

template <class T, class From>
qc::Reply<T> failed(const From& reply) {
  return {reply.code, reply.message, {}};
}

}  // namespace

bool session_over(Code code) {
  return code == Code::SessionExpired || code == Code::SystemError || code == Code::ConnectionLoss;
}

std::string number_name(std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%06llu", static_cast<unsigned long long>(number));
  return text;
}

Code Board::make_folders() {
  const auto make = [this](const std::string& place, const std::string& data) {
    return until_answered([&] { return client_.create(place, data); }).code;
  };
  for (const std::string& folder :
       {std::string("/leader_follower"), root_, path("members"), path("queue"), path("assigned"),
        path("done"), path("submitted"), path("refused")}) {
    const Code code = make(folder, "");
    if (code != Code::Ok && code != Code::NodeExists) return code;
  }
  const Code code = make(path("term"), "0 -");
  return code == Code::NodeExists ? Code::Ok : code;
}

qc::Reply<std::string> Board::read(const std::string& tail) {
  auto got = until_answered([&] { return client_.get_data(path(tail)); });
  qc::Reply<std::string> reply{got.code, got.message, {}};
  if (got) reply.value = got.value.data.value_or("");
  return reply;
}

qc::Reply<std::vector<std::string>> Board::list(const std::string& tail, Bell* bell) {
  const qc::WatchCallback watch = bell != nullptr ? bell->watch(tail) : qc::WatchCallback();
  auto got = until_answered([&] { return client_.get_children(path(tail), watch); });
  if (!got && watch) bell->disarm(tail);
  return {got.code, got.message, std::move(got.value.children)};
}

qc::Reply<std::size_t> Board::count(const std::string& tail) {
  const auto stat = until_answered([&] { return client_.exists(path(tail)); });
  return {stat.code, stat.message, static_cast<std::size_t>(stat.value.num_children)};
}

Code Board::join(const std::string& member, std::size_t capacity) {
  const auto joined = until_answered([&] {
    qc::Transaction both;
    both.create(path("assigned/" + member), "");
    both.create(path("members/" + member), std::to_string(capacity), qc::CreateMode::Ephemeral);
    return client_.commit(std::move(both));
  });
  // Nobody else has this name: the reply to the first try was lost.
  return joined.code == Code::NodeExists ? Code::Ok : joined.code;
}

qc::Reply<Claim> Board::claim(const std::string& member, const std::string& job) {
  const std::string place = path("assigned/" + member + "/" + job);
  const auto got = until_answered([&] { return client_.get_data(place); });
  if (!got) return failed<Claim>(got);
  Claim claim{member, job, got.value.stat.czxid, 0};
  take_number(std::string_view(got.value.data.value_or("")), claim.term);
  return {Code::Ok, "", claim};
}

qc::Reply<Taken> Board::commit(const Claim& claim, const std::string& result) {
  const auto reply = until_answered([&] {
    qc::Transaction change;
    // The assignment stands: a leader who gave the job to another one has removed it first. Its
    // member is one session's, so what stands is not a later one.
    change.remove(path("assigned/" + claim.member + "/" + claim.job));
    change.remove(path("queue/" + claim.job));
    change.create(path("done/" + claim.job), result);
    return client_.commit(std::move(change));
  });
  if (reply) return {Code::Ok, "", Taken::Done};
  if (reply.code != Code::NoNode && reply.code != Code::NodeExists) return failed<Taken>(reply);
  // An earlier try may have been carried out, its reply lost: then the stored result is this one.
  const auto stored = read("done/" + claim.job);
  if (!stored && stored.code != Code::NoNode) return failed<Taken>(stored);
  return {Code::Ok, "", stored && stored.value == result ? Taken::Done : Taken::Refused};
}

qc::Reply<Term> Board::term() {
  const auto got = until_answered([&] { return client_.get_data(path("term")); });
  if (!got) return failed<Term>(got);
  const std::string text = got.value.data.value_or("");
  std::string_view rest = text;
  Term term;
  if (!take_number(take_until(rest, ' '), term.token)) {
    return {Code::DataInconsistency, path("term") + " is damaged", {}};
  }
  term.member = rest;
  term.version = got.value.stat.version;
  return {Code::Ok, "", term};
}

qc::Reply<Term> Board::take_office(std::int64_t token, const std::string& member) {
  while (true) {
    // Each round looks anew, so a write whose reply was lost is found to be ours.
    auto seen = term();
    if (!seen || seen.value.token >= token) return seen;
    const auto written =
        client_.set_data(path("term"), std::to_string(token) + " " + member, seen.value.version);
    if (written) return {Code::Ok, "", {token, member, written.value.version}};
    if (!lost(written.code) && written.code != Code::BadVersion) return failed<Term>(written);
  }
}

qc::Reply<Taken> Board::assign_some(const qc::Transaction& changes) {
  const auto reply = until_answered([&] { return client_.commit(changes); });
  if (reply) return {Code::Ok, "", Taken::Done};
  if (reply.value.failed == 0 && reply.code == Code::BadVersion) {
    return {Code::Ok, "", Taken::Refused};
  }
  // A job was committed, or a lost reply's first try was carried out.
  const bool changed =
      reply.code == Code::NoNode || reply.code == Code::NodeExists || reply.code == Code::NotEmpty;
  if (changed) return {Code::Ok, "", Taken::Changed};
  return failed<Taken>(reply);
}

qc::Reply<Taken> Board::carry_out(const Term& term, const Plan& plan) {
  qc::Reply<Taken> answer;
  qc::Transaction changes;
  const auto send = [&] {
    answer = assign_some(std::exchange(changes, {}));
    return answer && answer.value == Taken::Done;
  };
  // The fence: whoever took office later has changed the version, and no transaction that begins
  // with this check has any effect from then on.
  const auto fenced = [&](std::size_t more) {
    if (changes.size() + more > kAtOnce && !send()) return false;
    if (changes.empty()) changes.check(path("term"), term.version);
    return true;
  };
  for (const Assignment& one : plan.take_back) {
    if (!fenced(1)) return answer;
    changes.remove(path("assigned/" + one.member + "/" + one.job));
  }
  for (const std::string& member : plan.dismiss) {
    if (!fenced(1)) return answer;
    changes.remove(path("assigned/" + member));
  }
  const std::string data = std::to_string(term.token);
  for (const Assignment& one : plan.give) {
    if (!fenced(2)) return answer;
    // Still to be done: what the plan was made from may be older than a commit.
    changes.check(path("queue/" + one.job), 0);
    changes.create(path("assigned/" + one.member + "/" + one.job), data);
  }
  if (!changes.empty()) send();
  return answer;
}

Code Board::count_refusal(const std::string& who) {
  return qc::SyncCounter(client_, path("refused/" + who)).add(1).code;
}

qc::Reply<std::int64_t> Board::refusals(const std::string& who) {
  const auto count = qc::SyncCounter(client_, path("refused/" + who)).get();
  if (count.code == Code::NoNode) return {Code::Ok, "", 0};
  return {count.code, count.message, count.value.value};
}

qc::Reply<std::string> Board::submit(const std::vector<std::string>& specs) {
  const auto queued = count("queue"), kept = count("done");
  if (!queued || !kept) return failed<std::string>(queued ? kept : queued);
  if (queued.value + kept.value + specs.size() > kJobsMax) {
    return {Code::QuotaExceeded,
            std::to_string(specs.size()) + " jobs beside " + std::to_string(queued.value) +
                " queued and " + std::to_string(kept.value) + " done ones are more than " +
                std::to_string(kJobsMax) + ": --forget the results first",
            {}};
  }
  // Made twice by a lost reply it costs a number.
  const auto own = until_answered([&] {
    return client_.create(path("submitted/s-"), "0", qc::CreateMode::EphemeralSequential);
  });
  if (!own) return failed<std::string>(own);
  const std::string number = own.value.path.substr(path("submitted/s-").size());
  std::int32_t version = 0;
  for (std::size_t at = 0; at < specs.size(); at += kAtOnce, ++version) {
    const std::size_t end = std::min(specs.size(), at + kAtOnce);
    const auto reply = until_answered([&] {
      qc::Transaction some;
      // Nobody else writes it: a version that is further than ours says that these are queued, and
      // perhaps done by now, though the reply was lost.
      some.set_data(own.value.path, std::to_string(end), version);
      for (std::size_t i = at; i < end; ++i) {
        some.create(path("queue/" + number + "-" + number_name(i)), specs[i]);
      }
      return client_.commit(std::move(some));
    });
    if (!reply && reply.code != Code::BadVersion) return failed<std::string>(reply);
  }
  return {Code::Ok, "", number};
}

Code Board::remove(const std::string& tail) {
  const auto status = until_answered([&] { return client_.remove(path(tail)); });
  return status.code == Code::NoNode ? Code::Ok : status.code;
}

}  // namespace leader_follower
