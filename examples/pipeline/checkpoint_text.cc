#include "examples/pipeline/checkpoint_text.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>

namespace pipeline {

namespace {

std::string_view take_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

template <class Number>
bool to_number(std::string_view word, Number& value) {
  const char* end = word.data() + word.size();
  const auto [stop, fault] = std::from_chars(word.data(), end, value);
  return fault == std::errc() && stop == end;
}

}  // namespace

std::uint64_t state_hash(std::string_view state) {
  return XXH3_64bits(state.data(), state.size());
}

std::string encode(const CheckpointText& text) {
  std::string line = "v1 " + std::to_string(text.token) + ' ' + std::to_string(text.offset);
  if (text.file.empty()) return line + " inline\n" + text.inline_state;
  return line + " file " + text.file + ' ' + std::to_string(text.file_bytes) + ' ' +
         std::to_string(text.file_hash) + '\n';
}

std::optional<CheckpointText> decode_checkpoint(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(0, end);
  CheckpointText decoded;
  if (take_word(line) != "v1" || !to_number(take_word(line), decoded.token) ||
      !to_number(take_word(line), decoded.offset)) {
    return std::nullopt;
  }
  const std::string_view where = take_word(line);
  if (where == "inline") {
    decoded.inline_state = text.substr(end + 1);
    return decoded;
  }
  decoded.file = take_word(line);
  if (where != "file" || decoded.file.empty() || decoded.file.find('/') != std::string::npos ||
      !to_number(take_word(line), decoded.file_bytes) ||
      !to_number(take_word(line), decoded.file_hash)) {
    return std::nullopt;
  }
  return decoded;
}

}  // namespace pipeline
