// An item of a locking queue, taken and not yet acknowledged. No Boost header.
#pragma once

#include <string>
#include <utility>

#include "quorate/recipes/hold.h"

namespace quorate::client {

/// While it is held no other consumer gets the item. When the session ends, or release() is called,
/// the item goes to another one.
class QueueItem {
 public:
  QueueItem() = default;
  QueueItem(std::string name, std::string data, Hold claim)
      : name_(std::move(name)), data_(std::move(data)), claim_(std::move(claim)) {}

  const std::string& data() const { return data_; }
  const std::string& name() const { return name_; }  ///< Of its znode, within the queue.
  /// False from the moment the session is suspended: others may get the item soon.
  bool valid() const { return claim_.valid(); }
  /// Fencing token: a later consumer of the same item has a greater one.
  std::int64_t token() const { return claim_.token(); }
  /// Gives the item back.
  void release() { claim_.release(); }

 private:
  std::string name_;
  std::string data_;
  Hold claim_;
};

}  // namespace quorate::client
