// Four-letter words on the client port (client-protocol section 14).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/config.h"
#include "server/replica/status.h"

namespace quorate::server {

/// What the words ask of the server.
class AdminSource {
 public:
  virtual ~AdminSource() = default;
  virtual ServerStatus status() = 0;
  virtual std::size_t connection_count() = 0;
  virtual void reset_statistics() = 0;
};

/// The answer to `word`: of a word that is not in the whitelist or not available the refusal, and
/// nothing when `word` is no four-letter word at all (then it is the length of a packet).
std::optional<std::string> answer_four_letter_word(std::string_view word, const Config& config,
                                                   AdminSource& source);

}  // namespace quorate::server
