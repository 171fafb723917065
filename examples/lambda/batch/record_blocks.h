// Records in checked blocks: the body of every file of the batch layer.
//
//   block  body bytes (4), records (4), check (8), body      integers little-endian
//   body   (length as varint, record)...
//
// `check` is XXH3 of the body, xor (body bytes << 32 | records). A reader verifies a block once and
// then scans it; no bit of it can change unseen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lambda_app {

inline constexpr std::size_t kBlockHeadBytes = 16;
inline constexpr std::size_t kBlockBodyBytes = 256 * 1024;  ///< A block with so much is closed.

/// Appends blocks to a string that the caller owns, and may take away whenever no block is open.
class BlockWriter {
 public:
  explicit BlockWriter(std::string& out) : out_(out) {}

  void add(std::string_view record);
  void finish();  ///< Closes the block that is open, if there is one.
  bool open() const { return records_ > 0; }

 private:
  std::string& out_;
  std::size_t begin_ = 0;  ///< Of the open block, in `out_`.
  std::uint32_t records_ = 0;
};

/// Reads what BlockWriter wrote, and trusts none of it.
class BlockReader {
 public:
  explicit BlockReader(std::string_view bytes) : rest_(bytes) {}

  /// The next record, a view into the bytes. False at the end, and at damage.
  bool next(std::string_view& record);
  bool damaged() const { return damaged_; }

 private:
  bool open_block();
  bool damage();

  std::string_view rest_;  ///< Behind the open block.
  std::string_view body_;  ///< What is left of the open block.
  std::uint32_t records_ = 0;
  bool damaged_ = false;
};

}  // namespace lambda_app
