// Checks that stay on in every build, and the marks that prove a test reached a situation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quorate {

/// Prints file, line and text to standard error and aborts. For our own bugs.
[[noreturn]] void ensure_failed(const char* condition, const char* file, int line);

/// Prints `what` to standard error and ends the process with `exit_code`, at once and without
/// destructors: the ground gave way (fsync failed, log damaged before its tail), nothing may be
/// written any more. Any thread.
[[noreturn]] void fatal(std::string_view what, int exit_code = 1);

/// Replaces what fatal() does, for the simulator, where one server of many "dies". The hook must
/// not return (it throws). Set before threads start; nullptr restores the default.
void set_fatal_hook(void (*hook)(std::string_view what));

/// One situation that matters, counted wherever it is passed (REACHED below).
struct ReachedCount {
  const char* name;
  unsigned long long count;
};

/// All situations known to this program, sorted by name, with how often each was passed.
std::vector<ReachedCount> reached_counts();

namespace detail {
class ReachedSite {
 public:
  explicit ReachedSite(const char* name);
  void pass();

 private:
  friend std::vector<ReachedCount> quorate::reached_counts();
  const char* name_;
  unsigned long long count_ = 0;
  ReachedSite* next_;
};
}  // namespace detail

}  // namespace quorate

/// A broken invariant is a bug of ours: print and abort, in every build.
#define ENSURE(condition)                 \
  (static_cast<bool>(condition) ? void(0) \
                                : ::quorate::ensure_failed(#condition, __FILE__, __LINE__))

/// Marks a situation that tests must reach. The simulator's sweep fails if one is never visited.
/// Exact where one thread at a time passes a site; several servers in a process may lose counts.
#define REACHED(name)                                         \
  do {                                                        \
    static ::quorate::detail::ReachedSite reached_site{name}; \
    reached_site.pass();                                      \
  } while (false)
