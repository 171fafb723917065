// ENSURE(thread_.here()): every mutable thing has one owner thread, and says so.
#pragma once

#include <thread>

namespace quorate {

class ThreadChecker {
 public:
  /// Makes the calling thread the owner.
  void adopt() { owner_ = std::this_thread::get_id(); }
  bool here() const { return owner_ == std::this_thread::get_id(); }

 private:
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace quorate
