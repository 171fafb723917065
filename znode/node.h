// One znode: data, Stat, ACL reference, place in the tree.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "znode/child_set.h"
#include "znode/data_tree.h"
#include "znode/node_pool.h"
#include "znode/proto/types.h"

namespace quorate::znode {

/// What operations see of a node: the same for a node of the tree and for one that exists only in
/// the leader's view of the future.
struct NodeState {
  StoredStat stat;
  std::int32_t data_length = -1;  ///< -1: null.
  std::int32_t num_children = 0;
  AclKey acl = kOpenAcl;
  const AclList* own_acl = nullptr;  ///< Instead of `acl`: a list that the tree may not know yet.
};

/// The Stat as clients see it: cversion counts deletes too, internal owners are hidden.
Stat client_stat(const NodeState& node);

/// Hash of a whole path. Fixed for all times and machines, but nothing may depend on its order.
std::uint32_t path_hash(std::string_view path);

/// A node knows its own name only; its path is the walk to the root. It lives in a NodePool in two
/// pieces, which take no room beyond their own: this one, which never moves, holds what every node
/// has; the other one what only some have (Part), then the name and the data. Most nodes were never
/// changed since their create: they have no part at all. Made and destroyed by NodeIndex.
class Node {
 public:
  static Node& make(NodePool& pool, Node* parent, std::string_view name, std::uint32_t path_hash,
                    std::optional<std::string_view> data, const StoredStat& stat, AclKey acl);
  /// Gives back both pieces and the list of children.
  void destroy();

  std::string_view name() const {
    const char* head = content();
    return {head + head_size(parts_), name_length(head)};
  }
  /// Nothing for null data.
  std::optional<std::string_view> data() const;
  Buffer data_copy() const;
  std::int32_t data_length() const { return lengths().data; }  ///< -1: null.
  StoredStat stat() const;
  AclKey acl() const;
  std::int32_t num_children() const;
  NodeState state() const;

  Node* parent() const;
  std::uint32_t path_hash() const { return path_hash_; }
  PoolRef ref() const { return NodePool::ref_of(this); }
  std::string path() const;  ///< "" for the root.
  bool is_at(std::string_view path) const;

  /// Replaces the bytes; Stat and CRC are the caller's business.
  void store_data(std::optional<std::string_view> data);
  void store_stat(const StoredStat& stat);
  void store_acl(AclKey acl);

  /// In byte order of their names. Valid until the tree changes.
  ChildRange children() const;
  void add_child(Node& child);
  /// False: a child of this name is there already.
  bool add_new_child(Node& child);
  Node* child(std::string_view name) const;  ///< nullptr: there is none.
  void remove_child(Node& child);

  /// Bytes of the second piece.
  std::size_t content_size() const;

  static constexpr std::uint32_t kClean = UINT32_MAX;
  std::uint32_t dirty_slot = kClean;  ///< DirtySet's own: where it lists this node.
  std::uint32_t content_crc = 0;      ///< CRC-32 over path and data.
  bool is_digested() const { return digested_; }
  void leave_out_of_digest() { digested_ = false; }

 private:
  /// What lies in front of the name, in this order, where it is there.
  enum Part : std::uint8_t {
    kLengths = 1,   ///< Of name and data, where one is too long for the first piece.
    kChildren = 2,  ///< A pointer to the ChildSet, where there are children.
    kChanges = 4,   ///< What differs from the Stat of a new node.
    kOwner = 8,     ///< The ephemeral owner, where it is not 0.
    kAcl = 16,      ///< The ACL key, where it is not kOpenAcl.
  };
  struct Lengths {
    std::uint32_t name = 0;
    std::int32_t data = -1;
  };
  struct Changes {
    std::int64_t mzxid = 0, pzxid = 0, mtime = 0;
    std::int32_t version = 0, cversion = 0, aversion = 0;
    friend bool operator==(const Changes&, const Changes&) = default;
  };
  /// Everything that may be a part.
  struct Parts {
    ChildSet* children = nullptr;
    Changes changes;
    std::int64_t owner = 0;
    AclKey acl = kOpenAcl;
  };

  static constexpr std::size_t kChangesBytes = 36;  ///< Without the gap at the end.
  static constexpr std::array<std::size_t, 5> kPartBytes{8, 8, kChangesBytes, 8, 8};
  static constexpr auto kHeadBytes = [] {
    std::array<std::uint8_t, 32> bytes{};
    for (unsigned parts = 0; parts < bytes.size(); ++parts) {
      for (unsigned i = 0; i < kPartBytes.size(); ++i) {
        if (parts & (1U << i)) bytes[parts] += static_cast<std::uint8_t>(kPartBytes[i]);
      }
    }
    return bytes;
  }();

  Node() = default;

  static std::size_t head_size(unsigned parts) { return kHeadBytes[parts]; }
  static std::size_t size_of(unsigned parts, Lengths lengths);
  /// The given parts, with or without kLengths as it is needed.
  static unsigned with_lengths(unsigned parts, Lengths lengths);
  NodePool& pool() const { return NodePool::of(this); }
  char* content() const {
    return static_cast<char*>(large_ ? pool().large_at(content_) : pool().small_at(content_));
  }
  std::size_t name_length(const char* head) const {
    return parts_ & kLengths ? stored_lengths(head).name : short_name_;
  }
  static Lengths stored_lengths(const char* head);
  Lengths lengths() const {
    if (parts_ & kLengths) return stored_lengths(content());
    return {short_name_, static_cast<std::int32_t>(short_data_) - 1};
  }
  void store_lengths(char* head, Lengths lengths);

  static Changes changes_of(const StoredStat& stat);
  ChildSet* child_set() const;
  void open_child_set();
  /// What is not there has its default, and the Stat is that of a new node.
  Parts parts() const;
  Changes no_changes() const { return {czxid_, czxid_, ctime_, 0, 0, 0}; }
  unsigned mask_of(const Parts& parts) const;
  static void write_parts(char* head, unsigned mask, const Parts& parts);
  void store_parts(const Parts& parts);
  /// Fills a second piece that has just been allocated.
  void fill(PoolRef piece, unsigned mask, const Parts& parts, std::string_view name,
            std::optional<std::string_view> data);
  /// Moves into another second piece. `data` may lie in the old one.
  void move(unsigned mask, const Parts& parts, std::optional<std::string_view> data);

  std::int64_t czxid_ = 0, ctime_ = 0;
  PoolRef parent_ = 0;
  PoolRef content_ = 0;
  std::uint32_t path_hash_ = 0;
  std::uint32_t parts_ : 5 = 0;
  std::uint32_t large_ : 1 = 0;
  std::uint32_t digested_ : 1 = 1;
  std::uint32_t short_name_ : 9 = 0;
  std::uint32_t short_data_ : 16 = 0;  ///< One more than the length; 0: null.
};
static_assert(sizeof(Node) == 40);

}  // namespace quorate::znode
