#include "quorate/recipes/lock.h"

#include "client-lib/src/recipes/contender.h"
#include "client-lib/src/recipes/steps.h"
#include "quorate/recipes/read_write_lock.h"

namespace quorate::client {

namespace {

void start_contender(Client& client, const std::string& path, const std::string& id,
                     LineRules rules, std::chrono::milliseconds limit,
                     Lock::AcquireHandler handler) {
  auto job = std::make_shared<Job>(client);
  auto contender = std::make_shared<Contender>(client, path, id, std::move(rules));
  run_job<Hold>(job, limit, std::move(handler),
                [job, contender] { return Contender::acquire(contender, job); });
}

asio::awaitable<Answer<std::string>> read_holder(JobPtr job, std::string path) {
  while (true) {
    Answer<GetChildrenReply> listing = co_await list(job, path);
    if (listing.error) co_return listing.error;
    const LineRules rules = LineRules::exclusive();
    const std::vector<Place> line = places_in_line(listing.value.children, rules.barring);
    if (line.empty()) co_return ErrorCode(Code::NoNode);
    const std::string first = join_path(path, line.front().name);
    Answer<GetDataReply> node = co_await read(job, first);
    if (node.error == ErrorCode(Code::NoNode)) continue;  // It left between the two reads.
    if (node.error) co_return node.error;
    co_return node.value.data.value_or("");
  }
}

}  // namespace

void Lock::start_acquire(std::chrono::milliseconds limit, AcquireHandler handler) {
  start_contender(client_, path_, id_, LineRules::exclusive(), limit, std::move(handler));
}

void Lock::start_holder(HolderHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<std::string>(job, {}, std::move(handler),
                       [job, path = path_] { return read_holder(job, path); });
}

void ReadWriteLock::start_read(std::chrono::milliseconds limit, AcquireHandler handler) {
  start_contender(client_, path_, id_, LineRules::reader(), limit, std::move(handler));
}

void ReadWriteLock::start_write(std::chrono::milliseconds limit, AcquireHandler handler) {
  start_contender(client_, path_, id_, LineRules::writer(), limit, std::move(handler));
}

}  // namespace quorate::client
