#include "examples/lambda/batch/map_output.h"

#include "examples/pipeline/byte_codec.h"
#include "examples/pipeline/checkpoint_text.h"

namespace lambda_app {

using pipeline::Result;

namespace {

constexpr std::string_view kHead("QRUN\x01\0\0\0", 8);
constexpr std::string_view kEnd = "NURQ";
constexpr std::size_t kIndexBytes = 4 + 3 * 8;
constexpr std::size_t kTailBytes = 4 + 8 + 4;
constexpr std::size_t kBufferBytes = 1u << 20;

}  // namespace

MapOutputWriter::MapOutputWriter(const std::string& folder, const std::string& name)
    : name_(name), file_(folder, name + ".open") {
  file_.write(kHead);
}

void MapOutputWriter::flush() {
  file_.write(buffer_);
  buffer_.clear();
}

void MapOutputWriter::begin_run(std::uint32_t part) {
  flush();
  index_.push_back({part, file_.bytes(), 0, 0});
}

void MapOutputWriter::add(std::string_view event) {
  blocks_.add(event);
  ++index_.back().events;
  if (buffer_.size() >= kBufferBytes && !blocks_.open()) flush();
}

void MapOutputWriter::end_run() {
  blocks_.finish();
  flush();
  index_.back().bytes = file_.bytes() - index_.back().begin;
}

Result<std::uint64_t> MapOutputWriter::close() {
  std::string tail;
  pipeline::ByteWriter out(tail);
  for (const RunIndex& run : index_) {
    out.fixed32(run.part);
    out.fixed64(run.begin);
    out.fixed64(run.bytes);
    out.fixed64(run.events);
  }
  const std::uint64_t check = pipeline::state_hash(tail);
  out.fixed32(static_cast<std::uint32_t>(index_.size()));
  out.fixed64(check);
  tail += kEnd;
  file_.write(tail);
  const std::uint64_t bytes = file_.bytes();
  const Result<> closed = file_.close(name_, Durability::UntilPowerCut);
  if (!closed) return closed.error();
  return bytes;
}

std::optional<MapOutput> parse_map_output(std::string_view file) {
  if (file.size() < kHead.size() + kTailBytes || !file.starts_with(kHead) ||
      !file.ends_with(kEnd)) {
    return std::nullopt;
  }
  pipeline::ByteReader tail(file.substr(file.size() - kTailBytes));
  const std::uint64_t count = tail.fixed32();
  const std::uint64_t check = tail.fixed64();
  const std::uint64_t room = file.size() - kHead.size() - kTailBytes;
  if (count * kIndexBytes > room) return std::nullopt;
  const std::string_view index =
      file.substr(file.size() - kTailBytes - count * kIndexBytes, count * kIndexBytes);
  if (pipeline::state_hash(index) != check) return std::nullopt;
  const std::uint64_t end = file.size() - kTailBytes - index.size();
  pipeline::ByteReader in(index);
  MapOutput output;
  for (std::uint64_t i = 0; i < count; ++i) {
    MapOutput::Run run;
    run.part = in.fixed32();
    const std::uint64_t begin = in.fixed64();
    const std::uint64_t bytes = in.fixed64();
    run.events = in.fixed64();
    if (begin < kHead.size() || begin > end || bytes > end - begin) return std::nullopt;
    run.blocks = file.substr(begin, bytes);
    output.runs.push_back(run);
  }
  return output;
}

}  // namespace lambda_app
