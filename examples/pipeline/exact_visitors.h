// The exact counterpart of HyperLogLog: the set itself.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <optional>

#include "examples/pipeline/byte_codec.h"

namespace pipeline {

/// For numbers that are hashes already.
struct HashedAlready {
  using is_avalanching = void;
  std::size_t operator()(std::uint64_t hash) const { return hash; }
};

/// A set of visitor hashes; exact but for two visitors with one 64-bit hash. The same face as
/// HyperLogLog: either is a policy of BasicSummary.
class ExactVisitors {
 public:
  void add(std::uint64_t hash) { hashes_.insert(hash); }
  void merge(const ExactVisitors& other) {
    hashes_.insert(other.hashes_.begin(), other.hashes_.end());
  }
  std::uint64_t count() const { return hashes_.size(); }

  void encode(ByteWriter& out) const;  ///< Sorted: equal sets have equal bytes.
  static std::optional<ExactVisitors> decode(ByteReader& in);

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const std::uint64_t hash : hashes_) visit(hash);
  }
  friend bool operator==(const ExactVisitors&, const ExactVisitors&) = default;

 private:
  boost::unordered_flat_set<std::uint64_t, HashedAlready> hashes_;
};

}  // namespace pipeline
