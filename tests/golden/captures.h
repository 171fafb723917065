// Reads the recorded bytes of ZooKeeper that stand in the specification beside the source tree.
#pragma once

#ifndef QUORATE_SOURCE_DIR
#define QUORATE_SOURCE_DIR "."  // The build gives the real one.
#endif

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"

namespace quorate::golden {

using Json = nlohmann::json;

inline std::filesystem::path spec_folder() {
  const char* shared = std::getenv("QUORATE_SHARED");
  const std::filesystem::path base =
      shared != nullptr ? shared : std::filesystem::path(QUORATE_SOURCE_DIR) / ".." / "shared";
  return base / "spec";
}

/// False (with a message) when there are no recordings on this machine; with CI=true that is a
/// failure.
inline bool available() {
  if (std::filesystem::exists(spec_folder() / "captures")) return true;
  const char* ci = std::getenv("CI");
  CHECK_MESSAGE((ci == nullptr || std::string(ci) != "true"), "recordings are missing");
  MESSAGE("skipped: no recordings at " << spec_folder().string());
  return false;
}

inline Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// Calls `visit` for each line of `file` ("captures/golden-3.9.5.jsonl").
inline void each_line(const std::string& file, const std::function<void(const Json&)>& visit) {
  std::ifstream in(spec_folder() / file);
  REQUIRE(in.good());
  std::string line;
  while (std::getline(in, line)) {
    if (!line.empty()) visit(Json::parse(line));
  }
}

}  // namespace quorate::golden
