#include "znode/proto/jute.h"

#include <algorithm>
#include <cstring>

#include "base/ensure.h"
#include "znode/proto/error.h"
#include "znode/proto/utf8.h"

namespace quorate {
namespace {

constexpr std::int32_t kNull = -1;
constexpr std::size_t kAclBytesMin = 12;  // perms and two lengths
constexpr std::size_t kStringBytesMin = 4;
constexpr std::size_t kStatBytes = 68;

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
  return is_ascii(as_text(*raw)) ? std::string(as_text(*raw)) : valid_utf8(as_text(*raw));
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
  constexpr std::size_t kLengthBytes = sizeof(std::int32_t);
  std::byte* to = grow(kLengthBytes + value.size());
  store_be(to, static_cast<std::int32_t>(value.size()));
  if (!value.empty()) std::memcpy(to + kLengthBytes, value.data(), value.size());
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

/// In one piece: a Stat is in nearly every answer.
void JuteWriter::stat(const Stat& value) {
  std::byte* to = grow(kStatBytes);
  store_be(to, value.czxid);
  store_be(to + 8, value.mzxid);
  store_be(to + 16, value.ctime);
  store_be(to + 24, value.mtime);
  store_be(to + 32, value.version);
  store_be(to + 36, value.cversion);
  store_be(to + 40, value.aversion);
  store_be(to + 44, value.ephemeral_owner);
  store_be(to + 52, value.data_length);
  store_be(to + 56, value.num_children);
  store_be(to + 60, value.pzxid);
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
