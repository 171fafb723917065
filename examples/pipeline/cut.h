// A mark in the log where one batch ends: a record of its own among the events of every partition,
// so that batch and speed layer cut at the very same place without talking to each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pipeline {

/// Appended to each partition when a batch run begins. The run covers what lies below the mark's
/// offset; whoever keeps views in parts begins a new part there. A mark that was appended twice, or
/// whose run failed, is one more boundary and does no harm.
struct Cut {
  std::uint64_t run = 0;

  friend bool operator==(const Cut&, const Cut&) = default;
};

/// Key of such records. Nobody asks for its partition: a cut goes to all of them.
inline constexpr std::string_view kCutKey = "cut";

/// First byte 0xC1, which no event begins with (event.h: version byte 1), then the run.
void encode(const Cut& cut, std::string& to);
/// Nothing if `value` is not a cut: then it is an event, or damaged.
std::optional<Cut> decode_cut(std::string_view value);

}  // namespace pipeline
