// What the server says about its version: tools parse `x.y.z-..., built on date` (pitfalls 86).
#pragma once

namespace quorate::server {

inline constexpr const char* kVersion = "0.1.0";
/// The first part is the ZooKeeper release whose behaviour this server keeps.
inline constexpr const char* kVersionText = "3.9.5-quorate-0.1.0, built on 2026-11-21 00:00 UTC";

}  // namespace quorate::server
