#include "server/admin/tree_spool.h"

#include <boost/asio/post.hpp>
#include <boost/system/errc.hpp>
#include <utility>

namespace quorate::server {
namespace {

/// Above so many bytes that wait to be written no more are asked for.
constexpr std::size_t kWaitingBytesMax = 1u << 20;

}  // namespace

TreeSpool::TreeSpool(boost::asio::io_context& io, std::unique_ptr<SnapshotFile> file, Done done)
    : io_(io), file_(std::move(file)), done_(std::move(done)) {}

TreeSpool::~TreeSpool() = default;

void TreeSpool::add(SharedBytes piece) {
  waiting_bytes_ += piece.size();
  boost::asio::post(io_, [self = shared_from_this(), piece = std::move(piece)] {
    self->write(piece.view());
    self->waiting_bytes_ -= piece.size();
  });
}

void TreeSpool::end(const TreeCopied& copied) {
  boost::asio::post(io_, [self = shared_from_this(), copied] { self->finish(copied); });
}

bool TreeSpool::has_room() const {
  return waiting_bytes_ < kWaitingBytesMax;
}

void TreeSpool::abandon() {
  abandoned_ = true;
  done_ = nullptr;
  file_.reset();
}

/// A disk that is full ends the copying at once.
void TreeSpool::write(ByteView piece) {
  if (abandoned_ || !done_) return;
  fault_ = file_->add(piece);
  if (!fault_) return;
  abandoned_ = true;
  file_.reset();
  std::exchange(done_, nullptr)(fault_);
}

void TreeSpool::finish(const TreeCopied& copied) {
  if (!done_) return;
  zxid_ = copied.zxid;
  fault_ = copied.ok
               ? file_->finish(copied.zxid, copied.digest)
               : ErrorCode(boost::system::errc::make_error_code(boost::system::errc::io_error));
  std::exchange(done_, nullptr)(fault_);
}

}  // namespace quorate::server
