// What the processes do all the time: each kind of work uses one recipe and tells what it believes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "tests/sim/recipes/process.h"
#include "tests/sim/recipes/promises.h"

namespace quorate::sim {

/// Begins the work that the plan names, in a life that has just begun.
void begin_work(const LifePtr& life);
/// Their names, in the order of the bits of Plan::work.
const std::vector<std::string>& work_names();

boost::asio::awaitable<void> work_lock(LifePtr life);
boost::asio::awaitable<void> work_read_write(LifePtr life);
boost::asio::awaitable<void> work_semaphore(LifePtr life);
boost::asio::awaitable<void> work_latch(LifePtr life);
boost::asio::awaitable<void> work_selector(LifePtr life);
boost::asio::awaitable<void> work_queue(LifePtr life);
boost::asio::awaitable<void> work_counter(LifePtr life);
boost::asio::awaitable<void> work_gate(LifePtr life);
boost::asio::awaitable<void> work_rounds(LifePtr life);
boost::asio::awaitable<void> work_caches(LifePtr life);
boost::asio::awaitable<void> work_member(LifePtr life);
boost::asio::awaitable<void> work_shards(LifePtr life);
boost::asio::awaitable<void> work_plain_queues(LifePtr life);
boost::asio::awaitable<void> work_multi_lock(LifePtr life);
boost::asio::awaitable<void> work_reentrant(LifePtr life);
boost::asio::awaitable<void> work_group(LifePtr life);
boost::asio::awaitable<void> work_services(LifePtr life);
boost::asio::awaitable<void> work_config(LifePtr life);

/// Starts `work` beside what runs.
void beside(const LifePtr& life, boost::asio::awaitable<void> work);

/// What a holder does at the resource behind what it holds: again and again it looks whether it
/// still holds it, reads, thinks, and writes one more than it has read.
boost::asio::awaitable<void> use(LifePtr life, ClaimPtr claim, int steps);

/// Whether the client whose call ended so can do nothing more.
bool is_end(const client::ErrorCode& error);
/// A limit for a call: none, or one that may well pass.
std::chrono::milliseconds some_limit(Life& life);
Micros some_time(Life& life, Micros most);
/// So many items wait in the queue at `path` that consumers might not be done before the end.
bool is_long(const Life& life, const std::string& path);

}  // namespace quorate::sim
