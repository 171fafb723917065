// A copy of the tree on its way from the event loop into a snapshot file, for the command snapshot.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "server/replica/tree_sink.h"

namespace quorate::server {

/// A snapshot file of ZooKeeper's that is made of a SNAP stream; nobody else sees it, and it ends
/// with this object.
class SnapshotFile {
 public:
  virtual ~SnapshotFile() = default;
  virtual ErrorCode add(ByteView stream) = 0;
  virtual ErrorCode finish(Zxid zxid, std::optional<std::uint64_t> digest) = 0;
  virtual std::uint64_t size() const = 0;
  /// Fewer bytes than there is room for only at its end.
  virtual Result<std::size_t> read(std::uint64_t from, std::span<std::byte> into) = 0;
};

/// `keep`: false: only its size is wanted.
using OpenSnapshotFile = std::function<Result<std::unique_ptr<SnapshotFile>>(bool keep)>;

/// Fed on the event loop; writes on the thread of `io`, so that a slow disk holds up the copying
/// and nothing else.
class TreeSpool : public TreeSink, public std::enable_shared_from_this<TreeSpool> {
 public:
  /// `done`, once, on the thread of `io`: what failed, if anything.
  using Done = std::function<void(ErrorCode fault)>;
  TreeSpool(boost::asio::io_context& io, std::unique_ptr<SnapshotFile> file, Done done);
  ~TreeSpool() override;

  // ---- The event loop --------------------------------------------------------------------------
  void add(SharedBytes piece) override;
  void end(const TreeCopied& copied) override;
  bool has_room() const override;
  bool abandoned() const override { return abandoned_; }

  // ---- The thread of `io` ----------------------------------------------------------------------
  /// Nobody waits any more: `done` is not called.
  void abandon();
  Zxid zxid() const { return zxid_; }  ///< After `done` without a fault.
  SnapshotFile& file() { return *file_; }

 private:
  void write(ByteView piece);
  void finish(const TreeCopied& copied);

  boost::asio::io_context& io_;
  std::unique_ptr<SnapshotFile> file_;  ///< The thread of `io`.
  Done done_;
  ErrorCode fault_;
  Zxid zxid_;
  // Both are read by the other thread than the one that sets them; a post would come too late to
  // hold back or to end what is asked for next.
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<bool> abandoned_ = false;
};

}  // namespace quorate::server
