// HTTP and WebSocket for the pipelines' programs: a few routes, static pages, and a numbered stream
// of events that a browser which lost its socket resumes. Beast below.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/pipeline/result.h"

namespace pipeline {

struct WebRequest {
  std::string method;                        ///< "GET", "POST", ...; HEAD is asked as GET.
  std::string path;                          ///< Decoded, without the query: "/api/answer".
  std::map<std::string, std::string> query;  ///< Decoded; of repeated names the last.
  std::string body;
};

struct WebResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  /// Beside those that every response has: Cache-Control: no-store, X-Content-Type-Options.
  std::vector<std::pair<std::string, std::string>> headers;
};

/// {"error": text}
WebResponse web_error(int status, std::string_view text);

struct WebOptions {
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT, [IPV6]:PORT; port 0: any free one.
  std::size_t body_bytes_max = 8u << 20;
  std::size_t connections_max = 256;     ///< More are answered 503 and closed.
  std::size_t answer_threads = 4;        ///< So many requests are answered at once; others wait.
  std::size_t events_kept = 1'000;       ///< For sockets that come back.
  std::size_t socket_queue_max = 1'000;  ///< Events waiting for one slow socket; then it is closed.
  std::string events_path = "/api/events";  ///< Of the WebSocket; `?after=N` resumes.
  /// Names under which browsers may reach this server, beside localhost and addresses. A page of
  /// any other name may neither POST nor open the WebSocket, even if that name leads here.
  std::vector<std::string> host_names;
  std::chrono::milliseconds header_limit{15'000};  ///< For a whole header; idle connections too.
  std::chrono::milliseconds body_limit{30'000};    ///< For a whole body.
  std::chrono::milliseconds write_limit{30'000};   ///< For a whole response, or one event.
  std::chrono::milliseconds stop_limit{2'000};     ///< For connections to end by themselves.
};

/// Runs on threads of its own. Answers are made by `answer`, on a small pool of threads: it may
/// block, and must be thread-safe.
///
/// A request that comes from a web page of another origin and could have an effect (anything but
/// GET and HEAD, and the WebSocket) is answered 403: whoever looks at a foreign page must not press
/// a button here by that.
class WebServer {
 public:
  using Answer = std::function<WebResponse(const WebRequest&)>;

  /// Faults: BadArgument (what cannot be parsed), Connection (address in use, named).
  static Result<std::unique_ptr<WebServer>> start(const WebOptions& options, Answer answer);
  /// Lets what is being answered be sent, for `stop_limit` at most; waits for calls of `answer`.
  ~WebServer();

  std::string address() const;  ///< "127.0.0.1:41234", as bound.

  /// Sends `json` to all sockets as {"n":N,"event":json}. Any thread; does not block.
  ///
  /// A socket is first told {"n":M,"stream":S}: events after M follow. One that asks for
  /// `?after=N` gets all after N (M is N then); where they are no longer kept, or it also names a
  /// `stream` that is not this one's, {"n":M,"stream":S,"missed":true}: then it must ask for the
  /// whole state. A server that was started again is another stream.
  void publish(const std::string& json);
  std::uint64_t published() const;  ///< Number of the last event; 0 before the first.
  std::size_t sockets() const;      ///< WebSockets now.

  class State;

 private:
  explicit WebServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pipeline
