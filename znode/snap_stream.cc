// The SNAP stream between servers (spec: storage-formats 4): snapshot.h's writer and reader.
#include "base/ensure.h"
#include "znode/acl_table.h"
#include "znode/checkpoint_keys.h"
#include "znode/node_codec.h"
#include "znode/proto/error.h"
#include "znode/snapshot.h"

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
  ErrorCode take_node(JuteReader& in);
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
    case Part::Nodes:
      if (as_text(scan.sized()) == kEndOfTree || !scan.usable()) break;
      scan.sized();
      scan.skip(sizeof(AclKey) + kStoredStatBytes);
      break;
    case Part::Signature:
      scan.sized();
      break;
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
    case Part::Nodes:
      return take_node(in);
    case Part::Signature:
      part = Part::Done;
      return in.string() == kSignature ? ErrorCode() : ErrorCode(Code::MarshallingError);
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

ErrorCode SnapStreamReader::Impl::take_node(JuteReader& in) {
  NodeRecord record;
  record.path = in.string();
  if (record.path == kEndOfTree) {
    part = end == SnapStreamEnd::Signature ? Part::Signature : Part::Done;
    return {};
  }
  decode_stored(in, record);
  if (ErrorCode fault = in.finish()) return fault;
  const StoredStat& stat = record.stat;
  highest = std::max({highest, stat.czxid, stat.mzxid, stat.pzxid});
  return tree.load_node(std::move(record));
}

SnapStreamReader::SnapStreamReader(std::size_t max_field, SnapStreamEnd end)
    : impl_(std::make_unique<Impl>(max_field, end)) {}
SnapStreamReader::~SnapStreamReader() = default;

ErrorCode SnapStreamReader::feed(ByteView& input) {
  append(impl_->partial, input);
  ByteView left(impl_->partial);
  while (!done()) {
    Result<std::size_t> length = impl_->item_length(left);
    if (!length) return length.error();
    if (*length == 0) break;
    if (ErrorCode fault = impl_->take_item(left.first(*length))) return fault;
    left = left.subspan(*length);
  }
  // What is behind the end of the stream is not ours and can only have come with this call.
  input = done() ? input.last(left.size()) : input.last(0);
  if (done()) left = {};
  impl_->partial = Bytes(left.begin(), left.end());
  return {};
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
  impl_->tree.mark_all_dirty();
  return std::move(impl_->tree);
}

}  // namespace quorate::znode
