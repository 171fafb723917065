#include "shell/options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "shell/client_configuration.h"

namespace quorate::shell {

const std::vector<OptionSpec>& program_options() {
  static const std::vector<OptionSpec> rows{
      {"server", "host:port[,host:port...][/chroot]", "servers to connect to (localhost:2181)"},
      {"timeout", "ms", "session timeout (30000)"},
      {"connect-timeout", "ms", "how long to look for a server (5000)"},
      {"r", "", "a server without a quorum will do, for reading"},
      {"waitforconnection", "", "as zkCli; this shell always waits"},
      {"client-configuration", "file", "properties of the client, as zkCli reads them"},
      {"tls", "", "speak TLS: the servers' secure port"},
      {"ca", "file", "trust these authorities (the system's); PEM or PKCS12; turns TLS on"},
      {"cert", "file", "this client's certificate, PEM or PKCS12; turns TLS on"},
      {"key", "file", "its key, where that stands in a file of its own"},
      {"key-password-file", "file", "the first line of this file opens the key"},
      {"any-host", "", "the server's certificate may be for another host"},
      {"sasl-user", "name", "log in by SASL (DIGEST-MD5)"},
      {"sasl-password-file", "file", "with the first line of this file ($QUORATE_SASL_PASSWORD)"},
      {"f", "file", "read the commands from a file; - is stdin"},
      {"stop-on-error", "", "with -f or stdin: end at the first command that fails"},
      {"y", "", "yes to every question"},
      {"json", "", "every answer as JSON, one document a line"},
      {"no-colour", "", "no colours on a terminal either"},
      {"zkcli", "", "zkCli's streams, banner and exit codes; also when called zkCli.sh"},
      {"help", "", "print this"},
      {"version", "", "print the version"},
      {"print", "man|bash|zsh", "print the manual page or a completion file"},
  };
  return rows;
}

client::ConnectOptions ShellOptions::connect() const {
  client::ConnectOptions out(servers);
  out.session_timeout = session_timeout;
  out.connect_timeout = connect_timeout;
  out.operation_timeout = operation_timeout;
  out.read_only = read_only;
  out.reply_bytes_max = 1 << 29;  // The names of millions of children come in one answer.
  out.tls = tls;
  out.sasl = sasl;
  return out;
}

std::string take_milliseconds(const std::string& text, std::chrono::milliseconds& out) {
  const std::optional<int> ms = parse_int(text);
  if (!ms || *ms <= 0) return "not a number of milliseconds: " + text;
  out = std::chrono::milliseconds(*ms);
  return "";
}

namespace {

/// True when `name` was one of them.
bool apply_tls(const std::string& name, const std::string& value, TlsFiles& files) {
  if (name == "tls") {
    files.enabled = true;
  } else if (name == "ca") {
    files.trust_store.location = value;
    files.enabled = true;
  } else if (name == "cert") {
    files.key_store.location = value;
    files.enabled = true;
  } else if (name == "key") {
    files.key_file = value;
    files.enabled = true;
  } else if (name == "key-password-file") {
    files.key_store.password_file = value;
  } else if (name == "any-host") {
    files.verify_host = false;
  } else {
    return false;
  }
  return true;
}

std::string apply(const std::string& name, const std::string& value, ShellOptions& out) {
  if (apply_tls(name, value, out.tls_files)) return "";
  if (name == "sasl-user") out.sasl.user = value;
  if (name == "sasl-password-file") out.sasl_password_file = value;
  if (name == "server") out.servers = value;
  if (name == "timeout") return take_milliseconds(value, out.session_timeout);
  if (name == "connect-timeout") return take_milliseconds(value, out.connect_timeout);
  if (name == "r") out.read_only = true;
  if (name == "waitforconnection") out.wait_for_connection = true;
  if (name == "client-configuration") return read_client_configuration(value, out);
  if (name == "f") out.script = value;
  if (name == "stop-on-error") out.stop_on_error = true;
  if (name == "y") out.sure = true;
  if (name == "json") out.json = true;
  if (name == "no-colour") out.colour = false;
  if (name == "zkcli") out.zkcli = true;
  if (name == "help" || name == "version") out.print = name;
  if (name == "print") {
    out.print = value;
    if (value != "man" && value != "bash" && value != "zsh") return "cannot print " + value;
  }
  return "";
}

/// Finds the password; what is wrong, or "".
std::string settle_sasl(ShellOptions& out) {
  if (out.sasl.user.empty()) {
    return out.sasl_password_file.empty() ? "" : "--sasl-password-file needs --sasl-user";
  }
  if (out.sasl_password_file.empty()) {
    const char* password = std::getenv("QUORATE_SASL_PASSWORD");
    if (password != nullptr) out.sasl.password = password;
  } else {
    std::ifstream file(out.sasl_password_file);
    if (!file) return "cannot read " + out.sasl_password_file;
    std::getline(file, out.sasl.password);
    if (out.sasl.password.ends_with('\r')) out.sasl.password.pop_back();
  }
  if (!out.sasl.password.empty()) return "";
  return "--sasl-user needs a password: --sasl-password-file FILE, or $QUORATE_SASL_PASSWORD";
}

}  // namespace

std::string parse_options(const std::vector<std::string>& arguments, ShellOptions& options) {
  std::size_t at = 0;
  for (; at < arguments.size() && arguments[at].size() > 1 && arguments[at][0] == '-'; ++at) {
    const std::string& word = arguments[at];
    const std::string name = word.substr(word.starts_with("--") ? 2 : 1);
    const auto& rows = program_options();
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const OptionSpec& each) { return name == each.name; });
    if (row == rows.end()) {
      if (options.zkcli) continue;
      return "unknown option " + word;
    }
    std::string value;
    if (row->takes_value()) {
      if (at + 1 == arguments.size()) return word + " needs a value: " + row->value;
      value = arguments[++at];
    }
    if (std::string fault = apply(name, value, options); !fault.empty()) return fault;
  }
  options.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  if (!options.script.empty() && !options.command.empty()) {
    return "either -f or a command, not both: " + options.command.front();
  }
  if (!options.print.empty()) return "";
  std::string fault = settle_tls(options.tls_files, options.tls);
  return fault.empty() ? settle_sasl(options) : fault;
}

}  // namespace quorate::shell
