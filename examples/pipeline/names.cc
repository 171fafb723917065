#include "examples/pipeline/names.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pipeline {

std::size_t TextHash::operator()(std::string_view text) const {
  return XXH3_64bits(text.data(), text.size());
}

Names::Names(const Names& other) : texts_(other.texts_) {
  numbers_.reserve(texts_.size());
  std::uint32_t number = 0;
  for (const std::string& text : texts_) numbers_.emplace(text, number++);
}

Names& Names::operator=(const Names& other) {
  if (this != &other) *this = Names(other);
  return *this;
}

std::uint32_t Names::number_of(std::string_view text) {
  const auto known = numbers_.find(text);
  if (known != numbers_.end()) return known->second;
  const std::uint32_t number = size();
  numbers_.emplace(texts_.emplace_back(text), number);
  return number;
}

}  // namespace pipeline
