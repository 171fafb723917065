// Memory of the nodes of one tree: many small pieces without a header each, named by half a
// pointer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace quorate::znode {

/// Where a piece lies in its pool; 0 is none.
using PoolRef = std::uint32_t;

/// Pieces of up to kLargest bytes come from pages of 64 KB that hold pieces of one size each, in
/// steps of 8 bytes; longer ones from the heap. A page whose last piece goes is given back. Pieces
/// never move. No constructor or destructor is run: that is their owner's business, who also
/// remembers each piece's size.
class NodePool {
 public:
  static constexpr std::size_t kLargest = 1024;

  NodePool() = default;
  ~NodePool();
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  /// `size` > 0. Aligned to 8 bytes.
  PoolRef allocate(std::size_t size);
  void release(PoolRef ref, std::size_t size);
  void* at(PoolRef ref, std::size_t size) const {
    return size > kLargest ? large_at(ref) : small_at(ref);
  }
  void* large_at(PoolRef ref) const { return large_[ref]; }
  /// For a piece of at most kLargest bytes.
  void* small_at(PoolRef ref) const {
    return reinterpret_cast<std::byte*>(pages_[ref >> kUnitBits]) + (ref & kUnitMask) * kUnit;
  }
  /// The way back from the address of a piece of at most kLargest bytes.
  static PoolRef ref_of(const void* piece);
  static NodePool& of(const void* piece) { return *page_of(piece)->pool; }

  /// Whether both sizes take the same room, so that a piece may change its size in place.
  static bool same_room(std::size_t a, std::size_t b) {
    return a <= kLargest && b <= kLargest && class_of(a) == class_of(b);
  }
  std::size_t page_count() const { return pages_.size() - spare_numbers_.size(); }

 private:
  static constexpr std::size_t kPageBytes = 64 * 1024;
  static constexpr std::size_t kUnit = 8;
  static constexpr unsigned kUnitBits = 13;  ///< 64 KB in units.
  static constexpr PoolRef kUnitMask = (1U << kUnitBits) - 1;
  static constexpr std::uint32_t kNoPage = UINT32_MAX;

  /// At the beginning of each page; pages are aligned to their size, so every piece finds it.
  struct Page {
    NodePool* pool;
    std::uint32_t number;
    std::uint32_t units;  ///< Of one piece.
    std::uint32_t used = 0;
    std::uint32_t fresh;     ///< Unit behind which nothing was ever handed out.
    std::uint32_t free = 0;  ///< Unit of the first piece handed back; each names the next.
    std::uint32_t before = kNoPage, behind = kNoPage;  ///< In the list of pages with room.
  };

  static std::size_t class_of(std::size_t size) { return (size + kUnit - 1) / kUnit; }
  static Page* page_of(const void* piece) {
    const auto address = reinterpret_cast<std::uintptr_t>(piece);
    return reinterpret_cast<Page*>(address & ~std::uintptr_t{kPageBytes - 1});
  }
  static bool has_room(const Page& page);

  struct Extent {
    void* begin;
    std::size_t bytes;
    std::uintptr_t huge;  ///< Where its huge pages begin; 0: it has none.
  };

  std::byte* take_page();
  void take_extent();
  bool is_huge(std::uintptr_t address) const;
  Page& open_page(std::size_t size_class);
  void close_page(Page& page);
  void list(Page& page);
  void unlist(Page& page);
  PoolRef allocate_large(std::size_t size);

  std::vector<Extent> extents_;
  std::vector<std::byte*> free_pages_;
  std::vector<Page*> pages_;
  std::vector<std::uint32_t> spare_numbers_;
  /// By class: the first page with room; kNoPage is stored as one more than it, so that 0 is none.
  std::array<std::uint32_t, kLargest / kUnit + 1> with_room_{};
  std::vector<std::byte*> large_;
  std::vector<PoolRef> spare_large_;
};

}  // namespace quorate::znode
