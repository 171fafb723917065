#include "examples/leader_follower/job.h"

#include <cstdio>
#include <sstream>

#include "examples/leader_follower/access_log.h"

namespace leader_follower {

namespace {

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

}  // namespace

void Bell::ring() {
  {
    const std::lock_guard lock(mutex_);
    rung_ = true;
  }
  wake_.notify_all();
}

void Bell::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, at_most, [this] { return rung_; });
  rung_ = false;
}

qc::WatchCallback Bell::watch(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!armed_.insert(name).second) return {};
  return [this, name](const qc::WatchEvent&) {
    {
      const std::lock_guard again(mutex_);
      armed_.erase(name);
    }
    ring();
  };
}

std::string number_name(std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%06llu", static_cast<unsigned long long>(number));
  return text;
}

Code Job::make_folders() {
  for (const std::string& folder :
       {std::string("/leader_follower"), root_, path("members"), path("shards"), path("assigned"),
        path("results"), path("final")}) {
    const auto reply = until_answered([&] { return client_.create(folder, ""); });
    if (!reply && reply.code != Code::NodeExists) return reply.code;
  }
  return Code::Ok;
}

Code Job::create_once(const std::string& tail, const std::string& data, qc::CreateMode mode) {
  const auto created = until_answered([&] { return client_.create(path(tail), data, mode); });
  if (created.code != Code::NodeExists) return created.code;
  const auto found = read(tail);
  if (!found) return found.code;
  return found.value == data ? Code::Ok : Code::NodeExists;
}

qc::Reply<std::string> Job::read(const std::string& tail) {
  auto got = until_answered([&] { return client_.get_data(path(tail)); });
  qc::Reply<std::string> reply{got.code, got.message, {}};
  if (got) reply.value = got.value.data.value_or("");
  return reply;
}

qc::Reply<std::vector<std::string>> Job::list(const std::string& tail, Bell* bell) {
  const qc::WatchCallback watch = bell != nullptr ? bell->watch(tail) : qc::WatchCallback();
  auto got = until_answered([&] { return client_.get_children(path(tail), watch); });
  return {got.code, got.message, std::move(got.value.children)};
}

Code Job::watch(const std::string& tail, Bell& bell) {
  const qc::WatchCallback callback = bell.watch(tail);
  if (!callback) return Code::Ok;
  const auto there = until_answered([&] { return client_.exists(path(tail), callback); });
  return there.code == Code::NoNode ? Code::Ok : there.code;
}

Code Job::write(const std::string& tail, const std::string& data) {
  const auto set = until_answered([&] { return client_.set_data(path(tail), data); });
  if (set.code != Code::NoNode) return set.code;
  return create_once(tail, data, qc::CreateMode::Persistent);
}

Code Job::remove(const std::string& tail) {
  const auto status = until_answered([&] { return client_.remove(path(tail)); });
  return status.code == Code::NoNode ? Code::Ok : status.code;
}

qc::Reply<Done> Job::done() {
  const auto mark = read("done");
  qc::Reply<Done> reply{mark.code, mark.message, {}};
  if (!mark) return reply;
  std::istringstream words(mark.value);
  words >> reply.value.chunks >> reply.value.digest >> reply.value.lines >> reply.value.bad;
  if (!words) {
    reply.code = Code::DataInconsistency;
    reply.message = path("done") + " is damaged";
  }
  return reply;
}

qc::Reply<std::string> Job::final_counts(const Done& mark) {
  qc::Reply<std::string> reply;
  for (std::uint64_t chunk = 0; chunk < mark.chunks; ++chunk) {
    const auto part = read("final/" + number_name(chunk));
    if (!part) return part;
    reply.value += part.value;
  }
  if (digest(reply.value) != mark.digest) {
    reply.code = Code::DataInconsistency;
    reply.message = path("final") + " does not match the digest in " + path("done");
  }
  return reply;
}

}  // namespace leader_follower
