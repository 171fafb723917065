#include "examples/pipeline/cut.h"

namespace pipeline {

namespace {
constexpr char kCutByte = static_cast<char>(0xC1);
constexpr std::size_t kCutBytes = 9;
}  // namespace

void encode(const Cut& cut, std::string& to) {
  to.push_back(kCutByte);
  for (int shift = 56; shift >= 0; shift -= 8) to.push_back(static_cast<char>(cut.run >> shift));
}

std::optional<Cut> decode_cut(std::string_view value) {
  if (value.size() != kCutBytes || value.front() != kCutByte) return std::nullopt;
  Cut cut;
  for (const char byte : value.substr(1)) {
    cut.run = cut.run << 8 | static_cast<unsigned char>(byte);
  }
  return cut;
}

}  // namespace pipeline
