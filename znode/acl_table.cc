#include "znode/acl_table.h"

#include <algorithm>

#include "base/ensure.h"

namespace quorate::znode {
namespace {

const AclList& open_list() {
  static const AclList list = open_acl();
  return list;
}

}  // namespace

const AclList& AclTable::list(AclKey key) const {
  if (key == kOpenAcl) return open_list();
  auto at = entries_.find(key);
  ENSURE(at != entries_.end());
  return at->second.list;
}

bool AclTable::contains(AclKey key) const {
  return key == kOpenAcl || entries_.contains(key);
}

AclKey AclTable::acquire(const AclList& list) {
  if (list == open_list()) return kOpenAcl;
  auto [at, added] = keys_.try_emplace(list, next_key_);
  if (added) {
    entries_.emplace(next_key_, Entry{list, 0});
    ++next_key_;
  }
  acquire(at->second);
  return at->second;
}

void AclTable::acquire(AclKey key) {
  if (key == kOpenAcl) return;
  auto at = entries_.find(key);
  ENSURE(at != entries_.end());
  ++at->second.users;
}

bool AclTable::release(AclKey key) {
  if (key == kOpenAcl) return false;
  auto at = entries_.find(key);
  ENSURE(at != entries_.end());
  ENSURE(at->second.users > 0);
  if (--at->second.users > 0) return false;
  forget(at);
  return true;
}

void AclTable::load(AclKey key, AclList list) {
  next_key_ = std::max(next_key_, key + 1);
  keys_.try_emplace(list, key);
  entries_.insert_or_assign(key, Entry{std::move(list), 0});
}

std::vector<AclKey> AclTable::drop_unused() {
  std::vector<AclKey> dropped;
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto entry = at++;
    if (entry->second.users > 0) continue;
    dropped.push_back(entry->first);
    forget(entry);
  }
  return dropped;
}

void AclTable::clear() {
  *this = AclTable();
}

void AclTable::forget(std::map<AclKey, Entry>::iterator at) {
  // A foreign snapshot may hold one list under two keys; only one of them is found by content.
  auto key = keys_.find(at->second.list);
  if (key != keys_.end() && key->second == at->first) keys_.erase(key);
  entries_.erase(at);
}

}  // namespace quorate::znode
