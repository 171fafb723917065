// One HTTP connection: read a request, have it answered, write, again.
#pragma once

#include "examples/pipeline/web/web_state.h"

namespace pipeline {

/// `refuse`: there are too many; say so and close. Thread of State::io.
void serve_http(WebServer::State& state, tcp::socket socket, bool refuse);

}  // namespace pipeline
