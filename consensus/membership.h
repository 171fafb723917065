// The committed config and, while a reconfig is under way, the one that is to follow it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "consensus/ensemble.h"

namespace quorate::consensus {

/// While there are two configs a decision needs a quorum of each, and whoever votes in one of them
/// is a voter (zab-protocol sections 3.1 and 14.4).
class Membership {
 public:
  explicit Membership(Ensemble current) : current_(std::move(current)), text_(current_.text()) {}

  const Ensemble& current() const { return current_; }
  bool changing() const { return next_.has_value(); }
  /// The newest one known, committed or not.
  const Ensemble& last_seen() const { return next_ ? *next_ : current_; }
  /// Of the current one: votes show what is committed, so that others may adopt it.
  const std::string& text() const { return text_; }

  bool is_quorum(const std::vector<ServerId>& ids) const;
  bool is_voter(ServerId id) const;
  bool is_member(ServerId id) const;
  std::vector<ServerId> voters() const;  ///< Of both, ascending.
  std::vector<ServerId> members() const;
  /// Of weight 0 it is not elected.
  std::int64_t weight(ServerId id) const;

  /// A newer config has been proposed or reported.
  void see(Ensemble next);
  /// The last one seen is committed.
  void activate();
  /// The record that proposed it has been cut.
  void forget();
  /// Another server's committed config, e.g. behind a SNAP; nothing else is known any more.
  void replace(Ensemble current);
  /// The same, and what has been proposed here stays proposed.
  void replace_current(Ensemble current);

 private:
  Ensemble current_;
  std::optional<Ensemble> next_;
  std::string text_;
};

}  // namespace quorate::consensus
