// Data of a znode as something to look at, to type and to store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quorate/types.h"
#include "shell/json.h"

namespace quorate::shell {

bool is_utf8(std::string_view text);
/// Valid UTF-8 without control characters but line ends and tabs.
bool is_text(std::string_view text);

std::string to_base64(std::string_view bytes);
/// Nothing when `text` is none.
std::optional<std::string> from_base64(std::string_view text);

/// Rows of 16 bytes in a frame, as zkCli prints them with -x.
std::string hex_dump(std::string_view bytes);

/// For a person: JSON indented, text as it is, anything else as hex; cut after a limit, which is
/// then told. Ends with a line end.
std::string data_for_people(const client::Buffer& data);

/// Appends `text`, which must be UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// Puts "data" (a string, or null) into `object`, with "encoding": "base64" where it is no UTF-8.
void put_data(Json& object, const client::Buffer& data);
/// The other way round; nothing when the object holds no such data.
std::optional<client::Buffer> take_data(const Json& object);

}  // namespace quorate::shell
