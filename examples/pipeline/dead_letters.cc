#include "examples/pipeline/dead_letters.h"

#include <cerrno>
#include <cstring>
#include <numeric>

namespace pipeline {

Result<DeadLetters> DeadLetters::open(const std::string& file, std::uint64_t bytes_max) {
  DeadLetters letters;
  letters.file_.reset(std::fopen(file.c_str(), "ab"));
  if (!letters.file_) {
    return Fault{FaultKind::Storage, file + ": " + std::strerror(errno)};
  }
  std::fseek(letters.file_.get(), 0, SEEK_END);
  const long there = std::ftell(letters.file_.get());
  const std::uint64_t size = there > 0 ? static_cast<std::uint64_t>(there) : 0;
  letters.room_ = bytes_max > size ? bytes_max - size : 0;
  return letters;
}

void DeadLetters::add(BadLine reason, std::string_view source, std::uint64_t offset,
                      std::string_view line) {
  ++counts_[static_cast<std::size_t>(reason)];
  if (!file_) return;
  std::string letter = name_of(reason);
  letter += '\t';
  letter += source;
  letter += '\t' + std::to_string(offset) + '\t';
  letter += line;
  letter += '\n';
  if (letter.size() > room_) {
    ++not_kept_;
    return;
  }
  room_ -= letter.size();
  if (std::fwrite(letter.data(), 1, letter.size(), file_.get()) != letter.size()) failed_ = true;
}

Result<> DeadLetters::flush() {
  if (file_ && (std::fflush(file_.get()) != 0 || failed_)) {
    return Fault{FaultKind::Storage,
                 std::string("bad lines could not be kept aside: ") + std::strerror(errno)};
  }
  return {};
}

std::uint64_t DeadLetters::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

}  // namespace pipeline
