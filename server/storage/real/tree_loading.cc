#include "server/storage/real/tree_loading.h"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace quorate::server {
namespace {

constexpr std::size_t kChunkBytes = 128u << 10;
/// Of one reader, read and not built into the tree yet.
constexpr std::size_t kChunksAhead = 32;

/// Entries of one piece, one behind the other.
struct Chunk {
  struct Lengths {
    std::uint32_t key, value;
  };
  Bytes bytes;
  std::vector<Lengths> entries;

  void add(ByteView key, ByteView value) {
    entries.push_back(
        {static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size())});
    append(bytes, key);
    append(bytes, value);
  }
  ErrorCode feed(znode::CheckpointLoader& loader) const {
    ByteView left(bytes);
    for (const Lengths& entry : entries) {
      ErrorCode fault = loader.add(left.first(entry.key), left.subspan(entry.key, entry.value));
      if (fault) return fault;
      left = left.subspan(entry.key + entry.value);
    }
    return {};
  }
};

/// The keys from `from` up to `to`; an empty `to` is the end.
struct Piece {
  Bytes from, to;
};

std::vector<Piece> pieces_of(TreeStore& store) {
  std::vector<Piece> pieces(1);
  for (Bytes& cut : store.cuts()) {
    if (cut.empty()) continue;
    pieces.back().to = cut;
    pieces.push_back({std::move(cut), {}});
  }
  return pieces;
}

/// Pieces go to the readers in turn, so they are read at the same time in about the order in which
/// they are needed.
class ParallelRead {
 public:
  ParallelRead(TreeStoreView& view, std::vector<Piece> pieces, std::size_t readers)
      : view_(view), pieces_(std::move(pieces)), queues_(pieces_.size()) {
    for (std::size_t i = 0; i < readers; ++i) threads_.emplace_back([this] { read_pieces(); });
  }
  ~ParallelRead() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// In key order; nothing at the end.
  Result<std::optional<Chunk>> next() {
    std::unique_lock lock(mutex_);
    while (wanted_ < queues_.size()) {
      Queue& queue = queues_[wanted_];
      changed_.wait(lock, [&] { return !queue.chunks.empty() || queue.ended; });
      if (!queue.chunks.empty()) {
        std::optional<Chunk> chunk(std::move(queue.chunks.front()));
        queue.chunks.pop_front();
        bool was_full = queue.chunks.size() + 1 == kChunksAhead;
        lock.unlock();
        if (was_full) changed_.notify_all();
        return chunk;
      }
      if (queue.error) return queue.error;
      ++wanted_;
    }
    return std::optional<Chunk>();
  }

 private:
  struct Queue {
    std::deque<Chunk> chunks;
    bool ended = false;
    ErrorCode error;
  };

  void read_pieces() {
    std::unique_lock lock(mutex_);
    while (!stopped_ && given_ < pieces_.size()) {
      std::size_t number = given_++;
      lock.unlock();
      ErrorCode error = read(number);
      lock.lock();
      queues_[number].error = error;
      queues_[number].ended = true;
      changed_.notify_all();
    }
  }

  ErrorCode read(std::size_t number) {
    const Piece& piece = pieces_[number];
    Chunk chunk;
    bool wanted = true;
    ErrorCode error = view_.scan({}, piece.from, [&](ByteView key, ByteView value) {
      bool behind =
          !piece.to.empty() &&
          !std::lexicographical_compare(key.begin(), key.end(), piece.to.begin(), piece.to.end());
      if (behind) return false;
      chunk.add(key, value);
      if (chunk.bytes.size() >= kChunkBytes) wanted = hand_over(number, chunk);
      return wanted;
    });
    if (!error && wanted && !chunk.entries.empty()) hand_over(number, chunk);
    return error;
  }

  bool hand_over(std::size_t number, Chunk& chunk) {
    {
      std::unique_lock lock(mutex_);
      Queue& queue = queues_[number];
      changed_.wait(lock, [&] { return stopped_ || queue.chunks.size() < kChunksAhead; });
      if (stopped_) return false;
      queue.chunks.push_back(std::exchange(chunk, {}));
    }
    changed_.notify_all();
    return true;
  }

  TreeStoreView& view_;
  std::vector<Piece> pieces_;
  std::mutex mutex_;  // Guards all below but the threads: they wait for each other's pace.
  std::condition_variable changed_;
  std::vector<Queue> queues_;
  std::size_t given_ = 0;   ///< Pieces that have a reader.
  std::size_t wanted_ = 0;  ///< The piece whose chunks come next.
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

ErrorCode load_tree(TreeStore& store, znode::CheckpointLoader& loader, std::size_t readers) {
  std::unique_ptr<TreeStoreView> view = store.view();
  if (!view) return make_error_code(boost::system::errc::io_error);
  std::vector<Piece> pieces = pieces_of(store);
  if (readers < 2 || pieces.size() < 2) return load_in_order(store, loader);
  ParallelRead reading(*view, std::move(pieces), readers);
  while (true) {
    Result<std::optional<Chunk>> chunk = reading.next();
    if (!chunk) return chunk.error();
    if (!*chunk) return {};
    if (ErrorCode fault = (*chunk)->feed(loader)) return fault;
  }
}

}  // namespace quorate::server
