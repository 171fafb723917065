// The SNAP stream between servers (spec: storage-formats 4): snapshot.h's writer and reader.
#include <algorithm>

#include "base/ensure.h"
#include "znode/acl_table.h"
#include "znode/checkpoint_keys.h"
#include "znode/node_codec.h"
#include "znode/proto/error.h"
#include "znode/proto/utf8.h"
#include "znode/snapshot.h"
#include "znode/tree_impl.h"

namespace quorate::znode {
namespace {

constexpr std::string_view kEndOfTree = "/";
constexpr std::string_view kSignature = "BenWasHere";

}  // namespace

// ---- Writer
// --------------------------------------------------------------------------------------

struct SnapStreamWriter::Impl {
  /// Both tables start with their count, so they wait here until the first node shows them whole.
  void open_nodes() {
    if (nodes_open) return;
    nodes_open = true;
    JuteWriter writer(out);
    writer.i32(session_count);
    writer.raw(sessions);
    writer.i32(acl_count);
    writer.raw(acls);
    sessions = Bytes();
    acls = Bytes();
  }

  Bytes out, sessions, acls;
  std::int32_t session_count = 0, acl_count = 0;
  bool nodes_open = false;
};

SnapStreamWriter::SnapStreamWriter() : impl_(std::make_unique<Impl>()) {}
SnapStreamWriter::~SnapStreamWriter() = default;

ErrorCode SnapStreamWriter::add(ByteView key, ByteView value) {
  const EntryKind kind = kind_of(key);
  if (kind == EntryKind::Meta) return {};
  if (kind == EntryKind::Node) {
    impl_->open_nodes();
    JuteWriter writer(impl_->out);
    writer.buffer(key.subspan(1));
    writer.raw(value);
    return {};
  }
  if (kind == EntryKind::Unknown || !number_in(key)) return Code::MarshallingError;
  ENSURE(!impl_->nodes_open);
  const bool session = kind == EntryKind::Session;
  JuteWriter writer(session ? impl_->sessions : impl_->acls);
  writer.raw(key.subspan(1));
  writer.raw(value);
  ++(session ? impl_->session_count : impl_->acl_count);
  return {};
}

void SnapStreamWriter::finish() {
  impl_->open_nodes();
  JuteWriter writer(impl_->out);
  writer.string(kEndOfTree);
  writer.string(kSignature);
}

void SnapStreamWriter::reserve(std::size_t bytes) {
  impl_->out.reserve(bytes);
}

Bytes SnapStreamWriter::take() {
  return std::exchange(impl_->out, {});
}

// ---- Reader
// --------------------------------------------------------------------------------------

namespace {

/// Finds where an item ends without decoding it, for bytes that may stop in its middle.
class ItemScan {
 public:
  ItemScan(ByteView bytes, std::size_t max_field) : bytes_(bytes), max_field_(max_field) {}

  std::int32_t i32() {
    const std::size_t from = at_;
    skip(4);
    return usable() ? load_be<std::int32_t>(bytes_.data() + from) : 0;
  }
  void skip(std::size_t count) {
    if (usable() && bytes_.size() - at_ < count) short_ = true;
    if (usable()) at_ += count;
  }
  /// A string or buffer.
  ByteView sized() {
    const std::int32_t length = i32();
    if (length < -1 || (length > 0 && static_cast<std::size_t>(length) > max_field_)) fault_ = true;
    const std::size_t from = at_;
    skip(length > 0 ? static_cast<std::size_t>(length) : 0);
    return usable() ? bytes_.subspan(from, at_ - from) : ByteView();
  }
  void refuse() { fault_ = true; }

  bool usable() const { return !short_ && !fault_; }
  bool fault() const { return fault_; }
  std::size_t end() const { return at_; }

 private:
  ByteView bytes_;
  std::size_t max_field_;
  std::size_t at_ = 0;
  bool short_ = false;
  bool fault_ = false;
};

}  // namespace

struct SnapStreamReader::Impl {
  enum class Part { SessionCount, Sessions, AclCount, Acls, Nodes, Signature, Done };

