#include "quorate/recipes/locking_queue.h"

#include <set>

#include "client-lib/src/recipes/commit_once.h"
#include "client-lib/src/recipes/entries.h"
#include "client-lib/src/recipes/own_node.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

std::string entries_of(const std::string& path) {
  return path + "/entries";
}
std::string taken_of(const std::string& path) {
  return path + "/taken";
}

/// A claim on one item; NodeExists when another has it, NoNode when the item is done.
asio::awaitable<Answer<QueueItem>> claim(JobPtr job, std::string path, std::string name) {
  // The data is unique to this attempt: another consumer of the same session is another.
  OwnNode::Wish wish{taken_of(path), name, /*sequential=*/false, new_guid(job->client()),
                     /*by_data=*/true};
  auto own = std::make_shared<OwnNode>(job->client(), std::move(wish));
  ErrorCode error = co_await OwnNode::enter(own, job);
  if (!error) error = co_await OwnNode::validate_alone(own, job);
  Answer<GetDataReply> item;
  if (!error) {
    item = co_await read(job, join_path(entries_of(path), name));
    error = item.error;
  }
  if (error) {
    own->release();
    co_return error;
  }
  Hold hold(own);
  QueueItem claimed(std::move(name), item.value.data.value_or(""), std::move(hold));
  co_return std::move(claimed);
}

/// What nobody has claimed, in order. Rings `bell` when an item or a claim comes or goes.
asio::awaitable<Answer<std::vector<std::string>>> unclaimed(JobPtr job, std::string path,
                                                            BellPtr bell) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  for (const std::string& folder : {taken_of(path), entries_of(path)}) {
    Watcher watcher = ringing(bell);
    Answer<GetChildrenReply> listing = co_await list(job, folder, std::move(watcher));
    if (listing.error == ErrorCode(Code::NoNode)) {
      const ErrorCode fault = co_await make_path(job, folder);
      if (fault) co_return fault;
      bell->ring();  // To be looked at again, with a watch.
      co_return std::vector<std::string>();
    }
    if (listing.error) co_return listing.error;
    if (folder == taken_of(path)) {
      taken.insert(listing.value.children.begin(), listing.value.children.end());
    } else {
      names = entries_in_order(listing.value.children);
    }
  }
  std::erase_if(names, [&](const std::string& name) { return taken.contains(name); });
  co_return names;
}

asio::awaitable<Answer<QueueItem>> take(JobPtr job, std::string path) {
  auto bell = std::make_shared<Bell>(job->client());
  while (true) {
    Answer<std::vector<std::string>> names = co_await unclaimed(job, path, bell);
    if (names.error) co_return names.error;
    for (const std::string& name : names.value) {
      Answer<QueueItem> item = co_await claim(job, path, name);
      const bool others = item.error == ErrorCode(Code::NodeExists) ||
                          item.error == ErrorCode(Code::NoNode) ||
                          item.error == ErrorCode(ClientErrc::NodeLost);
      if (!others) co_return std::move(item);
    }
    co_await Bell::wait(bell);
    if (job->why()) co_return job->why();
  }
}

/// The claim first: where it is gone the item is not ours to remove.
asio::awaitable<ErrorCode> finish(JobPtr job, std::string path, std::string name) {
  Transaction removal;
  removal.remove(join_path(taken_of(path), name));
  removal.remove(join_path(entries_of(path), name));
  Answer<TransactionReply> done = co_await commit_once(job, std::move(removal), marks_of(path));
  if (done.error == ErrorCode(Code::NoNode)) co_return ErrorCode(ClientErrc::NodeLost);
  co_return done.error;
}

}  // namespace

void LockingQueue::start_put(std::string item, int priority, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler), [job, path = path_, item = std::move(item), priority] {
    return put_entry(job, entries_of(path), marks_of(path), item, priority);
  });
}

void LockingQueue::start_take(std::chrono::milliseconds limit, TakeHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<QueueItem>(job, limit, std::move(handler),
                     [job, path = path_] { return take(job, path); });
}

void LockingQueue::start_done(std::string name, Client::DoneHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_done(job, {}, std::move(handler),
           [job, path = path_, name = std::move(name)] { return finish(job, path, name); });
}

}  // namespace quorate::client
