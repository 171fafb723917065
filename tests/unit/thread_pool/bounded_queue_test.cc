#include "examples/leader_follower/thread_pool/bounded_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

using namespace thread_pool;

TEST_CASE("bounded queue: first in, first out, also what cannot be copied") {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  CHECK(queue.push(std::make_unique<int>(1)));
  CHECK(queue.push(std::make_unique<int>(2)));
  CHECK(**queue.pop() == 1);
  CHECK(**queue.pop() == 2);
}

TEST_CASE("bounded queue: a producer waits while it is full, and nothing is lost") {
  BoundedQueue<int> queue(3);
  std::thread producer([&] {
    for (int i = 0; i < 1'000; ++i) queue.push(i);
  });
  // The fourth cannot be in before one is out.
  while (queue.waits() == 0) std::this_thread::yield();
  for (int i = 0; i < 1'000; ++i) CHECK(queue.pop() == i);
  producer.join();
}

TEST_CASE("bounded queue: closing ends those who wait on either side") {
  BoundedQueue<int> empty(1), full(1);
  CHECK(full.push(1));
  std::thread consumer([&] { CHECK_FALSE(empty.pop().has_value()); });
  std::thread producer([&] { CHECK_FALSE(full.push(2)); });
  while (full.waits() == 0) std::this_thread::yield();
  empty.close();
  full.close();
  consumer.join();
  producer.join();
  CHECK_FALSE(empty.push(1));
  CHECK_FALSE(full.pop().has_value());
}
