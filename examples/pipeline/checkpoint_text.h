// What the znode of a checkpoint holds: one line for people, then the view or nothing.
//
//   "v1 <token> <offset> inline\n" and the view, or
//   "v1 <token> <offset> file <name> <bytes> <hash>\n"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "examples/pipeline/bus.h"

namespace pipeline {

struct CheckpointText {
  std::int64_t token = 0;
  Offset offset = 0;
  std::string file;  ///< "": the view is `inline_state`.
  std::uint64_t file_bytes = 0;
  std::uint64_t file_hash = 0;
  std::string inline_state;
};

std::string encode(const CheckpointText& text);
std::optional<CheckpointText> decode_checkpoint(std::string_view text);
std::uint64_t state_hash(std::string_view state);

}  // namespace pipeline
