#include "znode/snapshot.h"

#include "base/ensure.h"
#include "znode/acl_table.h"
#include "znode/checkpoint_keys.h"
#include "znode/node_codec.h"
#include "znode/proto/error.h"
#include "znode/tree_impl.h"

namespace quorate::znode {
namespace {

constexpr std::int32_t kFormat = 1;

struct Meta {
  std::int32_t format = kFormat;
  Zxid zxid;
  std::uint64_t digest = 0;
  std::int64_t nodes = 0;
  std::int64_t sessions = 0;
  Zxid fuzzy_until;
};

Meta meta_of(const DataTree::Impl& tree, Zxid fuzzy_until) {
  return {kFormat,
          tree.last_applied,
          tree.digest(),
          static_cast<std::int64_t>(tree.index.size()),
          static_cast<std::int64_t>(tree.sessions.size()),
          fuzzy_until};
}

Bytes encode_meta(const Meta& meta) {
  Bytes bytes;
  JuteWriter out(bytes);
  out.i32(meta.format);
  out.i64(meta.zxid.value);
  out.i64(static_cast<std::int64_t>(meta.digest));
  out.i64(meta.nodes);
  out.i64(meta.sessions);
  out.i64(meta.fuzzy_until.value);
  return bytes;
}

Result<Meta> decode_meta(ByteView value) {
  JuteReader in(value);
  Meta meta;
  meta.format = in.i32();
  meta.zxid.value = in.i64();
  meta.digest = static_cast<std::uint64_t>(in.i64());
  meta.nodes = in.i64();
  meta.sessions = in.i64();
  meta.fuzzy_until.value = in.i64();
  if (ErrorCode fault = in.finish()) return fault;
  if (meta.format != kFormat) return Code::MarshallingError;
  return meta;
}

/// Collects entries and their size.
class BatchBuilder {
 public:
  explicit BatchBuilder(CheckpointBatch& batch) : batch_(batch) {}

  void put(Bytes key, Bytes value) {
    batch_.bytes += key.size() + value.size();
    batch_.entries.push_back({std::move(key), std::move(value)});
  }
  void erase(Bytes key) {
    batch_.bytes += key.size();
    batch_.entries.push_back({std::move(key), std::nullopt});
  }

 private:
  CheckpointBatch& batch_;
};

void add_nodes(BatchBuilder& batch, DirtySet& dirty) {
  for (const DirtyNode& changed : dirty.take_nodes()) {
    Bytes key = node_key(changed.path);
    if (changed.node == nullptr) {
      batch.erase(std::move(key));
      continue;
    }
    Bytes value;
    JuteWriter out(value);
    encode_stored(out, *changed.node);
    batch.put(std::move(key), std::move(value));
  }
}

void add_acls(BatchBuilder& batch, DirtySet& dirty, const AclTable& acls) {
  for (AclKey key : dirty.take_acls()) {
    if (!acls.contains(key)) {
      batch.erase(acl_key(key));
      continue;
    }
    Bytes value;
    JuteWriter(value).acls(acls.list(key));
    batch.put(acl_key(key), std::move(value));
  }
}

void add_sessions(BatchBuilder& batch, DirtySet& dirty, const SessionTable& sessions) {
  for (SessionId id : dirty.take_sessions()) {
    const std::optional<std::int32_t> timeout_ms = sessions.find(id);
    if (!timeout_ms) {
      batch.erase(session_key(id));
      continue;
    }
    Bytes value;
    JuteWriter(value).i32(*timeout_ms);
    batch.put(session_key(id), std::move(value));
  }
}

}  // namespace

CheckpointBatch encode_checkpoint(DataTree& tree, Zxid fuzzy_until) {
  DataTree::Impl& impl = tree.impl();
  CheckpointBatch batch;
  batch.zxid = impl.last_applied;
  BatchBuilder builder(batch);
  add_acls(builder, impl.dirty, impl.acls);
  builder.put(meta_key(), encode_meta(meta_of(impl, fuzzy_until)));
  add_nodes(builder, impl.dirty);
  add_sessions(builder, impl.dirty, impl.sessions);
  return batch;
}

// ---- Loading
// -------------------------------------------------------------------------------------

struct CheckpointLoader::Impl {
  explicit Impl(DataTree& into) : tree(into) {}

  ErrorCode add_acl(ByteView key, ByteView value) {
    const std::optional<std::int64_t> number = number_in(key);
    if (!number || !is_stored_acl_key(*number) || tree.acls().contains(*number)) {
      return Code::MarshallingError;
    }
    JuteReader in(value);
    AclList list = in.acls();
    if (ErrorCode fault = in.finish()) return fault;
    tree.load_acl(*number, std::move(list));
    return {};
  }

  ErrorCode add_session(ByteView key, ByteView value) {
    const std::optional<std::int64_t> id = number_in(key);
    JuteReader in(value);
    const std::int32_t timeout_ms = in.i32();
    if (!id || !in.ok()) return Code::MarshallingError;
    tree.load_session(SessionId{*id}, timeout_ms);
    return {};
  }

  ErrorCode add_node(ByteView key, ByteView value) {
    NodeRecord record;
    record.path = std::string(as_text(key.subspan(1)));
    JuteReader in(value);
    decode_stored(in, record);
    if (ErrorCode fault = in.finish()) return fault;
    return tree.load_node(std::move(record));
  }

  ErrorCode add_meta(ByteView value) {
    Result<Meta> decoded = decode_meta(value);
    if (!decoded) return decoded.error();
    meta = *decoded;
    return {};
  }

  DataTree& tree;
  std::optional<Meta> meta;
};

CheckpointLoader::CheckpointLoader(DataTree& tree) : impl_(std::make_unique<Impl>(tree)) {
  tree.clear();
}
CheckpointLoader::~CheckpointLoader() = default;

ErrorCode CheckpointLoader::add(ByteView key, ByteView value) {
  switch (kind_of(key)) {
    case EntryKind::Acl:
      return impl_->add_acl(key, value);
    case EntryKind::Meta:
      return impl_->add_meta(value);
    case EntryKind::Node:
      return impl_->add_node(key, value);
    case EntryKind::Session:
      return impl_->add_session(key, value);
    case EntryKind::Unknown:
      break;
  }
  return Code::MarshallingError;
}

ErrorCode CheckpointLoader::finish() {
  if (!impl_->meta) return Code::MarshallingError;
  const Meta& meta = *impl_->meta;
  if (ErrorCode fault = impl_->tree.finish_load(meta.zxid)) return fault;
  const Meta found = meta_of(impl_->tree.impl(), meta.fuzzy_until);
  const bool whole =
      found.digest == meta.digest && found.nodes == meta.nodes && found.sessions == meta.sessions;
  return whole ? ErrorCode() : ErrorCode(Code::MarshallingError);
}

Zxid CheckpointLoader::zxid() const {
  return impl_->meta ? impl_->meta->zxid : kBlankZxid;
}
Zxid CheckpointLoader::fuzzy_until() const {
  return impl_->meta ? impl_->meta->fuzzy_until : Zxid{};
}

}  // namespace quorate::znode
