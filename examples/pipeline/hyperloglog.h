// How many different ones there were, within a percent, in 16 KiB: HyperLogLog (Flajolet, Fusy,
// Gandouet, Meunier, 2007) with 64-bit hashes and Ertl's estimator (2017), which needs no table of
// corrections. Debian has no C or C++ library of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "examples/pipeline/byte_codec.h"

namespace pipeline {

/// A set of hashes of which only the size can be asked. Merging is union: associative, commutative,
/// idempotent. Equal sets have equal sketches and equal bytes, in whatever order they came.
class HyperLogLog {
 public:
  static constexpr unsigned kPrecision = 14;
  static constexpr std::size_t kRegisters = 1u << kPrecision;
  /// Standard error 1.04 / sqrt(kRegisters); two of three estimates are that near.
  static constexpr double kStandardError = 0.008125;
  /// Registers in use from which on all are stored; below, only those in use are.
  static constexpr std::size_t kSparseMax = 1'024;

  void add(std::uint64_t hash);
  void merge(const HyperLogLog& other);
  std::uint64_t count() const;  ///< Exact enough below 100: an error there is a collision.

  void encode(ByteWriter& out) const;
  static std::optional<HyperLogLog> decode(ByteReader& in);  ///< Nothing if damaged.

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  void raise(std::uint32_t index, std::uint8_t rank);
  void make_dense();

  std::vector<std::uint32_t> sparse_;  ///< index << 8 | rank, sorted; empty when dense.
  std::vector<std::uint8_t> dense_;    ///< kRegisters ranks, or empty.
};

}  // namespace pipeline
