// Texts as small numbers, so that the maps of a summary compare numbers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace pipeline {

/// XXH3, which boost's own string hash is several times slower than.
struct TextHash {
  using is_avalanching = void;
  std::size_t operator()(std::string_view text) const;
};

/// Numbers its texts from 0 in the order in which they come. Numbers mean something in one object
/// only. Owned by one thread.
class Names {
 public:
  Names() = default;
  Names(const Names& other);
  Names& operator=(const Names& other);
  Names(Names&&) noexcept = default;
  Names& operator=(Names&&) noexcept = default;

  std::uint32_t number_of(std::string_view text);
  std::string_view operator[](std::uint32_t number) const { return texts_[number]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(texts_.size()); }

 private:
  std::deque<std::string> texts_;  ///< A deque: its strings, and so the views of them, stay put.
  boost::unordered_flat_map<std::string_view, std::uint32_t, TextHash> numbers_;
};

}  // namespace pipeline
