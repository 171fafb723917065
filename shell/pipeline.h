// Many writes at once: a bounded number on their way, errors counted, the first one kept.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "shell/remote.h"

namespace quorate::shell {

class Pipeline {
 public:
  using Done = std::function<void(client::ErrorCode)>;

  struct Outcome {
    std::size_t succeeded = 0;
    std::size_t failed = 0;
    Status first;  ///< The first failure, and what it was about.
    std::string first_path;
  };

  /// Errors of `forgiven` count as success: a node that is gone when it is to be deleted.
  explicit Pipeline(Remote& remote, client::Code forgiven = client::Code::Ok,
                    std::size_t flying_max = 256);
  /// Waits for what is on its way.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Waits for a free place, then calls `begin(client, done)`; `done` must be called once. False,
  /// and nothing begun, once a write has failed or Ctrl-C was pressed.
  bool start(const std::string& path, const std::function<void(client::Client&, Done)>& begin);

  /// Waits for all; a cancelled one does not wait long for answers.
  Outcome finish();

 private:
  struct State;
  Remote& remote_;
  std::shared_ptr<State> state_;
};

}  // namespace quorate::shell
