#include "examples/leader_follower/thread_pool/event_set.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace thread_pool {

namespace {

constexpr std::size_t kAtOnce = 64;

int checked(int handle, const char* what) {
  if (handle < 0) throw std::system_error(errno, std::generic_category(), what);
  return handle;
}

epoll_event interest(std::uint32_t events, void* who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = who;
  return event;
}

}  // namespace

EventSet::EventSet()
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      closed_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event = interest(EPOLLIN, nullptr);
  checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, closed_, &event), "epoll_ctl");
}

EventSet::~EventSet() {
  ::close(closed_);
  ::close(epoll_);
}

bool EventSet::add(int handle, void* who) {
  epoll_event event = interest(EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, who);
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, handle, &event) == 0;
}

void EventSet::arm(int handle, void* who) {
  epoll_event event = interest(EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, who);
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, handle, &event);
}

void EventSet::remove(int handle) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, handle, nullptr);
}

std::size_t EventSet::wait(std::span<void*> ready) {
  std::array<epoll_event, kAtOnce> events;
  const int most = static_cast<int>(std::min(ready.size(), kAtOnce));
  int count = -1;
  do {
    count = ::epoll_wait(epoll_, events.data(), most, -1);
  } while (count < 0 && errno == EINTR);
  std::size_t filled = 0;
  for (int i = 0; i < count; ++i) {
    void* const who = events[static_cast<std::size_t>(i)].data.ptr;
    // What else is ready is not reported any more: who closes the set drops the handles.
    if (who == nullptr) return 0;
    ready[filled++] = who;
  }
  return filled;
}

void EventSet::close() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(closed_, &one, sizeof one);
}

}  // namespace thread_pool
