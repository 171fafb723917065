#include "znode/node.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "base/ensure.h"

namespace quorate::znode {

Stat client_stat(const NodeState& node) {
  Stat stat;
  stat.czxid = node.stat.czxid;
  stat.mzxid = node.stat.mzxid;
  stat.ctime = node.stat.ctime;
  stat.mtime = node.stat.mtime;
  stat.version = node.stat.version;
  // Creates so far, plus deletes so far (those that are gone): 2 * creates - children. Computed
  // without sign, because the counter may wrap.
  stat.cversion = static_cast<std::int32_t>(2 * static_cast<std::uint32_t>(node.stat.cversion) -
                                            static_cast<std::uint32_t>(node.num_children));
  stat.aversion = node.stat.aversion;
  stat.ephemeral_owner =
      is_session_owner(node.stat.ephemeral_owner) ? node.stat.ephemeral_owner : 0;
  stat.data_length = std::max(node.data_length, 0);
  stat.num_children = node.num_children;
  stat.pzxid = node.stat.pzxid;
  return stat;
}

std::uint32_t path_hash(std::string_view path) {
  // Eight bytes at a time: the chain of products is what a look-up of a long path waits for.
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hash = path.size() * kFactor;
  const auto take = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32;
  };
  ByteView rest = as_bytes(path);
  for (; rest.size() >= 8; rest = rest.subspan(8)) take(load_be<std::uint64_t>(rest.data()));
  if (rest.size() >= 4) {
    // The two overlap, where there are not eight.
    const std::uint64_t first = load_be<std::uint32_t>(rest.data());
    take(first << 32 | load_be<std::uint32_t>(rest.data() + rest.size() - 4));
  } else if (!rest.empty()) {
    std::uint64_t word = 0;
    for (const std::byte b : rest) word = word << 8 | std::to_integer<std::uint64_t>(b);
    take(word);
  }
  return static_cast<std::uint32_t>((hash * kFactor) >> 32);
}

namespace {

constexpr std::size_t kShortName = 511, kShortData = 65534;

template <class T>
void copy_out(const char*& from, T& to, std::size_t bytes = sizeof(T)) {
  std::memcpy(&to, from, bytes);
  from += bytes;
}

template <class T>
void copy_in(char*& to, const T& from, std::size_t bytes = sizeof(T)) {
  std::memcpy(to, &from, bytes);
  to += bytes;
}

std::int32_t length_of(std::optional<std::string_view> data) {
  if (!data) return -1;
  ENSURE(data->size() <= static_cast<std::size_t>(INT32_MAX));
  return static_cast<std::int32_t>(data->size());
}

}  // namespace

Node& Node::make(NodePool& pool, Node* parent, std::string_view name, std::uint32_t path_hash,
                 std::optional<std::string_view> data, const StoredStat& stat, AclKey acl) {
  static_assert(std::is_trivially_destructible_v<Node>);
  ENSURE(name.size() < (std::size_t{1} << 30));  // A frame is shorter.
  Node& node = *new (pool.small_at(pool.allocate(sizeof(Node)))) Node();
  node.parent_ = parent == nullptr ? 0 : parent->ref();
  node.path_hash_ = path_hash;
  node.czxid_ = stat.czxid;
  node.ctime_ = stat.ctime;
  const Parts parts{nullptr, changes_of(stat), stat.ephemeral_owner, acl};
  const Lengths lengths{static_cast<std::uint32_t>(name.size()), length_of(data)};
  const unsigned mask = with_lengths(node.mask_of(parts), lengths);
  node.fill(pool.allocate(size_of(mask, lengths)), mask, parts, name, data);
  return node;
}

void Node::destroy() {
  if (parts_ & kChildren) delete child_set();
  NodePool& pool = this->pool();
  pool.release(content_, content_size());
  pool.release(ref(), sizeof(Node));
}

// ---- What it holds ------------------------------------------------------------------------------

std::optional<std::string_view> Node::data() const {
  const Lengths own = lengths();
  if (own.data < 0) return std::nullopt;
  return std::string_view(content() + head_size(parts_) + own.name,
                          static_cast<std::size_t>(own.data));
}

