// Four-letter words on the client port (client-protocol section 14).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/admin/facts.h"
#include "server/config/config.h"

namespace quorate::server {

/// The answer to `word`: of a word that is not in the whitelist the refusal, and nothing when
/// `word` is no four-letter word at all (then it is the length of a packet). Behind `stmk` stand
/// the eight bytes of the mask, as far as they have come.
std::optional<std::string> answer_four_letter_word(std::string_view word, const Config& config,
                                                   AdminSource& source);

}  // namespace quorate::server
