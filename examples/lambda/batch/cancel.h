// How a task is told that nobody wants its result any more.
#pragma once

#include <atomic>

namespace lambda_app {

/// Set by any thread; tasks look now and then and end with nothing.
using Cancel = std::atomic<bool>;

}  // namespace lambda_app