Buffer Node::data_copy() const {
  std::optional<std::string_view> view = data();
  return view ? Buffer(*view) : Buffer();
}

StoredStat Node::stat() const {
  const Parts parts = this->parts();
  StoredStat stat;
  stat.czxid = czxid_;
  stat.mzxid = parts.changes.mzxid;
  stat.pzxid = parts.changes.pzxid;
  stat.ctime = ctime_;
  stat.mtime = parts.changes.mtime;
  stat.ephemeral_owner = parts.owner;
  stat.version = parts.changes.version;
  stat.cversion = parts.changes.cversion;
  stat.aversion = parts.changes.aversion;
  return stat;
}

AclKey Node::acl() const {
  return parts_ & kAcl ? parts().acl : kOpenAcl;
}

std::int32_t Node::num_children() const {
  return parts_ & kChildren ? static_cast<std::int32_t>(child_set()->size()) : 0;
}

NodeState Node::state() const {
  return {stat(), data_length(), num_children(), acl(), nullptr};
}

Node* Node::parent() const {
  return parent_ == 0 ? nullptr : static_cast<Node*>(pool().small_at(parent_));
}

std::string Node::path() const {
  std::size_t length = 0;
  for (const Node* node = this; node->parent_ != 0; node = node->parent()) {
    length += 1 + node->name().size();
  }
  std::string path(length, '/');
  for (const Node* node = this; node->parent_ != 0; node = node->parent()) {
    const std::string_view own = node->name();
    length -= own.size();
    own.copy(path.data() + length, own.size());
    --length;
  }
  return path;
}

bool Node::is_at(std::string_view path) const {
  const Node* node = this;
  for (; node->parent_ != 0; node = node->parent()) {
    const std::string_view own = node->name();
    if (path.size() <= own.size() || !path.ends_with(own)) return false;
    path.remove_suffix(own.size());
    if (path.back() != '/') return false;
    path.remove_suffix(1);
  }
  return path.empty();
}

// ---- Changes ------------------------------------------------------------------------------------

void Node::store_data(std::optional<std::string_view> data) {
  Lengths lengths = this->lengths();
  lengths.data = length_of(data);
  const unsigned mask = with_lengths(parts_, lengths);
  if (mask != parts_ || !NodePool::same_room(content_size(), size_of(mask, lengths))) {
    return move(mask, parts(), data);
  }
  char* head = content();
  store_lengths(head, lengths);
  if (!data || data->empty()) return;
  std::memmove(head + head_size(mask) + lengths.name, data->data(), data->size());
}

void Node::store_stat(const StoredStat& stat) {
  Parts parts = this->parts();
  parts.changes = changes_of(stat);
  parts.owner = stat.ephemeral_owner;
  czxid_ = stat.czxid;
  ctime_ = stat.ctime;
  store_parts(parts);
}

void Node::store_acl(AclKey acl) {
  Parts parts = this->parts();
  parts.acl = acl;
  store_parts(parts);
}

ChildRange Node::children() const {
  if (!(parts_ & kChildren)) return {};
  return {pool(), *child_set()};
}

void Node::add_child(Node& child) {
  ENSURE(child.parent() == this);
  open_child_set();
  child_set()->insert(pool(), child.ref());
}

bool Node::add_new_child(Node& child) {
  ENSURE(child.parent() == this);
  open_child_set();
  return child_set()->insert_new(pool(), child.ref());
}

void Node::open_child_set() {
  if (parts_ & kChildren) return;
  Parts parts = this->parts();
  parts.children = std::make_unique<ChildSet>().release();
  store_parts(parts);
}

Node* Node::child(std::string_view name) const {
  const PoolRef found = parts_ & kChildren ? child_set()->find(pool(), name) : 0;
  return found == 0 ? nullptr : static_cast<Node*>(pool().small_at(found));
}

void Node::remove_child(Node& child) {
  ENSURE((parts_ & kChildren) != 0);
  Parts parts = this->parts();
  parts.children->erase(pool(), child.ref());
  if (parts.children->size() > 0) return;
  delete std::exchange(parts.children, nullptr);
  store_parts(parts);
}

// ---- The second piece ---------------------------------------------------------------------------

