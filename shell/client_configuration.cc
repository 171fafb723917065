#include "shell/client_configuration.h"

#include <algorithm>
#include <fstream>

namespace quorate::shell {

namespace {

constexpr std::string_view kPrefix = "zookeeper.";

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\f");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\f") - first + 1);
}

bool is_true(const std::string& value) {
  std::string lower = value;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower == "true";
}

void take_store(const std::string& field, const std::string& value, TlsStore& store) {
  if (field == "location") store.location = value;
  if (field == "password") store.password = value;
  if (field == "passwordPath") store.password_file = value;
}

/// What this client cannot do must not be taken for done.
std::string refusal(const std::string& name, const std::string& value) {
  if ((name == "ssl.crl" || name == "ssl.ocsp") && is_true(value)) {
    return "=true: this client does not ask whether certificates were revoked; only false";
  }
  if (name == "ssl.context.supplier.class" && !value.empty()) {
    return ": a Java class cannot be loaded here; name key and trust store instead";
  }
  return "";
}

/// One property; what is wrong with it, or "". Names of no meaning here are passed over.
std::string take(const std::string& key, const std::string& value, ShellOptions& options) {
  // zkCli's own file may leave the first part out.
  const std::string name =
      std::string_view(key).starts_with(kPrefix) ? key.substr(kPrefix.size()) : key;
  if (std::string why = refusal(name, value); !why.empty()) return key + why;
  constexpr std::string_view kKeyStore = "ssl.keyStore.";
  constexpr std::string_view kTrustStore = "ssl.trustStore.";
  if (name == "client.secure") options.tls_files.enabled = is_true(value);
  if (name == "ssl.hostnameVerification") options.tls_files.verify_host = is_true(value);
  if (name.starts_with(kKeyStore)) {
    take_store(name.substr(kKeyStore.size()), value, options.tls_files.key_store);
  }
  if (name.starts_with(kTrustStore)) {
    take_store(name.substr(kTrustStore.size()), value, options.tls_files.trust_store);
  }
  if (name == "request.timeout" && value != "0") {
    const std::string fault = take_milliseconds(value, options.operation_timeout);
    if (!fault.empty()) return key + ": " + fault;
  }
  return "";
}

}  // namespace

std::string read_client_configuration(const std::string& file, ShellOptions& options) {
  std::ifstream in(file);
  if (!in) return "cannot read " + file;
  std::string line;
  while (std::getline(in, line)) {
    const std::string text = trim(line);
    if (text.empty() || text.front() == '#' || text.front() == '!') continue;
    const std::size_t equals = text.find_first_of("=:");
    if (equals == std::string::npos) return file + ": a line without '=': " + text;
    const std::string fault =
        take(trim(text.substr(0, equals)), trim(text.substr(equals + 1)), options);
    if (!fault.empty()) return file + ": " + fault;
  }
  return "";
}

std::string read_jvm_flags(const std::string& flags, ShellOptions& options) {
  for (const std::string& word : split_words(flags)) {
    const std::size_t equals = word.find('=');
    if (!word.starts_with("-Dzookeeper.") || equals == std::string::npos) continue;
    const std::string fault = take(word.substr(2, equals - 2), word.substr(equals + 1), options);
    if (!fault.empty()) return "JVMFLAGS: " + fault;
  }
  return "";
}

}  // namespace quorate::shell
