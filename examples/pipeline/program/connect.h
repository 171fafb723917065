// How a program reaches Quorate, and speaks.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "quorate/sync_client.h"

namespace pipeline_program {

inline constexpr int kNoServer = 3;  ///< Exit code.
/// Timeout of a session that carries commits beside the membership's, which it outlives: so a
/// paused process's late commit reaches the server, and its token or missing claim refuses it.
inline constexpr std::chrono::seconds kStoreSession{60};

void say(const std::string& line);  ///< On standard output, at once.

/// A connected client, or, after 30 s, nothing and a word on standard error that begins with
/// `program`.
std::unique_ptr<quorate::client::SyncClient> connect(const std::string& program,
                                                     const std::string& hosts,
                                                     std::chrono::milliseconds session_timeout);

}  // namespace pipeline_program
