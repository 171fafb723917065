#include "znode/node_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/ensure.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace quorate::znode {
namespace {

/// Pages are asked of the system many at once, from a few for a small tree on. The heap would
/// leave a hole beside every aligned page.
constexpr std::size_t kFirstExtentPages = 4;
constexpr std::size_t kMostExtentPages = 64;
/// From this size of the pool on (4 MB) extents are of whole huge pages: what is touched first
/// costs the system one fault for 2 MB instead of 512, and a look-up misses the TLB less often. Of
/// the last extent, at most 4 MB, some is then taken and not used.
constexpr std::size_t kLargePoolPages = 64;
constexpr std::size_t kHugePageBytes = 2u << 20;

}  // namespace

NodePool::~NodePool() {
  for (const Extent& extent : extents_) {
    ASAN_UNPOISON_MEMORY_REGION(extent.begin, extent.bytes);
    ::munmap(extent.begin, extent.bytes);
  }
  for (std::byte* piece : large_) std::free(piece);
}

PoolRef NodePool::ref_of(const void* piece) {
  const Page* page = page_of(piece);
  const auto offset = reinterpret_cast<std::uintptr_t>(piece) & (kPageBytes - 1);
  return (page->number << kUnitBits) | static_cast<PoolRef>(offset / kUnit);
}

bool NodePool::has_room(const Page& page) {
  return page.free != 0 || (page.fresh + page.units) * kUnit <= kPageBytes;
}

PoolRef NodePool::allocate(std::size_t size) {
  ENSURE(size > 0);
  if (size > kLargest) return allocate_large(size);
  const std::size_t size_class = class_of(size);
  const std::uint32_t first = with_room_[size_class];
  Page& page = first != 0 ? *pages_[first - 1] : open_page(size_class);
  std::uint32_t unit = page.free;
  std::byte* piece = reinterpret_cast<std::byte*>(&page) + unit * kUnit;
  if (unit != 0) {
    std::memcpy(&page.free, piece, sizeof page.free);
  } else {
    unit = page.fresh;
    page.fresh += page.units;
    piece = reinterpret_cast<std::byte*>(&page) + unit * kUnit;
  }
  ASAN_UNPOISON_MEMORY_REGION(piece, page.units * kUnit);
  ++page.used;
  if (!has_room(page)) unlist(page);
  return (page.number << kUnitBits) | unit;
}

void NodePool::release(PoolRef ref, std::size_t size) {
  if (size > kLargest) {
    std::free(large_[ref]);
    large_[ref] = nullptr;
    spare_large_.push_back(ref);
    return;
  }
  auto* piece = static_cast<std::byte*>(small_at(ref));
  Page& page = *pages_[ref >> kUnitBits];
  ENSURE(page.units == class_of(size));
  ENSURE(page.used > 0);
  const bool was_full = !has_room(page);
  std::memcpy(piece, &page.free, sizeof page.free);
  ASAN_POISON_MEMORY_REGION(piece + kUnit, (page.units - 1) * kUnit);
  page.free = ref & kUnitMask;
  --page.used;
  if (was_full) list(page);
  // The last page of a size stays: a node that comes and goes must not cost a page each time.
  const bool alone = page.before == kNoPage && page.behind == kNoPage;
  if (page.used == 0 && !alone) close_page(page);
}

NodePool::Page& NodePool::open_page(std::size_t size_class) {
  std::uint32_t number = static_cast<std::uint32_t>(pages_.size());
  if (!spare_numbers_.empty()) {
    number = spare_numbers_.back();
    spare_numbers_.pop_back();
  } else {
    ENSURE(number < (1U << (32 - kUnitBits)));  // 32 GB of small pieces.
    pages_.push_back(nullptr);
  }
  auto* page = new (take_page()) Page{.pool = this,
                                      .number = number,
                                      .units = static_cast<std::uint32_t>(size_class),
                                      .fresh = sizeof(Page) / kUnit};
  static_assert(sizeof(Page) % kUnit == 0);
  pages_[number] = page;
  ASAN_POISON_MEMORY_REGION(page + 1, kPageBytes - sizeof(Page));
  list(*page);
  return *page;
}

void NodePool::close_page(Page& page) {
  unlist(page);
  pages_[page.number] = nullptr;
  spare_numbers_.push_back(page.number);
  ASAN_UNPOISON_MEMORY_REGION(&page, kPageBytes);
  // The address stays ours, the memory goes back. And stays away: the system may fill up a huge
  // page again of which a part is missing.
  const std::uintptr_t huge =
      reinterpret_cast<std::uintptr_t>(&page) & ~std::uintptr_t{kHugePageBytes - 1};
  if (is_huge(huge)) {
    ::madvise(reinterpret_cast<void*>(huge), kHugePageBytes, MADV_NOHUGEPAGE);
  }
  ::madvise(&page, kPageBytes, MADV_DONTNEED);
  free_pages_.push_back(reinterpret_cast<std::byte*>(&page));
}

std::byte* NodePool::take_page() {
  if (free_pages_.empty()) take_extent();
  std::byte* page = free_pages_.back();
  free_pages_.pop_back();
  return page;
}

void NodePool::take_extent() {
  const std::size_t pages = std::clamp(pages_.size(), kFirstExtentPages, kMostExtentPages);
  const bool huge = pages_.size() >= kLargePoolPages;
  const std::size_t alignment = huge ? kHugePageBytes : kPageBytes;
  // More than wanted, because the system aligns to less than that. What is not touched takes no
  // memory.
  const std::size_t bytes = pages * kPageBytes + alignment;
  void* begin = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = (address + alignment - 1) & ~(alignment - 1);
  extents_.push_back({begin, bytes, huge ? first : 0});
  // A wish: without huge pages it is slower, and all the same.
  if (huge) ::madvise(reinterpret_cast<void*>(first), pages * kPageBytes, MADV_HUGEPAGE);
  // The lowest address is handed out first.
  for (std::size_t i = pages; i-- > 0;) {
    free_pages_.push_back(reinterpret_cast<std::byte*>(first + i * kPageBytes));
  }
}

bool NodePool::is_huge(std::uintptr_t address) const {
  return std::any_of(extents_.begin(), extents_.end(), [address](const Extent& extent) {
    const auto begin = reinterpret_cast<std::uintptr_t>(extent.begin);
    return extent.huge != 0 && address >= extent.huge && address < begin + extent.bytes;
  });
}

void NodePool::list(Page& page) {
  std::uint32_t& first = with_room_[page.units];
  page.before = kNoPage;
  page.behind = first == 0 ? kNoPage : first - 1;
  if (page.behind != kNoPage) pages_[page.behind]->before = page.number;
  first = page.number + 1;
}

void NodePool::unlist(Page& page) {
  if (page.before != kNoPage) {
    pages_[page.before]->behind = page.behind;
  } else {
    with_room_[page.units] = page.behind == kNoPage ? 0 : page.behind + 1;
  }
  if (page.behind != kNoPage) pages_[page.behind]->before = page.before;
  page.before = page.behind = kNoPage;
}

PoolRef NodePool::allocate_large(std::size_t size) {
  auto* piece = static_cast<std::byte*>(std::malloc(size));
  if (piece == nullptr) throw std::bad_alloc();
  if (large_.empty()) large_.push_back(nullptr);  // 0 is none.
  if (!spare_large_.empty()) {
    const PoolRef ref = spare_large_.back();
    spare_large_.pop_back();
    large_[ref] = piece;
    return ref;
  }
  large_.push_back(piece);
  return static_cast<PoolRef>(large_.size() - 1);
}

}  // namespace quorate::znode
