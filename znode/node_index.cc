#include "znode/node_index.h"

#include "base/ensure.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::size_t kMostSlots = 1024;
/// Hashes that are alike beyond this depth are alike by intent: such a table grows instead.
constexpr unsigned kMostDepth = 22;

bool is_full(std::size_t used, std::size_t slots) {
  return (used + 1) * 8 > slots * 7;
}

}  // namespace

NodeIndex::NodeIndex() {
  clear();
}

NodeIndex::~NodeIndex() {
  destroy_all();
}

void NodeIndex::clear() {
  destroy_all();
  pool_ = std::make_unique<NodePool>();
  depth_ = 0;
  size_ = 0;
  auto first = std::make_unique<Table>();
  first->slots.resize(kFirstSlots);
  tables_.assign(1, first.release());
}

void NodeIndex::destroy_all() {
  const Table* last = nullptr;
  for (Table* table : tables_) {
    if (table == last) continue;
    for (PoolRef ref : table->slots) {
      if (ref != 0) node_at(ref).destroy();
    }
    delete last;
    last = table;
  }
  delete last;
}

Node* NodeIndex::find(std::string_view path) const {
  const std::uint32_t hash = path_hash(path);
  const Table& table = table_of(hash);
  const std::size_t mask = table.slots.size() - 1;
  for (std::size_t slot = hash & mask; table.slots[slot] != 0; slot = (slot + 1) & mask) {
    Node& node = node_at(table.slots[slot]);
    if (node.path_hash() == hash && node.is_at(path)) return &node;
  }
  return nullptr;
}

Node& NodeIndex::create(Node* parent, std::string_view path, std::optional<std::string_view> data,
                        const StoredStat& stat, AclKey acl) {
  const std::uint32_t hash = path_hash(path);
  const std::string_view name = parent == nullptr ? std::string_view() : last_name(path);
  Node& node = Node::make(*pool_, parent, name, hash, data, stat, acl);
  make_room(hash);
  place(table_of(hash), node.ref(), hash);
  ++size_;
  return node;
}

void NodeIndex::destroy(Node& node) {
  Table& table = table_of(node.path_hash());
  std::vector<PoolRef>& slots = table.slots;
  const std::size_t mask = slots.size() - 1;
  const PoolRef ref = node.ref();
  std::size_t hole = node.path_hash() & mask;
  while (slots[hole] != ref) {
    ENSURE(slots[hole] != 0);
    hole = (hole + 1) & mask;
  }
  // Moves later nodes of the same run back, so that no search stops at the hole too early.
  for (std::size_t slot = (hole + 1) & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t distance_home = (slot - node_at(slots[slot]).path_hash()) & mask;
    const std::size_t distance_hole = (slot - hole) & mask;
    if (distance_home < distance_hole) continue;
    slots[hole] = slots[slot];
    hole = slot;
  }
  slots[hole] = 0;
  --table.used;
  --size_;
  node.destroy();
}

void NodeIndex::place(Table& table, PoolRef ref, std::uint32_t hash) {
  const std::size_t mask = table.slots.size() - 1;
  std::size_t slot = hash & mask;
  while (table.slots[slot] != 0) slot = (slot + 1) & mask;
  table.slots[slot] = ref;
  ++table.used;
}

void NodeIndex::make_room(std::uint32_t hash) {
  while (true) {
    Table& table = table_of(hash);
    if (!is_full(table.used, table.slots.size())) return;
    if (table.slots.size() < kMostSlots || table.depth == kMostDepth) {
      widen(table);
    } else {
      split(hash);
    }
  }
}

void NodeIndex::widen(Table& table) {
  std::vector<PoolRef> old(table.slots.size() * 2);
  old.swap(table.slots);
  table.used = 0;
  for (PoolRef ref : old) {
    if (ref != 0) place(table, ref, node_at(ref).path_hash());
  }
}

void NodeIndex::split(std::uint32_t hash) {
  if (table_of(hash).depth == depth_) {
    std::vector<Table*> doubled;
    doubled.reserve(tables_.size() * 2);
    for (Table* table : tables_) doubled.insert(doubled.end(), 2, table);
    tables_.swap(doubled);
    ++depth_;
  }
  Table& lower = table_of(hash);
  Table* upper = std::make_unique<Table>().release();
  std::vector<PoolRef> old(lower.slots.size());
  upper->slots.resize(old.size());
  old.swap(lower.slots);
  lower.used = 0;
  upper->depth = ++lower.depth;
  // The table stood at `span` places in a row; the later half is the new one's.
  const std::size_t span = std::size_t{1} << (depth_ - lower.depth + 1);
  const std::size_t begin = number_of(hash) & ~(span - 1);
  for (std::size_t i = begin + span / 2; i < begin + span; ++i) tables_[i] = upper;
  for (PoolRef ref : old) {
    if (ref == 0) continue;
    const std::uint32_t own = node_at(ref).path_hash();
    place(table_of(own), ref, own);
  }
}

}  // namespace quorate::znode
