#include "server/storage/snapshot_stream.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace quorate::server {
namespace {

/// With its room to spare less than what the heap asks the system for each time.
constexpr std::size_t kPieceBytes = 224u << 10;
constexpr std::size_t kPieceBytesMax = 256u << 10;
/// For the node that passes the limit.
constexpr std::size_t kReservedBytes = 4u << 10;

/// The order of the wire: sessions, ACL table, nodes (znode/snapshot.h).
constexpr std::array<std::string_view, 3> kRanges = {"s", "a", "n"};

class SnapshotStream : public DiskWorker::SnapshotReader {
 public:
  SnapshotStream(std::shared_ptr<TreeStore> store, std::unique_ptr<TreeStoreView> view, Zxid zxid)
      : store_(std::move(store)), view_(std::move(view)), zxid_(zxid) {}

  Zxid zxid() const override { return zxid_; }

  Result<Bytes> next(bool& last) override {
    last = false;
    if (taken_ > 0 && ready_.size() - taken_ < kPieceBytes) {
      ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(taken_));
      taken_ = 0;
    }
    while (ready_.size() - taken_ < kPieceBytes && range_ <= kRanges.size()) {
      if (ErrorCode error = fill()) return error;
    }
    Bytes piece;
    if (taken_ == 0 && ready_.size() <= kPieceBytesMax) {
      piece = std::exchange(ready_, {});
      taken_ = 0;
    } else {
      // One node may be greater than a piece: what is ready leaves in slices.
      const ByteView rest = ByteView(ready_).subspan(taken_);
      const ByteView slice = rest.first(std::min(kPieceBytes, rest.size()));
      piece.assign(slice.begin(), slice.end());
      taken_ += slice.size();
    }
    last = taken_ == ready_.size() && range_ > kRanges.size();
    return piece;
  }

 private:
  /// Reads on in the current range until about a piece has come together, or the range ends.
  ErrorCode fill() {
    if (range_ == kRanges.size()) {
      writer_.finish();
      ++range_;
      add_ready();
      return {};
    }
    ErrorCode fault;
    std::size_t read = 0;
    bool full = false;
    const std::size_t wanted = kPieceBytes - std::min(kPieceBytes, ready_.size() - taken_);
    writer_.reserve(wanted + kReservedBytes);
    ErrorCode error =
        view_->scan(as_bytes(kRanges[range_]), from_, [&](ByteView key, ByteView value) {
          if (read >= wanted) {
            from_.assign(key.begin(), key.end());
            full = true;
            return false;
          }
          read += key.size() + value.size() + sizeof(std::int32_t);
          fault = writer_.add(key, value);
          return !fault;
        });
    if (error || fault) return error ? error : fault;
    if (!full) {
      ++range_;
      from_.clear();
    }
    add_ready();
    return {};
  }

  void add_ready() {
    if (ready_.empty()) {
      ready_ = writer_.take();
    } else {
      append(ready_, writer_.take());
    }
  }

  std::shared_ptr<TreeStore> store_;
  std::unique_ptr<TreeStoreView> view_;
  Zxid zxid_;
  znode::SnapStreamWriter writer_;
  std::size_t range_ = 0;  ///< Index into kRanges; behind them the signature; then the end.
  Bytes from_;             ///< Where to read on in the range; empty: from its begin.
  Bytes ready_;
  std::size_t taken_ = 0;
};

}  // namespace

std::unique_ptr<DiskWorker::SnapshotReader> open_snapshot_stream(
    std::shared_ptr<TreeStore> store, std::unique_ptr<TreeStoreView> view, Zxid zxid) {
  return std::make_unique<SnapshotStream>(std::move(store), std::move(view), zxid);
}

}  // namespace quorate::server
