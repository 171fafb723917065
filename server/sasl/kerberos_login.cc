#include "server/sasl/kerberos_login.h"

#include <dlfcn.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace quorate::server {
namespace {

constexpr const char* kLibrary = "libgssapi_krb5.so.2";
/// MIT's own limit; a ticket with many groups is the most that comes.
constexpr std::size_t kTokenMax = 65536;
/// Of one login: the ticket, for mutual proof an empty one, the choice of a layer.
constexpr int kStepsMax = 5;
/// No layer of its own around what follows: ZooKeeper has none (RFC 4752, section 3.1).
constexpr std::array<char, 4> kNoLayer = {1, 0, 0, 0};

// ---- The library
// ---------------------------------------------------------------------------------

/// Loaded where Kerberos is configured only: five libraries that others do not need in memory.
struct Gss {
  decltype(&::gss_import_name) import_name;
  decltype(&::gss_release_name) release_name;
  decltype(&::gss_display_name) display_name;
  decltype(&::gss_display_status) display_status;
  decltype(&::gss_release_buffer) release_buffer;
  decltype(&::gss_acquire_cred_from) acquire_cred_from;
  decltype(&::gss_release_cred) release_cred;
  decltype(&::gss_accept_sec_context) accept_sec_context;
  decltype(&::gss_delete_sec_context) delete_sec_context;
  decltype(&::gss_wrap) wrap;
  decltype(&::gss_unwrap) unwrap;
  gss_OID principal_name;  ///< GSS_KRB5_NT_PRINCIPAL_NAME
};

template <class Symbol>
bool find(void* library, const char* name, Symbol& symbol) {
  symbol = reinterpret_cast<Symbol>(::dlsym(library, name));
  return symbol != nullptr;
}

const Gss* load_library() {
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  static Gss gss{};
  const gss_OID* principal_name = nullptr;
  const bool all = find(library, "gss_import_name", gss.import_name) &&
                   find(library, "gss_release_name", gss.release_name) &&
                   find(library, "gss_display_name", gss.display_name) &&
                   find(library, "gss_display_status", gss.display_status) &&
                   find(library, "gss_release_buffer", gss.release_buffer) &&
                   find(library, "gss_acquire_cred_from", gss.acquire_cred_from) &&
                   find(library, "gss_release_cred", gss.release_cred) &&
                   find(library, "gss_accept_sec_context", gss.accept_sec_context) &&
                   find(library, "gss_delete_sec_context", gss.delete_sec_context) &&
                   find(library, "gss_wrap", gss.wrap) && find(library, "gss_unwrap", gss.unwrap) &&
                   find(library, "GSS_KRB5_NT_PRINCIPAL_NAME", principal_name);
  if (!all) return nullptr;
  gss.principal_name = *principal_name;
  return &gss;
}

/// nullptr: it is not there. Never unloaded: another server of this process may use it.
const Gss* library() {
  static const Gss* const loaded = load_library();
  return loaded;
}

gss_buffer_desc view(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

/// What the library has allocated.
class Output {
 public:
  explicit Output(const Gss& gss) : gss_(gss) {}
  ~Output() {
    OM_uint32 minor = 0;
    gss_.release_buffer(&minor, &buffer_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  gss_buffer_t fill() { return &buffer_; }
  bool empty() const { return buffer_.length == 0; }
  std::string text() const {
    return buffer_.length == 0
               ? std::string()
               : std::string(static_cast<const char*>(buffer_.value), buffer_.length);
  }

 private:
  const Gss& gss_;
  gss_buffer_desc buffer_ = GSS_C_EMPTY_BUFFER;
};

/// In the library's words, which name no secret.
std::string reason(const Gss& gss, OM_uint32 major, OM_uint32 minor) {
  std::string text;
  const auto add = [&](OM_uint32 code, int kind) {
    OM_uint32 ignored = 0, more = 0;
    Output words(gss);
    if (gss.display_status(&ignored, code, kind, GSS_C_NO_OID, &more, words.fill()) !=
        GSS_S_COMPLETE) {
      return;
    }
    text += (text.empty() ? "" : ": ") + words.text();
  };
  add(major, GSS_C_GSS_CODE);
  if (minor != 0) add(minor, GSS_C_MECH_CODE);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"') c = '\'';
  }
  return text;
}

// ---- One login
// -----------------------------------------------------------------------------------

class KerberosConversation : public SaslConversation {
 public:
  KerberosConversation(const Gss& gss, const KerberosService& service, gss_cred_id_t key)
      : gss_(gss), service_(service), key_(key) {}
  ~KerberosConversation() override {
    OM_uint32 minor = 0;
    if (context_ != GSS_C_NO_CONTEXT) {
      gss_.delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
    }
  }

  SaslStep step(std::string_view token) override {
    if (token.size() > kTokenMax) {
      return {SaslStep::Kind::Refused, {}, "a token of " + std::to_string(token.size()) + " bytes"};
    }
    if (++steps_ > kStepsMax) return fail("the login has no end");
    if (!known_) return accept(token);
    return offered_ ? judge(token) : offer();
  }

 private:
  static SaslStep fail(std::string why) { return {SaslStep::Kind::Failed, {}, std::move(why)}; }
  static SaslStep challenge(std::string token) {
    return {SaslStep::Kind::Challenge, std::move(token), {}};
  }

  /// The ticket.
  SaslStep accept(std::string_view token) {
    gss_buffer_desc in = view(token);
    OM_uint32 minor = 0;
    gss_name_t client = GSS_C_NO_NAME;
    Output out(gss_);
    const OM_uint32 major =
        gss_.accept_sec_context(&minor, &context_, key_, &in, GSS_C_NO_CHANNEL_BINDINGS, &client,
                                nullptr, out.fill(), nullptr, nullptr, nullptr);
    if (GSS_ERROR(major) != 0) return fail(reason(gss_, major, minor));
    if ((major & GSS_S_CONTINUE_NEEDED) != 0) return challenge(out.text());
    known_ = true;
    principal_ = name_of(client);
    if (principal_.empty()) return fail("the library knows no name");
    // Whoever wants proof of this server gets that first, and says nothing in return.
    return out.empty() ? offer() : challenge(out.text());
  }

  std::string name_of(gss_name_t client) {
    OM_uint32 minor = 0;
    Output text(gss_);
    const OM_uint32 major = gss_.display_name(&minor, client, text.fill(), nullptr);
    gss_.release_name(&minor, &client);
    return major == GSS_S_COMPLETE ? text.text() : std::string();
  }

  SaslStep offer() {
    offered_ = true;
    gss_buffer_desc in = view({kNoLayer.data(), kNoLayer.size()});
    OM_uint32 minor = 0;
    Output out(gss_);
    const OM_uint32 major =
        gss_.wrap(&minor, context_, /*conf_req=*/0, GSS_C_QOP_DEFAULT, &in, nullptr, out.fill());
    if (major != GSS_S_COMPLETE) return fail(reason(gss_, major, minor));
    return challenge(out.text());
  }

  /// The layer that the client has chosen. For whom it wants to act, behind that, does not count.
  SaslStep judge(std::string_view token) {
    gss_buffer_desc in = view(token);
    OM_uint32 minor = 0;
    Output out(gss_);
    const OM_uint32 major = gss_.unwrap(&minor, context_, &in, out.fill(), nullptr, nullptr);
    if (major != GSS_S_COMPLETE) return fail(reason(gss_, major, minor));
    const std::string choice = out.text();
    if (choice.size() < kNoLayer.size() || choice.front() != kNoLayer.front()) {
      return fail("the client asks for a layer of security that was not offered");
    }
    auto id = kerberos_id(service_, principal_);
    if (!id) return fail("a principal of more than two parts");
    return {SaslStep::Kind::LoggedIn, std::nullopt, std::move(*id)};
  }

  const Gss& gss_;
  const KerberosService& service_;
  const gss_cred_id_t key_;
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  bool known_ = false, offered_ = false;
  int steps_ = 0;
  std::string principal_;
};

class KerberosLogin : public SaslLogin {
 public:
  KerberosLogin(const Gss& gss, KerberosService service)
      : gss_(gss), service_(std::move(service)) {}
  ~KerberosLogin() override {
    OM_uint32 minor = 0;
    if (key_ != GSS_C_NO_CREDENTIAL) gss_.release_cred(&minor, &key_);
  }

  /// What is wrong, or "".
  std::string open() {
    OM_uint32 minor = 0;
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc in = view(service_.principal);
    OM_uint32 major = gss_.import_name(&minor, &in, gss_.principal_name, &name);
    if (major != GSS_S_COMPLETE) return reason(gss_, major, minor);
    gss_key_value_element_desc file{"keytab", service_.keytab.c_str()};
    const gss_key_value_set_desc store{1, &file};
    major = gss_.acquire_cred_from(&minor, name, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT,
                                   &store, &key_, nullptr, nullptr);
    const std::string wrong = major == GSS_S_COMPLETE ? "" : reason(gss_, major, minor);
    gss_.release_name(&minor, &name);
    return wrong;
  }

  std::unique_ptr<SaslConversation> begin() override {
    return std::make_unique<KerberosConversation>(gss_, service_, key_);
  }

 private:
  const Gss& gss_;
  const KerberosService service_;
  gss_cred_id_t key_ = GSS_C_NO_CREDENTIAL;
};

}  // namespace

std::optional<std::string> kerberos_id(const KerberosService& service, std::string_view principal) {
  const std::size_t at = principal.find('@');
  const std::string_view names = principal.substr(0, at);
  const std::string_view realm = at == std::string_view::npos ? "" : principal.substr(at + 1);
  const std::size_t slash = names.find('/');
  const bool odd =
      names.empty() || principal.find('\\') != std::string_view::npos ||
      realm.find_first_of("/@") != std::string_view::npos ||
      (slash != std::string_view::npos && names.find('/', slash + 1) != std::string_view::npos);
  if (odd) return std::nullopt;
  std::string id(service.remove_host ? names.substr(0, slash) : names);
  const std::string_view own = std::string_view(service.principal);
  const bool ours = realm == own.substr(own.find('@') + 1);
  if (!realm.empty() && !(service.remove_realm && ours)) id += '@' + std::string(realm);
  return id;
}

std::unique_ptr<SaslLogin> open_kerberos_login(KerberosService service, std::string& fault) {
  if (library() == nullptr) {
    fault = std::string("Kerberos cannot be used, ") + kLibrary +
            " cannot be loaded; it comes with the package libgssapi-krb5-2: install that";
    return nullptr;
  }
  const std::string place = service.principal + " in " + service.keytab;
  const bool readable = ::access(service.keytab.c_str(), R_OK) == 0;
  auto login = std::make_unique<KerberosLogin>(*library(), std::move(service));
  fault = readable ? login->open() : "the file cannot be read";
  if (fault.empty()) return login;
  fault = "no key of " + place + ": " + fault +
          "; `klist -k` names the principals of a keytab, which this server's user must be able to "
          "read";
  return nullptr;
}

}  // namespace quorate::server
