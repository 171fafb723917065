// How a program reaches Quorate, and speaks.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "quorate/sync_client.h"

namespace pipeline_program {

inline constexpr int kNoServer = 3;  ///< Exit code.

void say(const std::string& line);  ///< On standard output, at once.

/// A connected client, or, after 30 s, nothing and a word on standard error that begins with
/// `program`.
std::unique_ptr<quorate::client::SyncClient> connect(const std::string& program,
                                                     const std::string& hosts,
                                                     std::chrono::milliseconds session_timeout);

}  // namespace pipeline_program
