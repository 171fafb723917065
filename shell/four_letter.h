// Four-letter words: what servers tell about themselves on their client port, without a session.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace quorate::shell {

/// The answer of "host:port" to `word`; "" and the reason in `fault` when there is none in time.
std::string four_letter(const std::string& server, const std::string& word,
                        std::chrono::milliseconds limit, std::string& fault);

/// "name<TAB or : >value" lines, as mntr, srvr, conf and stat write them.
std::map<std::string, std::string> answer_fields(const std::string& answer);

}  // namespace quorate::shell
