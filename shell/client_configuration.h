// zkCli's ways to configure the client: a file of properties, and Java's -D options.
#pragma once

#include <string>

#include "shell/options.h"

namespace quorate::shell {

/// Takes what is known from a file of properties; what is wrong with it, or "".
std::string read_client_configuration(const std::string& file, ShellOptions& options);

/// The same from the words of CLIENT_JVMFLAGS or JVMFLAGS, "-Dzookeeper.client.secure=true ...":
/// whoever calls zkCli.sh has his TLS there.
std::string read_jvm_flags(const std::string& flags, ShellOptions& options);

}  // namespace quorate::shell
