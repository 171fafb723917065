// Connecting, and saying why not.
#pragma once

#include "examples/leader_follower/options.h"
#include "quorate/sync_client.h"

namespace leader_follower {

quorate::client::ConnectOptions connect_options(const Options& options);

/// False, with the hosts that failed and why on the standard error.
bool connect(const Options& options, quorate::client::SyncClient& client);

}  // namespace leader_follower
