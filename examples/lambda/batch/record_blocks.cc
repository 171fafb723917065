#include "examples/lambda/batch/record_blocks.h"

#include "examples/pipeline/byte_codec.h"
#include "examples/pipeline/checkpoint_text.h"

namespace lambda_app {

namespace {

std::uint64_t check_of(std::string_view body, std::uint32_t records) {
  return pipeline::state_hash(body) ^ (static_cast<std::uint64_t>(body.size()) << 32 | records);
}

}  // namespace

void BlockWriter::add(std::string_view record) {
  if (records_ == 0) {
    begin_ = out_.size();
    out_.append(kBlockHeadBytes, '\0');
  }
  pipeline::ByteWriter(out_).string(record);
  ++records_;
  if (out_.size() - begin_ >= kBlockHeadBytes + kBlockBodyBytes) finish();
}

void BlockWriter::finish() {
  if (records_ == 0) return;
  const std::string_view body = std::string_view(out_).substr(begin_ + kBlockHeadBytes);
  std::string head;
  pipeline::ByteWriter writer(head);
  writer.fixed32(static_cast<std::uint32_t>(body.size()));
  writer.fixed32(records_);
  writer.fixed64(check_of(body, records_));
  out_.replace(begin_, kBlockHeadBytes, head);
  records_ = 0;
}

bool BlockReader::next(std::string_view& record) {
  if (records_ == 0 && !open_block()) return false;
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at == body_.size() || shift > 28) return damage();
    const auto byte = static_cast<std::uint8_t>(body_[at++]);
    size |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (size > body_.size() - at) return damage();
  record = body_.substr(at, size);
  body_.remove_prefix(at + size);
  // The last record ends the body: the check was right, but who wrote it?
  if (--records_ == 0 && !body_.empty()) return damage();
  return true;
}

bool BlockReader::open_block() {
  if (damaged_ || rest_.empty()) return false;
  pipeline::ByteReader head(rest_);
  const std::uint32_t size = head.fixed32();
  const std::uint32_t records = head.fixed32();
  const std::uint64_t check = head.fixed64();
  if (!head.ok() || records == 0 || size > head.rest().size()) return damage();
  body_ = head.rest().substr(0, size);
  if (check != check_of(body_, records)) return damage();
  records_ = records;
  rest_ = head.rest().substr(size);
  return true;
}

bool BlockReader::damage() {
  damaged_ = true;
  records_ = 0;
  rest_ = body_ = {};
  return false;
}

}  // namespace lambda_app
