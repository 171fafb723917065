#include "znode/node_index.h"

#include "base/ensure.h"

namespace quorate::znode {
namespace {

constexpr std::size_t kFirstSlots = 16;

}  // namespace

NodeIndex::NodeIndex() : slots_(kFirstSlots) {}

std::size_t NodeIndex::home(std::uint64_t hash) const {
  // FNV's low bits follow the last characters closely; the product spreads them.
  return ((hash * 0x9e3779b97f4a7c15ULL) >> 20) & (slots_.size() - 1);
}

Node* NodeIndex::find(std::string_view path) const {
  const std::uint64_t hash = continue_hash(kRootHash, path);
  for (std::size_t slot = home(hash); slots_[slot]; slot = after(slot)) {
    Node* node = slots_[slot].get();
    if (node->path_hash() == hash && node->is_at(path)) return node;
  }
  return nullptr;
}

Node& NodeIndex::insert(std::unique_ptr<Node> node) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  Node& placed = *node;
  place(std::move(node));
  ++size_;
  return placed;
}

void NodeIndex::erase(Node& node) {
  std::size_t hole = slot_of(node);
  slots_[hole].reset();
  --size_;
  // Moves later nodes of the same run back, so that no search stops at the hole too early.
  for (std::size_t slot = after(hole); slots_[slot]; slot = after(slot)) {
    const std::size_t mask = slots_.size() - 1;
    const std::size_t distance_home = (slot - home(slots_[slot]->path_hash())) & mask;
    const std::size_t distance_hole = (slot - hole) & mask;
    if (distance_home < distance_hole) continue;
    slots_[hole] = std::move(slots_[slot]);
    hole = slot;
  }
}

std::size_t NodeIndex::slot_of(const Node& node) const {
  std::size_t slot = home(node.path_hash());
  while (slots_[slot].get() != &node) {
    ENSURE(slots_[slot] != nullptr);
    slot = after(slot);
  }
  return slot;
}

void NodeIndex::place(std::unique_ptr<Node> node) {
  std::size_t slot = home(node->path_hash());
  while (slots_[slot]) slot = after(slot);
  slots_[slot] = std::move(node);
}

void NodeIndex::grow() {
  std::vector<std::unique_ptr<Node>> old(slots_.size() * 2);
  old.swap(slots_);
  for (std::unique_ptr<Node>& node : old) {
    if (node) place(std::move(node));
  }
}

}  // namespace quorate::znode
