// The replicated part of sessions: which exist and with what timeout. Changed by txns only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"

namespace quorate::znode {

/// Ordered by id, so that a snapshot of equal tables has equal bytes.
class SessionTable {
 public:
  void put(SessionId id, std::int32_t timeout_ms) { sessions_[id] = timeout_ms; }
  void erase(SessionId id) { sessions_.erase(id); }
  void clear() { sessions_.clear(); }
  /// The timeout in ms, or nothing when there is no such session.
  std::optional<std::int32_t> find(SessionId id) const {
    auto at = sessions_.find(id);
    return at == sessions_.end() ? std::nullopt : std::optional(at->second);
  }
  std::size_t size() const { return sessions_.size(); }
  auto begin() const { return sessions_.begin(); }
  auto end() const { return sessions_.end(); }

 private:
  std::map<SessionId, std::int32_t> sessions_;
};

}  // namespace quorate::znode
