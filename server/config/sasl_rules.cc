#include "server/config/sasl_rules.h"

#include <algorithm>
#include <string_view>

#include "server/config/jaas.h"

namespace quorate::server {
namespace {

constexpr std::string_view kUser = "user_";
constexpr std::string_view kProviders = "org.apache.zookeeper.server.auth.";
constexpr std::string_view kDigestModule = "org.apache.zookeeper.server.auth.DigestLoginModule";
constexpr std::string_view kSuper = "super";

std::string wrong_module(const JaasModule& module) {
  const std::string expected =
      "expected " + std::string(kDigestModule) + " with options user_NAME=\"PASSWORD\"";
  if (module.class_name.ends_with(".Krb5LoginModule")) {
    return '"' + module.class_name +
           "\": logins by Kerberos (GSSAPI) are not available in this version; " + expected;
  }
  return '"' + module.class_name + "\": is no login module of this server; " + expected;
}

/// What is wrong with an option and its value, or "".
std::string take_user(SaslConfig& sasl, const JaasOption& option) {
  const std::string name = option.name.substr(kUser.size());
  if (name.empty()) return "user_ without a name; expected user_NAME=\"PASSWORD\"";
  if (option.value.empty()) return option.name + ": the password is empty";
  (*sasl.users)[name] = option.value;
  return {};
}

}  // namespace

std::string jaas_path(const std::string& value) {
  std::string_view path = value;
  if (path.starts_with('=')) path.remove_prefix(1);
  for (const std::string_view scheme : {"file://", "file:"}) {
    if (!path.starts_with(scheme)) continue;
    path.remove_prefix(scheme.size());
    break;
  }
  return std::string(path);
}

std::optional<ConfigFault> read_jaas_users(SaslConfig& sasl, const std::string& path,
                                           const std::string& text,
                                           std::vector<ConfigNotice>& notices) {
  const JaasResult parsed = parse_jaas(text);
  if (!parsed) return ConfigFault{path, parsed.error().line, "", parsed.error().what};
  const auto section = std::find_if(parsed->begin(), parsed->end(), [&](const JaasSection& one) {
    return one.name == sasl.section;
  });
  if (section == parsed->end()) {
    notices.push_back({'W', path + " has no section " + sasl.section +
                                " (sasl.serverconfig): nobody can log in by SASL"});
    return std::nullopt;
  }
  sasl.users.emplace();
  for (const JaasModule& module : section->modules) {
    if (module.class_name != kDigestModule) {
      return ConfigFault{path, module.line, sasl.section, wrong_module(module)};
    }
    for (const JaasOption& option : module.options) {
      if (!option.name.starts_with(kUser)) {
        notices.push_back(
            {'W', path + ':' + std::to_string(option.line) + ": option " + option.name +
                      " has no effect on a server; users are user_NAME=\"PASSWORD\""});
        continue;
      }
      std::string wrong = take_user(sasl, option);
      if (!wrong.empty()) return ConfigFault{path, option.line, sasl.section, std::move(wrong)};
    }
  }
  if (sasl.users->empty()) {
    return ConfigFault{
        path, section->line, sasl.section,
        "names no user; expected options user_NAME=\"PASSWORD\" of " + std::string(kDigestModule)};
  }
  const auto super = sasl.users->find(kSuper);
  if (super != sasl.users->end() && !sasl.super_password.empty()) {
    super->second = sasl.super_password;
  }
  return std::nullopt;
}

bool take_auth_provider(AuthConfig& auth, const std::string& class_name) {
  if (!class_name.starts_with(kProviders)) return false;
  const std::string_view name = std::string_view(class_name).substr(kProviders.size());
  if (name == "SASLAuthenticationProvider") auth.sasl.provider = true;
  if (name == "X509AuthenticationProvider") auth.x509 = true;
  // These two are always there.
  return name == "SASLAuthenticationProvider" || name == "X509AuthenticationProvider" ||
         name == "IPAuthenticationProvider" || name == "DigestAuthenticationProvider";
}

}  // namespace quorate::server
