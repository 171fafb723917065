// The tree as it will be once all txns in flight have landed. Leader (and standalone) only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/data_tree.h"

namespace quorate::znode {

/// A change that goes beyond a quota, for the log and the metrics.
struct QuotaNote {
  std::string text;  ///< "quota exceeded path=... count=... limit=..."
  std::string name;  ///< The top-level node.
  bool refused = false;
};

/// An overlay over a DataTree: only what the txns in flight change is kept. prepare() (znode/op.h)
/// writes it; landed() forgets what the tree has caught up with. Also knows sessions opened and
/// closing in flight, and the digest after the last prepared txn.
class PendingView {
 public:
  /// `tree` outlives the view. Starts equal to it.
  explicit PendingView(const DataTree& tree);
  ~PendingView();
  PendingView(PendingView&&) noexcept;
  PendingView& operator=(PendingView&&) noexcept;

  /// A new leader's history: txns it holds (not yet applied) that it will commit. They count as in
  /// flight. In zxid order, before the first prepare().
  /// Error: as apply() for bytes that are no txn.
  ErrorCode replay(ByteView txn);

  /// The tree has applied everything up to `zxid`.
  void landed(Zxid zxid);

  /// Known and not closing, as of the txns in flight.
  bool session_alive(SessionId session) const;

  /// The last breach of a quota since the last call.
  std::optional<QuotaNote> take_quota_note();

  std::size_t in_flight_changes() const;  ///< Size of the overlay, for metrics and limits.

  struct Impl;
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::znode
