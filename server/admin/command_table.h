// One row per command: the four-letter word, the HTTP command and its aliases, rights, help.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "server/admin/facts.h"
#include "server/config/config.h"

namespace quorate::server {

/// What a command is rendered from.
struct CommandContext {
  const Config& config;
  const AdminFacts& facts;
  std::string_view config_text = {};  ///< The file as it was read at start.
};

enum class CommandMethod { Get, Post };

/// Which rights a caller over HTTP needs.
enum class CommandRights {
  Nobody,  ///< Open to who reaches the port.
  Root,    ///< All five bits on "/" (configuration.md section 9).
};

/// What the command is answered by over HTTP.
enum class CommandPage {
  Json,      ///< `json`; nullptr: not available.
  Snapshot,  ///< The tree as a file.
  Restore,   ///< The other way round.
};

struct CommandRow {
  std::string_view word = {};        ///< Empty: no four-letter word.
  std::string_view name = {};        ///< Of the HTTP command; empty: none.
  std::string_view aliases[2] = {};  ///< Of the HTTP command.
  bool while_not_serving = false;    ///< Answered also when the server does not serve.
  unsigned wants = kNothingMore;
  std::string (*text)(const CommandContext& context) = nullptr;
  void (*json)(const CommandContext& context, nlohmann::ordered_json& out) = nullptr;
  /// Changes something first; on the event loop.
  void (*act)(AdminSource& source, const Parameters& parameters) = nullptr;
  /// What is wrong with the parameters of an HTTP request, or "".
  std::string_view (*fault)(const Parameters& parameters) = nullptr;
  CommandMethod method = CommandMethod::Get;
  CommandRights rights = CommandRights::Nobody;
  CommandPage page = CommandPage::Json;
  const char* help = "";
};

std::span<const CommandRow> command_rows();

/// nullptr when there is none.
const CommandRow* find_word(std::string_view word);
/// By name or alias.
const CommandRow* find_command(std::string_view name);

/// The JSON of a command: its keys, then `command` and `error`.
std::string command_json(const CommandRow& row, const CommandContext& context);
/// Of a tree restored: `last_zxid`, decimal.
std::string restored_json(std::string_view name, Zxid zxid);
/// Of a command that could not be carried out.
std::string command_error_json(std::string_view name, std::string_view error);

inline constexpr const char* kNotServing =
    "This ZooKeeper instance is not currently serving requests";

}  // namespace quorate::server
