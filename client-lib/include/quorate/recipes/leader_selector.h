// Leader selector: runs a task while leading; hand-over and priorities. Guarantees and limits:
// docs/recipes.md.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "quorate/client.h"
#include "quorate/recipes/leadership.h"

namespace quorate::client {

/// One candidate at the znode `path`, in one line with Election, LeaderLatch and kazoo's. When it
/// leads it runs the task; when that returns the leadership is handed over to the next in line, and
/// this candidate stands again at the end. Of candidates with different priorities the greatest
/// leads: the others do not stand while it is there, and a leader of lower priority is told by
/// Leadership::outranked(), not deposed.
class LeaderSelector {
 public:
  /// Runs on the client's strand. Must end soon after the leadership has turned invalid.
  using Task = std::function<asio::awaitable<void>(Leadership)>;

  /// How this candidate stands.
  struct Options {
    Options() {}
    explicit Options(int p) : priority(p) {}
    int priority = 0;     ///< 0 to 99'999; greater leads first.
    bool requeue = true;  ///< Stand again after the task has returned.
  };

  LeaderSelector(Client& client, std::string path, std::string id, Task task, Options options = {});
  ~LeaderSelector();  ///< As stop().
  LeaderSelector(const LeaderSelector&) = delete;
  LeaderSelector& operator=(const LeaderSelector&) = delete;

  void start();  ///< Once. Any thread.
  /// Leaves the line. A running task is told by its leadership turning invalid. Any thread.
  void stop();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::client
