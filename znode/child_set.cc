#include "znode/child_set.h"

#include <algorithm>

#include "base/ensure.h"
#include "znode/node.h"

namespace quorate::znode {
namespace {

constexpr std::size_t kBlock = 256;

std::string_view name_of(const NodePool& pool, PoolRef ref) {
  return static_cast<const Node*>(pool.small_at(ref))->name();
}

auto place_in(const NodePool& pool, const std::vector<PoolRef>& block, std::string_view name) {
  return std::lower_bound(
      block.begin(), block.end(), name,
      [&pool](PoolRef ref, std::string_view wanted) { return name_of(pool, ref) < wanted; });
}

}  // namespace

std::size_t ChildSet::block_for(const NodePool& pool, std::string_view name) const {
  // Names often come in ascending order, and then the last block is the one.
  if (name_of(pool, blocks_.back().front()) <= name) return blocks_.size() - 1;
  const auto behind =
      std::upper_bound(blocks_.begin(), blocks_.end(), name,
                       [&pool](std::string_view wanted, const std::vector<PoolRef>& block) {
                         return wanted < name_of(pool, block.front());
                       });
  return behind == blocks_.begin() ? 0 : static_cast<std::size_t>(behind - blocks_.begin()) - 1;
}

void ChildSet::insert(const NodePool& pool, PoolRef child) {
  ++size_;
  if (blocks_.empty()) {
    blocks_.push_back({child});
    return;
  }
  const std::string_view name = name_of(pool, child);
  std::size_t number = block_for(pool, name);
  const bool last = name_of(pool, blocks_[number].back()) < name;
  const auto next = [&] { return blocks_.begin() + static_cast<std::ptrdiff_t>(number + 1); };
  if (blocks_[number].size() == kBlock && last) {
    // Ascending names leave full blocks behind them.
    blocks_.insert(next(), std::vector<PoolRef>{child});
    return;
  }
  if (blocks_[number].size() == kBlock) {
    const auto middle = blocks_[number].begin() + kBlock / 2;
    std::vector<PoolRef> upper(middle, blocks_[number].end());
    blocks_[number].erase(middle, blocks_[number].end());
    blocks_.insert(next(), std::move(upper));
    if (name_of(pool, blocks_[number + 1].front()) < name) ++number;
  }
  std::vector<PoolRef>& block = blocks_[number];
  const auto place = last && block.size() < kBlock && name_of(pool, block.back()) < name
                         ? block.cend()
                         : place_in(pool, block, name);
  block.insert(place, child);
}

bool ChildSet::insert_new(const NodePool& pool, PoolRef child) {
  const std::string_view name = name_of(pool, child);
  const bool last = blocks_.empty() || name_of(pool, blocks_.back().back()) < name;
  if (!last) {
    if (find(pool, name) != 0) return false;
    insert(pool, child);
    return true;
  }
  if (blocks_.empty() || blocks_.back().size() == kBlock) blocks_.emplace_back();
  blocks_.back().push_back(child);
  ++size_;
  return true;
}

PoolRef ChildSet::find(const NodePool& pool, std::string_view name) const {
  if (blocks_.empty()) return 0;
  const std::vector<PoolRef>& block = blocks_[block_for(pool, name)];
  const auto place = place_in(pool, block, name);
  return place != block.end() && name_of(pool, *place) == name ? *place : 0;
}

void ChildSet::erase(const NodePool& pool, PoolRef child) {
  ENSURE(!blocks_.empty());
  const std::string_view name = name_of(pool, child);
  const std::size_t number = block_for(pool, name);
  std::vector<PoolRef>& block = blocks_[number];
  const auto place = place_in(pool, block, name);
  ENSURE(place != block.end());
  ENSURE(*place == child);
  block.erase(place);
  --size_;
  if (block.empty()) blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(number));
}

}  // namespace quorate::znode
