// The place in a map that was used last.
#pragma once

namespace pipeline {

/// Lies beside the map in one object. Copies and moves of that object begin without one, as the
/// place would be in the other's map.
template <class Key, class Value>
class Shortcut {
 public:
  Shortcut() = default;
  Shortcut(const Shortcut&) {}
  Shortcut(Shortcut&& other) noexcept { other.clear(); }
  Shortcut& operator=(const Shortcut&) {
    clear();
    return *this;
  }
  Shortcut& operator=(Shortcut&& other) noexcept {
    clear();
    other.clear();
    return *this;
  }

  Value* find(const Key& key) const { return value_ != nullptr && key_ == key ? value_ : nullptr; }
  Value& set(const Key& key, Value& value) {
    key_ = key;
    value_ = &value;
    return value;
  }
  void clear() { value_ = nullptr; }

 private:
  Key key_{};
  Value* value_ = nullptr;
};

}  // namespace pipeline
