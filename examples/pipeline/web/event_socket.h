// A WebSocket that is sent the events of a log.
#pragma once

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "examples/pipeline/web/web_state.h"

namespace pipeline {

/// Takes over the stream whose upgrade `parser` has read. What is wrong with `request`, or "": then
/// the stream is gone. Thread of State::io.
std::string serve_events(
    WebServer::State& state, boost::beast::tcp_stream& stream,
    const boost::beast::http::request_parser<boost::beast::http::string_body>& parser,
    const WebRequest& request);

}  // namespace pipeline
