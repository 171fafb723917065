#include "examples/lambda/registration.h"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "examples/pipeline/program/connect.h"
#include "quorate/recipes/sync_group.h"
#include "quorate/sync_retry.h"

namespace lambda_app {

namespace {

using nlohmann::json;

constexpr auto kMoment = std::chrono::milliseconds(100);
constexpr auto kPatience = std::chrono::seconds(10);

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

std::string make_path(qc::SyncClient& client, const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string above = path.substr(0, end);
    while (true) {
      const auto made = client.create(above, "");
      // Whether it was made before the connection broke is seen by asking again.
      if (made.code == qc::Code::ConnectionLoss) continue;
      if (!made && made.code != qc::Code::NodeExists) return made.message;
      break;
    }
    if (end == std::string::npos) return "";
  }
}

// --- Registration ----------------------------------------------------------------------------

Registration::Registration(const Common& common, const std::string& role, const std::string& note)
    : path_(common.path("workers/" + role + "-" + common.id)) {
  worker_.role = role;
  worker_.id = common.id;
  worker_.pid = ::getpid();
  worker_.started_ms = now_ms();
  worker_.note = note;
}

Registration::~Registration() = default;

void Registration::join(qc::SyncClient& client) {
  // Without the node above it there is nowhere to be seen; the work itself does not need it.
  make_path(client, parent_of(path_));
  const std::lock_guard lock(mutex_);
  node_ = std::make_unique<qc::SyncEphemeralNode>(client, path_, to_json(worker_));
  node_->wait(kMoment);
}

void Registration::leave() {
  const std::lock_guard lock(mutex_);
  node_.reset();
}

void Registration::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (worker_.note == text) return;
  worker_.note = text;
  if (node_) node_->set_data(to_json(worker_));
}

// --- RefusedCount ----------------------------------------------------------------------------

RefusedCount::RefusedCount(const Common& common, const std::string& role)
    : path_(common.path("refused/" + role + "-" + common.id)) {}

void RefusedCount::add(qc::SyncClient& client, const std::string& what) {
  ++since_start_;
  ++unwritten_;
  pipeline_program::say("refused: " + what);
  if (!make_path(client, path_).empty()) return;
  qc::SyncRetry retry(client, qc::RetryPolicy(kPatience));
  while (true) {
    const auto got = retry.get_data(path_);
    if (!got) return;
    Refused refused = refused_of(got.value.data.value_or("")).value_or(Refused{});
    refused.count += unwritten_;
    refused.last = what;
    const auto set = retry.set_data(path_, to_json(refused), got.value.stat.version);
    if (set.code == qc::Code::BadVersion) continue;
    if (set) unwritten_ = 0;
    return;
  }
}

std::string to_json(const Refused& refused) {
  const json object = {{"count", refused.count}, {"last", refused.last}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Refused> refused_of(std::string_view text) {
  const json object = json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  const auto count = object.find("count");
  const auto last = object.find("last");
  if (count == object.end() || !count->is_number_unsigned()) return std::nullopt;
  if (last == object.end() || !last->is_string()) return std::nullopt;
  return Refused{count->get<std::uint64_t>(), last->get<std::string>()};
}

}  // namespace lambda_app
