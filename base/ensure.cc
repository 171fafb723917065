#include "base/ensure.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace quorate {
namespace {

void (*fatal_hook)(std::string_view) = nullptr;

// Guards the list of sites: a site enters it once, on the first pass of whichever thread owns it.
std::mutex sites_mutex;
detail::ReachedSite* first_site = nullptr;

}  // namespace

void ensure_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "FATAL %s:%d: ENSURE(%s) failed\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

void fatal(std::string_view what, int exit_code) {
  if (fatal_hook != nullptr) fatal_hook(what);
  std::fprintf(stderr, "FATAL %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stderr);
  std::_Exit(exit_code);
}

void set_fatal_hook(void (*hook)(std::string_view)) {
  fatal_hook = hook;
}

namespace detail {

ReachedSite::ReachedSite(const char* name) : name_(name) {
  std::lock_guard lock(sites_mutex);
  next_ = first_site;
  first_site = this;
}

void ReachedSite::pass() {
  // Several servers of one process may pass a site at once. A count may then be lost, which costs
  // less than a locked addition in code that runs for every request.
  const std::atomic_ref<unsigned long long> count(count_);
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace detail

std::vector<ReachedCount> reached_counts() {
  std::vector<ReachedCount> all;
  std::lock_guard lock(sites_mutex);
  for (auto* site = first_site; site != nullptr; site = site->next_) {
    const auto count =
        std::atomic_ref<unsigned long long>(site->count_).load(std::memory_order_relaxed);
    auto same = std::find_if(all.begin(), all.end(), [&](const ReachedCount& known) {
      return std::string_view(known.name) == site->name_;
    });
    if (same != all.end()) {
      same->count += count;
    } else {
      all.push_back({site->name_, count});
    }
  }
  std::sort(all.begin(), all.end(), [](const ReachedCount& a, const ReachedCount& b) {
    return std::string_view(a.name) < b.name;
  });
  return all;
}

}  // namespace quorate
