#include "znode/node_index.h"

#include <utility>

#include "base/ensure.h"
#include "znode/path.h"

namespace quorate::znode {
namespace {

constexpr std::size_t kFirstSlots = 16;
/// A table doubles up to the first number, takes one step to the second, and splits into two of the
/// first: so that a slot is filled to 58 to 88 % (44 to 88 without that step). All tables split at
/// about the same size of the tree.
constexpr std::size_t kSplitSlots = 1024;
constexpr std::size_t kMostSlots = 1536;
/// Hashes that are alike beyond this depth are alike by intent: such a table grows instead.
constexpr unsigned kMostDepth = 22;

bool is_full(std::size_t used, std::size_t slots) {
  return (used + 1) * 8 > slots * 7;
}

/// After a split.
std::size_t slots_for(std::size_t used) {
  return is_full(used, kSplitSlots) ? kMostSlots : kSplitSlots;
}

/// Nodes of a table that is filled at once, on average: few of them are then above what the longest
/// table takes.
constexpr std::size_t kLoadedTable = 1200;

std::size_t slots_to_load(std::size_t used) {
  std::size_t slots = kFirstSlots;
  while (is_full(used, slots) && slots < kMostSlots) {
    slots = slots == kSplitSlots ? kMostSlots : slots * 2;
  }
  return slots;
}

/// Where the search begins: by the bits that chose no table, so that any number of slots will do.
std::size_t home_of(std::uint32_t hash, unsigned depth, std::size_t slots) {
  return static_cast<std::size_t>((std::uint64_t{hash << depth} * slots) >> 32);
}

std::size_t behind(std::size_t slot, std::size_t slots) {
  return slot + 1 == slots ? 0 : slot + 1;
}

/// Steps from one slot on to another.
std::size_t distance(std::size_t from, std::size_t to, std::size_t slots) {
  return to >= from ? to - from : to + slots - from;
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
  std::vector<Node*> loaded;
  if (loaded_root_ != nullptr) each_loaded([&loaded](Node& node) { loaded.push_back(&node); });
  loaded_root_ = nullptr;
  for (Node* node : loaded) node->destroy();
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
  const std::size_t size = table.slots.size();
  for (std::size_t slot = home_of(hash, table.depth, size); table.slots[slot] != 0;
       slot = behind(slot, size)) {
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
  const std::size_t size = slots.size();
  const PoolRef ref = node.ref();
  std::size_t hole = home_of(node.path_hash(), table.depth, size);
  while (slots[hole] != ref) {
    ENSURE(slots[hole] != 0);
    hole = behind(hole, size);
  }
  // Moves later nodes of the same run back, so that no search stops at the hole too early.
  for (std::size_t slot = behind(hole, size); slots[slot] != 0; slot = behind(slot, size)) {
    const std::size_t home = home_of(node_at(slots[slot]).path_hash(), table.depth, size);
    if (distance(home, slot, size) < distance(hole, slot, size)) continue;
    slots[hole] = slots[slot];
    hole = slot;
  }
  slots[hole] = 0;
  --table.used;
  --size_;
  node.destroy();
}

// ---- Loading ------------------------------------------------------------------------------------

Node& NodeIndex::load(Node* parent, std::string_view name, std::uint32_t path_hash,
                      std::optional<std::string_view> data, const StoredStat& stat, AclKey acl) {
  Node& node = Node::make(*pool_, parent, name, path_hash, data, stat, acl);
  if (parent == nullptr) loaded_root_ = &node;
  ++size_;
  return node;
}

void NodeIndex::unload(Node& node) {
  node.destroy();
  --size_;
}

template <class Visit>
void NodeIndex::each_loaded(Visit&& visit) const {
  std::vector<Node*> todo{loaded_root_};
  visit(*loaded_root_);
  while (!todo.empty()) {
    const Node* parent = todo.back();
    todo.pop_back();
    for (const Node* child : parent->children()) {
      Node& node = const_cast<Node&>(*child);
      visit(node);
      if (node.num_children() > 0) todo.push_back(&node);
    }
  }
}

/// As many tables as growing would have made, each as long as it has to be: no node is moved.
void NodeIndex::end_loading() {
  if (loaded_root_ == nullptr) return;
  unsigned depth = 0;
  while (size_ >> depth > kLoadedTable && depth < kMostDepth) ++depth;
  ENSURE(tables_.size() == 1);
  delete tables_.front();
  tables_.clear();
  depth_ = depth;
  std::vector<std::size_t> counts(std::size_t{1} << depth);
  each_loaded([&](const Node& node) { ++counts[number_of(node.path_hash())]; });
  for (const std::size_t count : counts) {
    auto table = std::make_unique<Table>();
    table->depth = depth;
    table->slots.resize(slots_to_load(count));
    tables_.push_back(table.release());
  }
  each_loaded([&](const Node& node) {
    make_room(node.path_hash());
    place(table_of(node.path_hash()), node.ref(), node.path_hash());
  });
  loaded_root_ = nullptr;
}

void NodeIndex::place(Table& table, PoolRef ref, std::uint32_t hash) {
  const std::size_t size = table.slots.size();
  std::size_t slot = home_of(hash, table.depth, size);
  while (table.slots[slot] != 0) slot = behind(slot, size);
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
  const std::size_t size = table.slots.size();
  std::vector<PoolRef> old(size == kSplitSlots ? kMostSlots : size * 2);
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
  const std::vector<PoolRef> old = std::exchange(lower.slots, {});
  upper->depth = ++lower.depth;
  const std::uint32_t side = std::uint32_t{1} << (32 - lower.depth);
  std::size_t more = 0;
  for (PoolRef ref : old) more += ref != 0 && (node_at(ref).path_hash() & side) != 0;
  // Nothing promises that the hashes part evenly.
  upper->slots.resize(slots_for(more));
  lower.slots.resize(slots_for(std::exchange(lower.used, 0) - more));
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