  Impl(std::size_t max, SnapStreamEnd stream_end) : max_field(max), end(stream_end) {
    tree.clear();
  }

  /// The length of the item at the front of `bytes`; 0 when it is not all there.
  Result<std::size_t> item_length(ByteView bytes) const;
  ErrorCode take_item(ByteView item);
  ErrorCode take_acl(JuteReader& in);
  ErrorCode consume(ByteView& input);
  ErrorCode complete_partial(ByteView& input);
  ErrorCode take_nodes(ByteView& input);
  ErrorCode take_node(std::string_view path, ByteView stored);
  void end_nodes() { part = end == SnapStreamEnd::Signature ? Part::Signature : Part::Done; }
  /// A table's count was read: `part` if it has entries, otherwise what follows the table.
  ErrorCode open_table(std::int32_t count, Part table, Part behind);
  void count_down(Part behind) {
    if (--left == 0) part = behind;
  }

  std::size_t max_field;
  SnapStreamEnd end;
  DataTree tree;
  Part part = Part::SessionCount;
  std::int32_t left = 0;  ///< Entries of the current table still to come.
  Bytes partial;          ///< The beginning of an item whose end has not arrived.
  std::int64_t highest = 0;
  bool packing = false, packed = false;  ///< Now; ever.
  EntryPack pack;
};

Result<std::size_t> SnapStreamReader::Impl::item_length(ByteView bytes) const {
  ItemScan scan(bytes, max_field);
  switch (part) {
    case Part::SessionCount:
    case Part::AclCount:
      scan.skip(4);
      break;
    case Part::Sessions:
      scan.skip(12);
      break;
    case Part::Acls: {
      scan.skip(8);
      // The list came in one request, so it is no longer than a field may be.
      for (std::int32_t n = scan.i32(); n > 0 && scan.usable(); --n) {
        scan.skip(4);
        scan.sized();
        scan.sized();
        if (scan.end() > max_field) scan.refuse();
      }
      break;
    }
    case Part::Signature:
      scan.sized();
      break;
    case Part::Nodes:
    case Part::Done:
      break;
  }
  if (scan.fault()) return Code::MarshallingError;
  return scan.usable() ? scan.end() : std::size_t{0};
}

ErrorCode SnapStreamReader::Impl::open_table(std::int32_t count, Part table, Part behind) {
  if (count < 0) return Code::MarshallingError;
  left = count;
  part = count > 0 ? table : behind;
  return {};
}

ErrorCode SnapStreamReader::Impl::take_item(ByteView item) {
  JuteReader in(item);
  switch (part) {
    case Part::SessionCount:
      return open_table(in.i32(), Part::Sessions, Part::AclCount);
    case Part::Sessions: {
      const SessionId id{in.i64()};
      tree.load_session(id, in.i32());
      count_down(Part::AclCount);
      return {};
    }
    case Part::AclCount:
      return open_table(in.i32(), Part::Acls, Part::Nodes);
    case Part::Acls:
      return take_acl(in);
    case Part::Signature:
      part = Part::Done;
      return in.string() == kSignature ? ErrorCode() : ErrorCode(Code::MarshallingError);
    case Part::Nodes:
    case Part::Done:
      break;
  }
  return Code::MarshallingError;
}

ErrorCode SnapStreamReader::Impl::take_acl(JuteReader& in) {
  const AclKey key = in.i64();
  AclList list = in.acls();
  if (ErrorCode fault = in.finish()) return fault;
  if (!is_stored_acl_key(key) || tree.acls().contains(key)) return Code::MarshallingError;
  tree.load_acl(key, std::move(list));
  count_down(Part::Nodes);
  return {};
}

/// All that have arrived whole. Most of the stream, so nothing of it is looked at twice.
ErrorCode SnapStreamReader::Impl::take_nodes(ByteView& input) {
  while (part == Part::Nodes) {
    ItemScan scan(input, max_field);
    const ByteView path = scan.sized();
    const std::size_t stored = scan.end();
    if (scan.usable() && as_text(path) == kEndOfTree) {
      end_nodes();
    } else {
      scan.sized();
      scan.skip(kStoredTailBytes);
      if (scan.fault()) return Code::MarshallingError;
      if (!scan.usable()) return {};
      ErrorCode fault = take_node(as_text(path), input.subspan(stored, scan.end() - stored));
      if (fault) return fault;
    }
    input = input.subspan(scan.end());
  }
  return {};
}

ErrorCode SnapStreamReader::Impl::take_node(std::string_view path, ByteView stored) {
  std::string replaced;
  if (!is_ascii(path)) path = replaced = valid_utf8(path);
  const Result<StoredNode> node = decode_stored(stored);
  if (!node) return node.error();
  const StoredStat& stat = node->stat;
  highest = std::max({highest, stat.czxid, stat.mzxid, stat.pzxid});
  const bool dirty = packed && !packing;
  ErrorCode fault = tree.impl().load_node(path, node->data, node->acl, stat, dirty);
  if (!fault && packing) pack.add(static_cast<char>(EntryKind::Node), path, stored);
  return fault;
}

SnapStreamReader::SnapStreamReader(std::size_t max_field, SnapStreamEnd end)
    : impl_(std::make_unique<Impl>(max_field, end)) {}
SnapStreamReader::~SnapStreamReader() = default;

ErrorCode SnapStreamReader::Impl::consume(ByteView& input) {
  while (part != Part::Done) {
    if (part == Part::Nodes) {
      if (ErrorCode fault = take_nodes(input)) return fault;
      if (part == Part::Nodes) return {};
      continue;
    }
    Result<std::size_t> length = item_length(input);
    if (!length) return length.error();
    if (*length == 0) return {};
    if (ErrorCode fault = take_item(input.first(*length))) return fault;
    input = input.subspan(*length);
  }
  return {};
}

/// Adds to the item that has begun until it is whole: little, when little is missing.
ErrorCode SnapStreamReader::Impl::complete_partial(ByteView& input) {
  constexpr std::size_t kStepBytes = 256;
  while (!partial.empty() && !input.empty()) {
    const std::size_t step = std::min(input.size(), std::max(partial.size(), kStepBytes));
    append(partial, input.first(step));
    ByteView rest(partial);
    if (ErrorCode fault = consume(rest)) return fault;
    const bool whole = rest.size() <= step;
    // What is left of this step is in the input as well.
    input = input.subspan(whole ? step - rest.size() : step);
    if (whole) {
      partial.clear();
    } else {
      partial.erase(partial.begin(), partial.end() - static_cast<std::ptrdiff_t>(rest.size()));
    }
  }
  return {};
}

ErrorCode SnapStreamReader::feed(ByteView& input) {
  Impl& my = *impl_;
  if (ErrorCode fault = my.complete_partial(input)) return fault;
  if (!my.partial.empty()) return {};
  if (ErrorCode fault = my.consume(input)) return fault;
  if (done()) {
    my.partial = Bytes();
  } else {
    my.partial.assign(input.begin(), input.end());
    input = {};
  }
  return {};
}

void SnapStreamReader::pack_nodes(bool on) {
  Impl& my = *impl_;
  // What came before the first call is in no pack.
  if (on && !std::exchange(my.packed, true)) my.tree.mark_all_dirty();
  my.packing = on;
}

bool SnapStreamReader::packs() const {
  return impl_->packed;
}

const EntryPack& SnapStreamReader::pack() const {
  return impl_->pack;
}

EntryPack SnapStreamReader::take_pack() {
  return std::exchange(impl_->pack, {});
}

bool SnapStreamReader::done() const {
  return impl_->part == Impl::Part::Done;
}

Zxid SnapStreamReader::highest() const {
  return Zxid{impl_->highest};
}

Result<DataTree> SnapStreamReader::take(Zxid zxid) {
  ENSURE(done());
  if (ErrorCode fault = impl_->tree.finish_load(zxid)) return fault;
  if (impl_->packed) {
    impl_->tree.impl().mark_tables_dirty();
  } else {
    impl_->tree.mark_all_dirty();
  }
  return std::move(impl_->tree);
}

}  // namespace quorate::znode
