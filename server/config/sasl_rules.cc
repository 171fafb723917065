#include "server/config/sasl_rules.h"

#include <algorithm>
#include <string_view>

#include "server/config/jaas.h"

namespace quorate::server {
namespace {

constexpr std::string_view kUser = "user_";
constexpr std::string_view kProviders = "org.apache.zookeeper.server.auth.";
constexpr std::string_view kDigestModule = "org.apache.zookeeper.server.auth.DigestLoginModule";
constexpr std::string_view kKerberosModule = "com.sun.security.auth.module.Krb5LoginModule";
constexpr std::string_view kSuper = "super";

/// What a section is there for.
struct SectionKind {
  std::string_view module;  ///< The class of its login modules.
  const char* options;      ///< How an entry of it looks.
  const char* of;           ///< Who reads it.
};
constexpr SectionKind kUsers{kDigestModule, "user_NAME=\"PASSWORD\"", "a server"};
constexpr SectionKind kKey{
    kKerberosModule, "useKeyTab=true keyTab=\"FILE\" principal=\"SERVICE/HOST@REALM\"", "a server"};
constexpr SectionKind kAccount{kDigestModule, "username=\"NAME\" password=\"PASSWORD\"",
                               "a server that logs in to others"};

std::string wrong_module(const JaasModule& module, const SectionKind& kind) {
  const std::string expected =
      "expected " + std::string(kind.module) + " with options " + kind.options;
  if (module.class_name.ends_with(".Krb5LoginModule")) {
    return '"' + module.class_name +
           "\": Kerberos (GSSAPI) is for logins of clients only, alone in its section; " + expected;
  }
  return '"' + module.class_name + "\": is no login module of this server; " + expected;
}

/// What is wrong with an option and its value, or "".
std::string take_user(SaslPasswords& users, const JaasOption& option) {
  const std::string name = option.name.substr(kUser.size());
  if (name.empty()) return "user_ without a name; expected user_NAME=\"PASSWORD\"";
  if (option.value.empty()) return option.name + ": the password is empty";
  users[name] = option.value;
  return {};
}

const JaasSection* find_section(const std::vector<JaasSection>& sections, const std::string& name) {
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [&](const JaasSection& one) { return one.name == name; });
  return found == sections.end() ? nullptr : &*found;
}

/// One section of a file, for those who say what is wrong with it.
struct Place {
  const JaasFile& file;
  const JaasSection& section;
  const SectionKind& kind;

