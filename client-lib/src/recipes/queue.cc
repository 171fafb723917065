#include "quorate/recipes/queue.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

#include "client-lib/src/recipes/commit_once.h"
#include "client-lib/src/recipes/entries.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

constexpr std::string_view kEntry = "entry-";  // kazoo's.
constexpr int kPriorityMax = 999;

struct Entry {
  std::string name;
  int priority = 0;
  std::int32_t sequence = 0;
};

/// "entry-100-0000000007"; the number may have a sign of its own.
std::optional<Entry> entry_of(const std::string& name) {
  if (!name.starts_with(kEntry)) return std::nullopt;
  Entry entry{name, 0, 0};
  const char* end = name.data() + name.size();
  auto [dash, fault] = std::from_chars(name.data() + kEntry.size(), end, entry.priority);
  if (fault != std::errc() || dash == end || *dash != '-') return std::nullopt;
  auto [stop, wrong] = std::from_chars(dash + 1, end, entry.sequence);
  if (wrong != std::errc() || stop != end) return std::nullopt;
  return entry;
}

bool before(const Entry& a, const Entry& b) {
  if (a.priority != b.priority) return a.priority < b.priority;
  const auto ahead =
      static_cast<std::uint32_t>(a.sequence) - static_cast<std::uint32_t>(b.sequence);
  return static_cast<std::int32_t>(ahead) < 0;
}

asio::awaitable<Answer<std::string>> take_one(JobPtr job, std::string path,
                                              std::vector<std::string> names) {
  for (const std::string& name : names) {
    const std::string node = join_path(path, name);
    Answer<GetDataReply> item = co_await read(job, node);
    if (item.error == ErrorCode(Code::NoNode)) continue;
    if (item.error) co_return item.error;
    Transaction removal;
    removal.remove(node);
    Answer<TransactionReply> removed =
        co_await commit_once(job, std::move(removal), marks_of(path));
    if (removed.error == ErrorCode(Code::NoNode)) continue;  // Another consumer was faster.
    if (removed.error) co_return removed.error;
    co_return item.value.data.value_or("");
  }
  co_return ErrorCode(Code::NoNode);
}

asio::awaitable<Answer<std::string>> take(JobPtr job, std::string path) {
  auto bell = std::make_shared<Bell>(job->client());
  while (true) {
    Watcher watcher = ringing(bell);
    Answer<GetChildrenReply> listing = co_await list(job, path, std::move(watcher));
    if (listing.error == ErrorCode(Code::NoNode)) {
      if (const ErrorCode fault = co_await make_path(job, path)) co_return fault;
      continue;
    }
    if (listing.error) co_return listing.error;
    std::vector<std::string> names = entries_in_order(listing.value.children);
    Answer<std::string> item = co_await take_one(job, path, std::move(names));
    if (item.error != ErrorCode(Code::NoNode)) co_return std::move(item);
    co_await Bell::wait(bell);
    if (job->why()) co_return job->why();
  }
}

}  // namespace

std::vector<std::string> entries_in_order(const std::vector<std::string>& children) {
  std::vector<Entry> entries;
  for (const std::string& name : children) {
    if (auto entry = entry_of(name)) entries.push_back(std::move(*entry));
  }
  std::sort(entries.begin(), entries.end(), before);
  std::vector<std::string> names;
  for (Entry& entry : entries) names.push_back(std::move(entry.name));
  return names;
}

asio::awaitable<ErrorCode> put_entry(JobPtr job, std::string folder, std::string marks,
                                     std::string item, int priority) {
  if (priority < 0 || priority > kPriorityMax) co_return ErrorCode(Code::BadArguments);
  char prefix[16];
  std::snprintf(prefix, sizeof prefix, "entry-%03d-", priority);
  const std::string path = join_path(folder, prefix);
  while (true) {
    Transaction addition;
    CreateOptions sequential(CreateMode::PersistentSequential);
    addition.create(path, Buffer(item), std::move(sequential));
    Answer<TransactionReply> done = co_await commit_once(job, std::move(addition), marks);
    if (done.error != ErrorCode(Code::NoNode)) co_return done.error;
    if (const ErrorCode fault = co_await make_path(job, folder)) co_return fault;
  }
}

void Queue::start_put(std::string item, int priority, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler), [job, path = path_, item = std::move(item), priority] {
    return put_entry(job, path, marks_of(path), item, priority);
  });
}

void Queue::start_take(std::chrono::milliseconds limit, TakeHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<std::string>(job, limit, std::move(handler),
                       [job, path = path_] { return take(job, path); });
}

}  // namespace quorate::client
