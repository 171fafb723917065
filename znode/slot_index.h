// A hash index of numbers: 4 bytes a slot, the elements themselves lie elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quorate::znode {

/// Open addressing with linear probing; erase() closes the gap, so there are no tombstones and a
/// long life does not slow it down. The caller knows an element's hash and tells which element it
/// means: `hash_of(index)`, `same(index)`.
class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  template <class Same>
  std::uint32_t find(std::uint32_t hash, Same&& same) const {
    if (slots_.empty()) return kNone;
    for (std::size_t at = hash & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      if (same(slots_[at])) return slots_[at];
    }
    return kNone;
  }

  /// `index` is not in here yet.
  template <class HashOf>
  void insert(std::uint32_t index, HashOf&& hash_of) {
    if ((used_ + 1) * 4 > slots_.size() * 3) {
      resize(slots_.empty() ? kSmallest : slots_.size() * 2, hash_of);
    }
    place(index, hash_of(index));
    ++used_;
  }

  /// `index` is in here.
  template <class HashOf>
  void erase(std::uint32_t index, HashOf&& hash_of) {
    std::size_t gap = slot_of(index, hash_of(index));
    for (std::size_t at = (gap + 1) & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      const std::size_t home = hash_of(slots_[at]) & mask();
      if (((at - home) & mask()) < ((at - gap) & mask())) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = kNone;
    --used_;
    if (slots_.size() > kSmallest && used_ * 8 < slots_.size()) resize(slots_.size() / 2, hash_of);
  }

  /// `other`, of the same hash, takes the place of `index`.
  void replace(std::uint32_t index, std::uint32_t other, std::uint32_t hash) {
    slots_[slot_of(index, hash)] = other;
  }

  std::size_t size() const { return used_; }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const std::uint32_t index : slots_) {
      if (index != kNone) visit(index);
    }
  }

 private:
  static constexpr std::size_t kSmallest = 16;
  std::size_t mask() const { return slots_.size() - 1; }

  std::size_t slot_of(std::uint32_t index, std::uint32_t hash) const {
    std::size_t at = hash & mask();
    while (slots_[at] != index) at = (at + 1) & mask();
    return at;
  }
  void place(std::uint32_t index, std::uint32_t hash) {
    std::size_t at = hash & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = index;
  }
  template <class HashOf>
  void resize(std::size_t size, HashOf&& hash_of) {
    std::vector<std::uint32_t> old(size, kNone);
    old.swap(slots_);
    for (const std::uint32_t index : old) {
      if (index != kNone) place(index, hash_of(index));
    }
  }

  std::vector<std::uint32_t> slots_;  ///< A power of two, or none at all.
  std::size_t used_ = 0;
};

}  // namespace quorate::znode
