#include "examples/pipeline/hyperloglog.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace pipeline {

namespace {

constexpr unsigned kQ = 64 - HyperLogLog::kPrecision;
constexpr std::uint8_t kRankMax = kQ + 1;

std::uint32_t index_of(std::uint32_t entry) {
  return entry >> 8;
}
std::uint8_t rank_of(std::uint32_t entry) {
  return static_cast<std::uint8_t>(entry);
}

// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 2.
double sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; before != z;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; before != z;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void HyperLogLog::add(std::uint64_t hash) {
  const auto index = static_cast<std::uint32_t>(hash >> kQ);
  const std::uint64_t rest = hash << kPrecision;
  const auto rank = static_cast<std::uint8_t>(rest == 0 ? kRankMax : std::countl_zero(rest) + 1);
  raise(index, rank);
}

void HyperLogLog::raise(std::uint32_t index, std::uint8_t rank) {
  if (!dense_.empty()) {
    dense_[index] = std::max(dense_[index], rank);
    return;
  }
  const auto at = std::lower_bound(sparse_.begin(), sparse_.end(), index << 8);
  if (at != sparse_.end() && index_of(*at) == index) {
    *at = std::max(*at, index << 8 | rank);
    return;
  }
  sparse_.insert(at, index << 8 | rank);
  if (sparse_.size() > kSparseMax) make_dense();
}

void HyperLogLog::make_dense() {
  dense_.assign(kRegisters, 0);
  for (const std::uint32_t entry : sparse_) dense_[index_of(entry)] = rank_of(entry);
  sparse_ = {};
}

void HyperLogLog::merge(const HyperLogLog& other) {
  if (!other.dense_.empty()) {
    if (dense_.empty()) make_dense();
    for (std::size_t i = 0; i < kRegisters; ++i) dense_[i] = std::max(dense_[i], other.dense_[i]);
    return;
  }
  if (!dense_.empty()) {
    for (const std::uint32_t entry : other.sparse_) raise(index_of(entry), rank_of(entry));
    return;
  }
  std::vector<std::uint32_t> both;
  both.reserve(sparse_.size() + other.sparse_.size());
  std::merge(sparse_.begin(), sparse_.end(), other.sparse_.begin(), other.sparse_.end(),
             std::back_inserter(both));
  // Of equal indexes the greater rank comes last.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < both.size(); ++i) {
    if (i + 1 < both.size() && index_of(both[i]) == index_of(both[i + 1])) continue;
    both[kept++] = both[i];
  }
  both.resize(kept);
  sparse_ = std::move(both);
  if (sparse_.size() > kSparseMax) make_dense();
}

std::uint64_t HyperLogLog::count() const {
  std::array<std::uint32_t, kRankMax + 1> of_rank{};
  if (dense_.empty()) {
    of_rank[0] = static_cast<std::uint32_t>(kRegisters - sparse_.size());
    for (const std::uint32_t entry : sparse_) ++of_rank[rank_of(entry)];
  } else {
    for (const std::uint8_t rank : dense_) ++of_rank[rank];
  }
  constexpr double m = kRegisters;
  double z = m * tau(1 - of_rank[kRankMax] / m);
  for (unsigned rank = kQ; rank > 0; --rank) z = (z + of_rank[rank]) / 2;
  z += m * sigma(of_rank[0] / m);
  const double alpha = 0.5 / std::log(2.0);
  return static_cast<std::uint64_t>(std::llround(alpha * m * m / z));
}

void HyperLogLog::encode(ByteWriter& out) const {
  out.u8(dense_.empty() ? 0 : 1);
  if (!dense_.empty()) {
    out.string({reinterpret_cast<const char*>(dense_.data()), dense_.size()});
    return;
  }
  out.varint(sparse_.size());
  std::uint32_t before = 0;
  for (const std::uint32_t entry : sparse_) {
    out.varint(index_of(entry) - before);
    out.u8(rank_of(entry));
    before = index_of(entry);
  }
}

std::optional<HyperLogLog> HyperLogLog::decode(ByteReader& in) {
  HyperLogLog sketch;
  if (in.u8() == 1) {
    const std::string_view ranks = in.string();
    if (ranks.size() != kRegisters) return std::nullopt;
    sketch.dense_.assign(ranks.begin(), ranks.end());
    if (*std::max_element(sketch.dense_.begin(), sketch.dense_.end()) > kRankMax) {
      return std::nullopt;
    }
    return sketch;
  }
  const std::size_t count = in.count(/*bytes_each=*/2);
  if (count > kSparseMax) return std::nullopt;
  std::uint64_t index = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t step = in.varint();
    const std::uint8_t rank = in.u8();
    index += step;
    if (!in.ok() || (i > 0 && step == 0) || step >= kRegisters || index >= kRegisters ||
        rank == 0 || rank > kRankMax) {
      return std::nullopt;
    }
    sketch.sparse_.push_back(static_cast<std::uint32_t>(index) << 8 | rank);
  }
  return in.ok() ? std::optional(std::move(sketch)) : std::nullopt;
}

}  // namespace pipeline
