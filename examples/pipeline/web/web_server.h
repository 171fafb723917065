// HTTP and WebSocket for the pipelines' programs: a few routes, static pages, and a numbered stream
// of events that a browser which lost its socket resumes. Beast below.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "examples/pipeline/result.h"

namespace pipeline {

struct WebRequest {
  std::string method;                        ///< "GET", "POST", ...
  std::string path;                          ///< Decoded, without the query: "/api/answer".
  std::map<std::string, std::string> query;  ///< Decoded; of repeated names the last.
  std::string body;
};

struct WebResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

struct WebOptions {
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT, [IPV6]:PORT; port 0: any free one.
  std::size_t body_bytes_max = 8u << 20;
  std::size_t connections_max = 256;     ///< More are answered 503 and closed.
  std::size_t events_kept = 1'000;       ///< For sockets that come back.
  std::size_t socket_queue_max = 1'000;  ///< Events waiting for one slow socket; then it is closed.
  std::string events_path = "/api/events";  ///< Of the WebSocket; `?after=N` resumes.
};

/// Runs on threads of its own. Answers are made by `answer`, on a small pool of threads: it may
/// block, and must be thread-safe.
class WebServer {
 public:
  using Answer = std::function<WebResponse(const WebRequest&)>;

  /// Faults: BadArgument (what cannot be parsed), Connection (address in use, named).
  static Result<std::unique_ptr<WebServer>> start(const WebOptions& options, Answer answer);
  ~WebServer();

  std::string address() const;  ///< "127.0.0.1:41234", as bound.

  /// Sends `json` to all sockets as {"n":N,"event":json}. A socket that asks for `after=N` first
  /// gets what came after N, or, where that is no longer kept, {"n":M,"missed":true}: then it must
  /// ask for the whole state. Any thread; does not block.
  void publish(std::string json);
  std::uint64_t published() const;  ///< Number of the last event; 0 before the first.

 private:
  class State;
  explicit WebServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pipeline
