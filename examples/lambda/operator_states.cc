#include "examples/lambda/operator_states.h"

#include "examples/pipeline/byte_codec.h"

namespace lambda_app {

namespace {
constexpr std::uint8_t kStatesVersion = 1;
constexpr std::size_t kLengthBytes = 8;
}  // namespace

OperatorStatesWriter::OperatorStatesWriter(std::string& to) : to_(to) {
  pipeline::ByteWriter(to_).u8(kStatesVersion);
}

void OperatorStatesWriter::begin(std::string_view name) {
  pipeline::ByteWriter out(to_);
  out.string(name);
  out.fixed64(0);  // The length, known at the end.
  begin_ = to_.size();
}

void OperatorStatesWriter::end() {
  std::string length;
  pipeline::ByteWriter(length).fixed64(to_.size() - begin_);
  to_.replace(begin_ - kLengthBytes, kLengthBytes, length);
}

std::optional<std::map<std::string, std::string_view, std::less<>>> decode_operator_states(
    std::string_view bytes) {
  pipeline::ByteReader in(bytes);
  if (in.u8() != kStatesVersion) return std::nullopt;
  std::map<std::string, std::string_view, std::less<>> states;
  while (in.ok() && !in.finished()) {
    const std::string name(in.string());
    const std::uint64_t size = in.fixed64();
    if (!in.ok() || size > in.rest().size()) return std::nullopt;
    const std::string_view state = in.rest().substr(0, static_cast<std::size_t>(size));
    if (!states.emplace(name, state).second) return std::nullopt;
    in = pipeline::ByteReader(in.rest().substr(state.size()));
  }
  return in.finished() ? std::optional(std::move(states)) : std::nullopt;
}

}  // namespace lambda_app
