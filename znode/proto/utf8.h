// Text as ZooKeeper reads it: whatever is not UTF-8 becomes U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace quorate {

/// `raw` with each malformed sequence replaced by U+FFFD, cut where Java's decoder cuts: the
/// longest valid beginning counts as one sequence, and so does a whole encoded surrogate.
std::string valid_utf8(std::string_view raw);

/// Such text is valid by itself.
bool is_ascii(std::string_view text);

}  // namespace quorate
