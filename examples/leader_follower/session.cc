#include "examples/leader_follower/session.h"

#include "examples/leader_follower/say.h"

namespace leader_follower {

quorate::client::ConnectOptions connect_options(const Options& options) {
  quorate::client::ConnectOptions connect(options.connect);
  connect.session_timeout = options.session_timeout;
  connect.connect_timeout = std::chrono::seconds(30);
  return connect;
}

bool connect(const Options& options, quorate::client::SyncClient& client) {
  const auto connected = client.connect();
  if (connected) return true;
  complain(options, connected.message);
  for (const auto& [server, reason] : connected.value.failures) {
    complain(options, "tried " + server + ": " + reason);
  }
  return false;
}

}  // namespace leader_follower
