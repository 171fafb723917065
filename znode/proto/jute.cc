#include "znode/proto/jute.h"

#include <algorithm>

#include "base/ensure.h"
#include "znode/proto/error.h"
#include "znode/proto/utf8.h"

namespace quorate {
namespace {

constexpr std::int32_t kNull = -1;
constexpr std::size_t kAclBytesMin = 12;  // perms and two lengths
constexpr std::size_t kStringBytesMin = 4;

bool is_ascii(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b < std::byte{0x80}; });
}

}  // namespace

bool JuteReader::need(std::size_t count) {
  if (fault_ || count > remaining()) {
    fault_ = true;
    return false;
  }
  return true;
}

void JuteReader::refuse() {
  fault_ = true;
}

template <class T>
T JuteReader::number() {
  if (!need(sizeof(T))) return 0;
  T value = load_be<T>(body_.data() + at_);
  at_ += sizeof(T);
  return value;
}

std::int8_t JuteReader::i8() {
  return number<std::int8_t>();
}
bool JuteReader::boolean() {
  return i8() != 0;
}
std::int32_t JuteReader::i32() {
  return number<std::int32_t>();
}
std::int64_t JuteReader::i64() {
  return number<std::int64_t>();
}

std::optional<ByteView> JuteReader::sized() {
  const std::int32_t length = i32();
  if (fault_ || length == kNull) return std::nullopt;
  if (length < 0 || !need(static_cast<std::size_t>(length))) {
    fault_ = true;
    return std::nullopt;
  }
  ByteView view = body_.subspan(at_, static_cast<std::size_t>(length));
  at_ += view.size();
  return view;
}

std::optional<std::string> JuteReader::nullable_string() {
  std::optional<ByteView> raw = sized();
  if (!raw) return std::nullopt;
  return is_ascii(*raw) ? std::string(as_text(*raw)) : valid_utf8(as_text(*raw));
}

std::string JuteReader::string() {
  return nullable_string().value_or(std::string());
}

std::string JuteReader::path() {
  std::optional<std::string> value = nullable_string();
  if (!value) fault_ = true;
  return value.value_or(std::string());
}

Buffer JuteReader::buffer() {
  std::optional<ByteView> raw = sized();
  return raw ? Buffer(as_text(*raw)) : Buffer();
}

ByteView JuteReader::bytes(std::size_t count) {
  if (!need(count)) return {};
  ByteView view = body_.subspan(at_, count);
  at_ += count;
  return view;
}

ByteView JuteReader::buffer_view() {
  return sized().value_or(ByteView());
}

std::size_t JuteReader::count(std::size_t min_element_bytes) {
  const std::int32_t count = i32();
  // Not only -1: a real server takes any negative count for a vector without elements.
  if (fault_ || count < 0) return 0;
  ENSURE(min_element_bytes > 0);
  if (static_cast<std::size_t>(count) > remaining() / min_element_bytes) {
    fault_ = true;
    return 0;
  }
  return static_cast<std::size_t>(count);
}

std::vector<std::string> JuteReader::strings() {
  std::vector<std::string> values(count(kStringBytesMin));
  for (std::string& value : values) value = string();
  return values;
}

AclList JuteReader::acls() {
  AclList list(count(kAclBytesMin));
  for (Acl& acl : list) {
    acl.perms = i32();
    acl.who.scheme = string();
    acl.who.id = string();
  }
  return list;
}

Stat JuteReader::stat() {
  Stat stat;
  stat.czxid = i64();
  stat.mzxid = i64();
  stat.ctime = i64();
  stat.mtime = i64();
  stat.version = i32();
  stat.cversion = i32();
  stat.aversion = i32();
  stat.ephemeral_owner = i64();
  stat.data_length = i32();
  stat.num_children = i32();
  stat.pzxid = i64();
  return stat;
}

ErrorCode JuteReader::finish() const {
  return fault_ ? ErrorCode(Code::MarshallingError) : ErrorCode();
}

template <class T>
void JuteWriter::number(T value) {
  std::byte bytes[sizeof(T)];
  store_be(bytes, value);
  out_.insert(out_.end(), bytes, bytes + sizeof(T));
}

void JuteWriter::i8(std::int8_t value) {
  number(value);
}
void JuteWriter::boolean(bool value) {
  i8(value ? 1 : 0);
}
void JuteWriter::i32(std::int32_t value) {
  number(value);
}
void JuteWriter::i64(std::int64_t value) {
  number(value);
}

void JuteWriter::string(std::string_view value) {
  buffer(as_bytes(value));
}

void JuteWriter::nullable_string(const std::optional<std::string>& value) {
  value ? string(*value) : i32(kNull);
}

void JuteWriter::buffer(const Buffer& value) {
  nullable_string(value);
}

void JuteWriter::buffer(ByteView value) {
  ENSURE(value.size() <= static_cast<std::size_t>(INT32_MAX));
  i32(static_cast<std::int32_t>(value.size()));
  raw(value);
}

void JuteWriter::raw(ByteView value) {
  append(out_, value);
}

void JuteWriter::strings(const std::vector<std::string>& values) {
  i32(static_cast<std::int32_t>(values.size()));
  for (const std::string& value : values) string(value);
}

void JuteWriter::acls(const AclList& values) {
  i32(static_cast<std::int32_t>(values.size()));
  for (const Acl& acl : values) {
    i32(acl.perms);
    string(acl.who.scheme);
    string(acl.who.id);
  }
}

void JuteWriter::stat(const Stat& value) {
  i64(value.czxid);
  i64(value.mzxid);
  i64(value.ctime);
  i64(value.mtime);
  i32(value.version);
  i32(value.cversion);
  i32(value.aversion);
  i64(value.ephemeral_owner);
  i32(value.data_length);
  i32(value.num_children);
  i64(value.pzxid);
}

std::size_t JuteWriter::begin_length() {
  i32(0);
  return out_.size();
}

void JuteWriter::end_length(std::size_t mark) {
  ENSURE(mark >= 4 && mark <= out_.size());
  ENSURE(out_.size() - mark <= static_cast<std::size_t>(INT32_MAX));
  store_be(out_.data() + mark - 4, static_cast<std::int32_t>(out_.size() - mark));
}

}  // namespace quorate
