// Keys of the checkpoint's entries: a letter for the kind, then what tells entries of it apart.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "znode/data_tree.h"

namespace quorate::znode {

enum class EntryKind : char {
  Unknown = 0,
  Acl = 'a',
  Chain = 'b',
  Meta = 'm',
  Node = 'n',
  Session = 's',
};

inline EntryKind kind_of(ByteView key) {
  if (key.empty()) return EntryKind::Unknown;
  switch (static_cast<char>(key.front())) {
    case 'a':
      return EntryKind::Acl;
    case 'b':
      return EntryKind::Chain;
    case 'm':
      return EntryKind::Meta;
    case 'n':
      return EntryKind::Node;
    case 's':
      return EntryKind::Session;
    default:
      return EntryKind::Unknown;
  }
}

inline Bytes key_of(EntryKind kind, ByteView rest) {
  Bytes key{static_cast<std::byte>(kind)};
  append(key, rest);
  return key;
}

/// Big endian, so that keys sort as the (positive) numbers do.
inline Bytes number_key(EntryKind kind, std::int64_t number) {
  std::byte bytes[sizeof number];
  store_be(bytes, number);
  return key_of(kind, bytes);
}

inline Bytes meta_key() {
  return key_of(EntryKind::Meta, {});
}
inline Bytes acl_key(AclKey key) {
  return number_key(EntryKind::Acl, key);
}
inline Bytes chain_key(Zxid checkpoint) {
  return number_key(EntryKind::Chain, checkpoint.value);
}
inline Bytes session_key(SessionId id) {
  return number_key(EntryKind::Session, id.value);
}
inline Bytes node_key(std::string_view path) {
  return key_of(EntryKind::Node, as_bytes(path));
}

inline std::optional<std::int64_t> number_in(ByteView key) {
  if (key.size() != 1 + sizeof(std::int64_t)) return std::nullopt;
  return load_be<std::int64_t>(key.data() + 1);
}

/// kOpenAcl stands for a list that is not stored; the end of the range leaves room to count on.
inline bool is_stored_acl_key(AclKey key) {
  return key >= 0 && key < INT64_MAX;
}

}  // namespace quorate::znode
