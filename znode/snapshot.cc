#include "znode/snapshot.h"

#include <algorithm>

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

}  // namespace

void begin_checkpoint(DataTree& tree, Zxid fuzzy_until, bool from_scratch) {
  DataTree::Impl& impl = tree.impl();
  if (from_scratch) tree.mark_all_dirty();
  impl.dirty.begin(impl.last_applied, encode_meta(meta_of(impl, fuzzy_until)), from_scratch);
}

void begin_rest_of_checkpoint(DataTree& tree, Zxid fuzzy_until) {
  DataTree::Impl& impl = tree.impl();
  impl.dirty.begin(impl.last_applied, encode_meta(meta_of(impl, fuzzy_until)),
                   /*from_scratch=*/true);
}

void EntryPack::add(char kind, std::string_view rest, ByteView value) {
  const std::size_t at = bytes_.size();
  bytes_.resize(at + kHeadBytes + 1 + rest.size() + value.size());
  std::byte* to = bytes_.data() + at;
  store_be(to, static_cast<std::uint32_t>(1 + rest.size()));
  store_be(to + 4, static_cast<std::uint32_t>(value.size()));
  to[kHeadBytes] = static_cast<std::byte>(kind);
  to += kHeadBytes + 1;
  rest.copy(reinterpret_cast<char*>(to), rest.size());
  std::copy(value.begin(), value.end(), to + rest.size());
  ++count_;
}

void restate(DataTree& tree, Zxid zxid) {
  ENSURE(!checkpoint_under_way(tree));
  tree.impl().last_applied = zxid;
}

bool checkpoint_under_way(const DataTree& tree) {
  return tree.impl().dirty.under_way();
}

CheckpointBatch next_portion(DataTree& tree, const PortionLimit& limit) {
  DataTree::Impl& impl = tree.impl();
  return impl.dirty.next_portion(limit, impl.acls, impl.sessions);
}

void abandon_checkpoint(DataTree& tree) {
  tree.impl().dirty.abandon();
}

CheckpointBatch encode_checkpoint(DataTree& tree, Zxid fuzzy_until) {
  begin_checkpoint(tree, fuzzy_until);
  CheckpointBatch batch = next_portion(tree, {});
  std::sort(batch.entries.begin(), batch.entries.end(),
            [](const CheckpointEntry& a, const CheckpointEntry& b) { return a.key < b.key; });
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

  ErrorCode add_link(ByteView key, ByteView value) {
    const std::optional<std::int64_t> zxid = number_in(key);
    JuteReader in(value);
    const Zxid previous{in.i64()};
    if (!zxid || in.finish()) return Code::MarshallingError;
    std::deque<Zxid>& taken = tree.impl().dirty.chain.taken;
    // LevelDB may have lost a batch of its log between two others: digest and counts need not show
    // that, when it changed sessions or ACL lists only.
    if (!taken.empty() && taken.back() != previous) return Code::MarshallingError;
    taken.push_back(Zxid{*zxid});
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
    const Result<StoredNode> node = decode_stored(value);
    if (!node) return node.error();
    return tree.impl().load_node(as_text(key.subspan(1)), node->data, node->acl, node->stat);
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
    case EntryKind::Chain:
      return impl_->add_link(key, value);
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
  const std::deque<Zxid>& taken = impl_->tree.impl().dirty.chain.taken;
  if (!taken.empty() && taken.back() != meta.zxid) return Code::MarshallingError;
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
