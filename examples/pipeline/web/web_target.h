// What a request's first line and its Origin say. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "examples/pipeline/web/web_server.h"

namespace pipeline {

/// Sets path and query from the target of a request ("/a%20b?c=d"). False, if it is none: no '/' at
/// its begin, a broken escape, a control character or what is no UTF-8.
[[nodiscard]] bool parse_target(std::string_view target, WebRequest& request);

/// A page of `origin` may have an effect on the server that was asked for as `host` (header Host).
/// Names other than localhost must be in `names`, else a foreign name that was made to lead to this
/// address would be let in (DNS rebinding).
bool same_origin(std::string_view origin, std::string_view host,
                 const std::vector<std::string>& names);

}  // namespace pipeline