  ConfigFault fault(int line, std::string what) const {
    return {file.path, line, section.name, std::move(what)};
  }
  ConfigNotice unused(const JaasOption& option) const {
    return {'W', file.path + ':' + std::to_string(option.line) + ": option " + option.name +
                     " has no effect on " + kind.of + "; expected is " + kind.options};
  }
};

/// Calls `take(option)` for each option of the section: what is wrong with it, or "", or nothing at
/// all when it is none that counts.
template <class Take>
std::optional<ConfigFault> read_options(const Place& place, std::vector<ConfigNotice>& notices,
                                        const Take& take) {
  for (const JaasModule& module : place.section.modules) {
    if (module.class_name != place.kind.module) {
      return place.fault(module.line, wrong_module(module, place.kind));
    }
    for (const JaasOption& option : module.options) {
      const std::optional<std::string> wrong = take(option);
      if (!wrong) notices.push_back(place.unused(option));
      if (wrong && !wrong->empty()) return place.fault(option.line, *wrong);
    }
  }
  return std::nullopt;
}

std::optional<ConfigFault> read_users(SaslPasswords& users, const Place& place,
                                      std::vector<ConfigNotice>& notices) {
  const auto take = [&](const JaasOption& option) -> std::optional<std::string> {
    if (!option.name.starts_with(kUser)) return std::nullopt;
    return take_user(users, option);
  };
  if (auto fault = read_options(place, notices, take)) return fault;
  if (!users.empty()) return std::nullopt;
  return place.fault(place.section.line, std::string("names no user; expected options ") +
                                             place.kind.options + " of " +
                                             std::string(kDigestModule));
}

std::optional<ConfigFault> read_account(QuorumAuthConfig& auth, const Place& place,
                                        std::vector<ConfigNotice>& notices) {
  const auto take = [&](const JaasOption& option) -> std::optional<std::string> {
    std::string* field = option.name == "username"   ? &auth.user
                         : option.name == "password" ? &auth.password
                                                     : nullptr;
    if (field == nullptr) return std::nullopt;
    if (option.value.empty()) return option.name + ": the value is empty";
    *field = option.value;
    return std::string();
  };
  if (auto fault = read_options(place, notices, take)) return fault;
  if (!auth.user.empty() && !auth.password.empty()) return std::nullopt;
  return place.fault(place.section.line, std::string("names no user or no password; expected ") +
                                             place.kind.options + " of " +
                                             std::string(kDigestModule));
}

/// Nothing: the option has no meaning here. Else what is wrong with it, or "".
std::optional<std::string> take_kerberos(KerberosConfig& kerberos, const JaasOption& option) {
  if (option.name == "keyTab") {
    std::string_view path = option.value;
    if (path.starts_with("FILE:")) path.remove_prefix(5);
    kerberos.keytab = path;
  } else if (option.name == "principal") {
    const std::size_t slash = option.value.find('/'), at = option.value.find('@');
    if (slash == 0 || slash > at || at == std::string::npos || at + 1 == option.value.size()) {
      return "principal: \"" + option.value + "\": expected SERVICE/HOST@REALM";
    }
    kerberos.principal = option.value;
  } else if (option.name == "useKeyTab") {
    if (option.value != "true") return "useKeyTab: a server has its key from a file; only true";
  } else if (option.name != "storeKey" && option.name != "useTicketCache" &&
             option.name != "doNotPrompt" && option.name != "debug" &&
             option.name != "isInitiator" && option.name != "refreshKrb5Config") {
    return std::nullopt;
  }
  return std::string();
}

std::optional<ConfigFault> read_kerberos(SaslConfig& sasl, const Place& place,
                                         std::vector<ConfigNotice>& notices) {
  const std::vector<JaasModule>& modules = place.section.modules;
  if (modules.size() != 1) {
    return place.fault(modules[1].line, "a second login module; a section has one");
  }
  KerberosConfig kerberos;
  const auto take = [&](const JaasOption& option) { return take_kerberos(kerberos, option); };
  if (auto fault = read_options(place, notices, take)) return fault;
  if (kerberos.keytab.empty() || kerberos.principal.empty()) {
    return place.fault(modules.front().line, std::string("names no keytab or no principal; "
                                                         "expected ") +
                                                 place.kind.options);
  }
  sasl.kerberos = std::move(kerberos);
  return std::nullopt;
}

ConfigFault broken_file(const JaasFile& file, const JaasFault& fault) {
  return {file.path, fault.line, "", fault.what};
}

ConfigFault no_section(const JaasFile& file, const std::string& name, const char* key,
                       const SectionKind& kind) {
  return {file.path, 0, "",
          "has no section " + name + " (" + key + "); expected one with " +
              std::string(kind.module) + " and options " + kind.options};
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

std::optional<ConfigFault> read_jaas_users(SaslConfig& sasl, const JaasFile& file,
                                           std::vector<ConfigNotice>& notices) {
  const JaasResult parsed = parse_jaas(file.text);
  if (!parsed) return broken_file(file, parsed.error());
  const JaasSection* section = find_section(*parsed, sasl.section);
  if (section == nullptr) return std::nullopt;
  if (!section->modules.empty() && section->modules.front().class_name == kKey.module) {
    return read_kerberos(sasl, {file, *section, kKey}, notices);
  }
  sasl.users.emplace();
  if (auto fault = read_users(*sasl.users, {file, *section, kUsers}, notices)) return fault;
  const auto super = sasl.users->find(kSuper);
  if (super != sasl.users->end() && !sasl.super_password.empty()) {
    super->second = sasl.super_password;
  }
  return std::nullopt;
}

std::string no_users_text(const SaslConfig& sasl, const std::string& path) {
  return path + " has no section " + sasl.section +
         " (sasl.serverconfig): nobody can log in by SASL";
}

std::optional<ConfigFault> read_jaas_servers(QuorumAuthConfig& auth, const JaasFile& file,
                                             std::vector<ConfigNotice>& notices) {
  const JaasResult parsed = parse_jaas(file.text);
  if (!parsed) return broken_file(file, parsed.error());
  const JaasSection* server = find_section(*parsed, auth.server_section);
  if (server == nullptr) {
    return no_section(file, auth.server_section, "quorum.auth.server.saslLoginContext", kUsers);
  }
  if (auto fault = read_users(auth.users, {file, *server, kUsers}, notices)) return fault;
  const JaasSection* learner = find_section(*parsed, auth.learner_section);
  if (learner == nullptr) {
    return no_section(file, auth.learner_section, "quorum.auth.learner.saslLoginContext", kAccount);
  }
  return read_account(auth, {file, *learner, kAccount}, notices);
}

std::optional<ConfigFault> settle_quorum_auth(const QuorumAuthConfig& auth) {
  const auto needs = [](const char* key, const char* other) {
    return ConfigFault{"", 0, key,
                       std::string("\"true\": needs ") + other + "=true; set that, too"};
  };
  if (auth.learner_requires && !auth.enabled) {
    return needs("quorum.auth.learnerRequireSasl", "quorum.auth.enableSasl");
  }
  if (auth.server_requires && !auth.enabled) {
    return needs("quorum.auth.serverRequireSasl", "quorum.auth.enableSasl");
  }
  if (auth.server_requires && !auth.learner_requires) {
    return needs("quorum.auth.serverRequireSasl", "quorum.auth.learnerRequireSasl");
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
