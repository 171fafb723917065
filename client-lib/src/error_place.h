// Errors that say which operation failed on which path.
#pragma once

#include <string_view>

#include "quorate/errors.h"

namespace quorate::client {

/// `error` with "operation path" as its location, which ErrorCode::what() and describe() print.
/// Codes are copied freely and for ever, so the texts are kept for ever, too: the first few
/// thousand; later ones name the operation alone. Any thread.
ErrorCode at_place(ErrorCode error, const char* operation, std::string_view path);

}  // namespace quorate::client
