#include "znode/node_pool.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "base/random.h"

namespace quorate::znode {
namespace {

struct Piece {
  PoolRef ref;
  std::size_t size;
  unsigned char mark;
};

void fill(NodePool& pool, const Piece& piece) {
  std::memset(pool.at(piece.ref, piece.size), piece.mark, piece.size);
}

bool is_whole(const NodePool& pool, const Piece& piece) {
  const auto* bytes = static_cast<const unsigned char*>(pool.at(piece.ref, piece.size));
  for (std::size_t i = 0; i < piece.size; ++i) {
    if (bytes[i] != piece.mark) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("pool: no piece touches another, however they come and go") {
  NodePool pool;
  Random random(3);
  std::vector<Piece> pieces;
  for (int step = 0; step < 40000; ++step) {
    if (pieces.empty() || random.percent(55)) {
      const std::size_t size = 1 + random.below(random.percent(3) ? 5000 : 300);
      pieces.push_back({pool.allocate(size), size, static_cast<unsigned char>(step)});
      REQUIRE(pieces.back().ref != 0);
      fill(pool, pieces.back());
      continue;
    }
    std::swap(pieces[random.below(pieces.size())], pieces.back());
    REQUIRE(is_whole(pool, pieces.back()));
    pool.release(pieces.back().ref, pieces.back().size);
    pieces.pop_back();
  }
  for (const Piece& piece : pieces) CHECK(is_whole(pool, piece));
}

TEST_CASE("pool: a piece's reference is found again from its address") {
  NodePool pool;
  for (std::size_t size : {1UL, 8UL, 104UL, NodePool::kLargest}) {
    CAPTURE(size);
    const PoolRef ref = pool.allocate(size);
    CHECK(NodePool::ref_of(pool.at(ref, size)) == ref);
    CHECK(&NodePool::of(pool.at(ref, size)) == &pool);
    CHECK(reinterpret_cast<std::uintptr_t>(pool.at(ref, size)) % 8 == 0);
  }
}

TEST_CASE("pool: pages are given back when their last piece goes, but one of a size stays") {
  NodePool pool;
  std::vector<PoolRef> refs;
  for (int i = 0; i < 10000; ++i) refs.push_back(pool.allocate(100));
  CHECK(pool.page_count() >= 15);
  CHECK(pool.page_count() <= 17);
  for (PoolRef ref : refs) pool.release(ref, 100);
  CHECK(pool.page_count() == 1);
  // The freed pages serve other sizes.
  for (int i = 0; i < 600; ++i) pool.allocate(200);
  CHECK(pool.page_count() == 3);
}

TEST_CASE("pool: sizes of the same 8 bytes share their room, long pieces never do") {
  CHECK(NodePool::same_room(97, 104));
  CHECK_FALSE(NodePool::same_room(96, 97));
  CHECK_FALSE(NodePool::same_room(NodePool::kLargest, NodePool::kLargest + 1));
  CHECK_FALSE(NodePool::same_room(NodePool::kLargest + 1, NodePool::kLargest + 1));
}

}  // namespace quorate::znode
