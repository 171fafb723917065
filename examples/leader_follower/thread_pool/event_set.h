// Which handles are ready: epoll, one shot per handle.
#pragma once

#include <cstddef>
#include <span>

namespace thread_pool {

/// A handle that was reported stays silent until it is armed again, so that no second thread is
/// told of a connection that one is working on. Every function from any thread.
class EventSet {
 public:
  EventSet();
  ~EventSet();
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;

  /// `who`, which wait() reports, must not be null. False: the system has no room for it.
  bool add(int handle, void* who);
  void arm(int handle, void* who);
  void remove(int handle);

  /// Waits, and fills the front of `ready`; how many there are, 0 once the set has been closed.
  std::size_t wait(std::span<void*> ready);
  /// Ends every wait, of now and later.
  void close();

 private:
  int epoll_ = -1;
  int closed_ = -1;  ///< Readable for ever after close().
};

}  // namespace thread_pool