Node::Changes Node::changes_of(const StoredStat& stat) {
  return {stat.mzxid, stat.pzxid, stat.mtime, stat.version, stat.cversion, stat.aversion};
}

std::size_t Node::size_of(unsigned mask, Lengths lengths) {
  const std::size_t size =
      head_size(mask) + lengths.name + static_cast<std::size_t>(std::max(lengths.data, 0));
  return std::max(size, std::size_t{1});
}

std::size_t Node::content_size() const {
  return size_of(parts_, lengths());
}

unsigned Node::with_lengths(unsigned mask, Lengths lengths) {
  const bool shorter =
      lengths.name <= kShortName && lengths.data <= static_cast<std::int32_t>(kShortData);
  return shorter ? mask & ~unsigned{kLengths} : mask | kLengths;
}

Node::Lengths Node::stored_lengths(const char* head) {
  Lengths lengths;
  std::memcpy(&lengths, head, sizeof lengths);
  return lengths;
}

void Node::store_lengths(char* head, Lengths lengths) {
  if (parts_ & kLengths) {
    std::memcpy(head, &lengths, sizeof lengths);
  } else {
    short_name_ = lengths.name & kShortName;
    short_data_ = static_cast<std::uint32_t>(lengths.data + 1) & 0xffff;
  }
}

ChildSet* Node::child_set() const {
  ChildSet* set = nullptr;
  std::memcpy(&set, content() + head_size(parts_ & kLengths), sizeof set);
  return set;
}

Node::Parts Node::parts() const {
  Parts parts{nullptr, no_changes(), 0, kOpenAcl};
  if ((parts_ & ~unsigned{kLengths}) == 0) return parts;
  const char* from = content() + head_size(parts_ & kLengths);
  if (parts_ & kChildren) copy_out(from, parts.children);
  if (parts_ & kChanges) copy_out(from, parts.changes, kChangesBytes);
  if (parts_ & kOwner) copy_out(from, parts.owner);
  if (parts_ & kAcl) copy_out(from, parts.acl);
  return parts;
}

/// kLengths stays as it is: no part changes a length.
unsigned Node::mask_of(const Parts& parts) const {
  unsigned mask = parts_ & kLengths;
  if (parts.children != nullptr) mask |= kChildren;
  if (parts.changes != no_changes()) mask |= kChanges;
  if (parts.owner != 0) mask |= kOwner;
  if (parts.acl != kOpenAcl) mask |= kAcl;
  return mask;
}

void Node::write_parts(char* head, unsigned mask, const Parts& parts) {
  char* to = head + head_size(mask & kLengths);
  if (mask & kChildren) copy_in(to, parts.children);
  if (mask & kChanges) copy_in(to, parts.changes, kChangesBytes);
  if (mask & kOwner) copy_in(to, parts.owner);
  if (mask & kAcl) copy_in(to, parts.acl);
}

void Node::store_parts(const Parts& parts) {
  const unsigned mask = mask_of(parts);
  if (mask != parts_) return move(mask, parts, data());
  write_parts(content(), mask, parts);
}

void Node::fill(PoolRef piece, unsigned mask, const Parts& parts, std::string_view name,
                std::optional<std::string_view> data) {
  const Lengths lengths{static_cast<std::uint32_t>(name.size()), length_of(data)};
  content_ = piece;
  parts_ = mask & 0x1f;
  large_ = size_of(mask, lengths) > NodePool::kLargest;
  char* head = content();
  store_lengths(head, lengths);
  write_parts(head, mask, parts);
  char* text = head + head_size(mask);
  name.copy(text, name.size());
  if (data) data->copy(text + name.size(), data->size());
}

void Node::move(unsigned mask, const Parts& parts, std::optional<std::string_view> data) {
  NodePool& pool = this->pool();
  const std::string_view name = this->name();
  const PoolRef old = content_;
  const std::size_t old_size = content_size();
  const Lengths lengths{static_cast<std::uint32_t>(name.size()), length_of(data)};
  fill(pool.allocate(size_of(mask, lengths)), mask, parts, name, data);
  pool.release(old, old_size);
}

}  // namespace quorate::znode
