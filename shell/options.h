// The program's own options.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "quorate/options.h"
#include "shell/line.h"
#include "shell/tls_files.h"

namespace quorate::shell {

struct ShellOptions {
  std::string servers = "localhost:2181";
  std::chrono::milliseconds session_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds operation_timeout{30'000};
  bool read_only = false;
  bool wait_for_connection = false;
  bool json = false;
  bool zkcli = false;
  bool sure = false;
  bool colour = true;
  bool stop_on_error = false;
  TlsFiles tls_files;
  client::TlsOptions tls;  ///< Made of tls_files.
  client::SaslOptions sasl;
  std::string sasl_password_file;    ///< First line; "" for the environment.
  std::string script;                ///< Lines come from this file; "" for none.
  std::string print;                 ///< "help", "version", "man", "bash" or "zsh": no session.
  std::vector<std::string> command;  ///< Empty: lines from stdin.

  client::ConnectOptions connect() const;
};

/// One row per option, for parsing, help, manual page and completion.
const std::vector<OptionSpec>& program_options();

/// A positive number of milliseconds; what is wrong with it, or "".
std::string take_milliseconds(const std::string& text, std::chrono::milliseconds& out);

/// Reads the program's arguments; why they cannot be understood, or "". A program called zkCli.sh
/// has zkCli's habits: unknown options are passed over.
std::string parse_options(const std::vector<std::string>& arguments, ShellOptions& options);

}  // namespace quorate::shell
