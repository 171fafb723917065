#include "server/sasl/digest_login.h"

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "server/sasl/cyrus.h"
#include "server/sasl/digest_response.h"

namespace quorate::server {
namespace {

/// Java's own limit for this mechanism.
constexpr std::size_t kTokenMax = 4096;

// ---- The library, once per process
// ---------------------------------------------------------------

/// Hands the library the password of who logs in. Whose users are asked says the conversation.
int find_password(void*, sasl_server_params_t* params, unsigned flags, const char* user,
                  unsigned size) {
  if ((flags & SASL_AUXPROP_AUTHZID) != 0) return SASL_OK;
  const sasl_utils_t& library = *params->utils;
  CyrusCallback ignored = nullptr;
  void* context = nullptr;
  if (library.getcallback(library.conn, SASL_CB_CANON_USER, &ignored, &context) != SASL_OK ||
      context == nullptr) {
    return SASL_NOUSER;
  }
  const SaslUsers& users = *static_cast<const SaslUsers*>(context);
  const auto found = users.find(std::string_view(user, size));
  if (found == users.end()) return SASL_NOUSER;
  const std::string& password = found->second;
  return library.prop_set(params->propctx, SASL_AUX_PASSWORD, password.data(),
                          static_cast<int>(password.size()));
}

int init_module(const sasl_utils_t*, int newest, int* version, sasl_auxprop_plug_t** module,
                const char*) {
  static std::string name = kCyrusModule;
  static sasl_auxprop_plug_t plug{};
  if (newest < SASL_AUXPROP_PLUG_VERSION) return SASL_BADVERS;
  *version = SASL_AUXPROP_PLUG_VERSION;
  plug.name = name.data();
  plug.auxprop_lookup = find_password;
  *module = &plug;
  return SASL_OK;
}

int start_library() {
  // Without the name of an application it looks for no configuration file.
  const int started = sasl_server_init(cyrus_callbacks(), nullptr);
  return started == SASL_OK ? sasl_auxprop_add_plugin(kCyrusModule, init_module) : started;
}

/// The library's state is the process's, and a process may have several servers: it is started by
/// the first that needs it, and never ended, since another may be in the middle of a login.
int library_started() {
  static const int result = start_library();
  return result;
}

// ---- One login
// -----------------------------------------------------------------------------------

/// The name as it was sent: the library would forget blanks around it, and one user could log in as
/// another.
int keep_name(sasl_conn_t*, void*, const char* in, unsigned in_size, unsigned flags, const char*,
              char* out, unsigned out_max, unsigned* out_size) {
  // For whom the client wants to act does not count.
  const std::string_view name =
      (flags & SASL_CU_AUTHID) != 0 ? std::string_view(in, in_size) : std::string_view("anybody");
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  if (name.empty() || name.size() >= out_max || is_space(name.front()) || is_space(name.back())) {
    return SASL_BADPARAM;
  }
  std::copy(name.begin(), name.end(), out);
  out[name.size()] = '\0';
  *out_size = static_cast<unsigned>(name.size());
  return SASL_OK;
}

int allow_anyway(sasl_conn_t*, void*, const char*, unsigned, const char*, unsigned, const char*,
                 unsigned, propctx*) {
  return SASL_OK;
}

/// For a log line: of what a client calls itself, what can do no harm there.
std::string shown(std::string_view name) {
  constexpr std::size_t kShownMax = 64;
  std::string text(name.substr(0, kShownMax));
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"') c = '?';
  }
  return text;
}

/// A first token, challenge, answer, proof of the server: these two steps, in this order.
class DigestConversation : public SaslConversation {
 public:
  DigestConversation(const SaslUsers& users, const DigestPlace& place) : place_(place) {
    void* context = const_cast<SaslUsers*>(&users);  // Read only, see find_password().
    callbacks_ = {
        sasl_callback_t{SASL_CB_LOG, as_callback(cyrus_log_nothing), nullptr},
        sasl_callback_t{SASL_CB_GETOPT, as_callback(cyrus_option), nullptr},
        sasl_callback_t{SASL_CB_CANON_USER, as_callback(keep_name), context},
        sasl_callback_t{SASL_CB_PROXY_POLICY, as_callback(allow_anyway), nullptr},
        sasl_callback_t{SASL_CB_LIST_END, nullptr, nullptr},
    };
  }

  SaslStep step(std::string_view token) override {
    if (token.size() > kTokenMax) {
      return {SaslStep::Kind::Refused, {}, "a token of " + std::to_string(token.size()) + " bytes"};
    }
    // With what words a client begins is of no account to Java.
    return connection_ == nullptr ? challenge() : judge(token);
  }

 private:
  static SaslStep fail(std::string why) { return {SaslStep::Kind::Failed, {}, std::move(why)}; }
  static SaslStep fail(int code) {
    return fail(std::string("the library says: ") + sasl_errstring(code, nullptr, nullptr));
  }

  SaslStep challenge() {
    sasl_conn_t* made = nullptr;
    // The host is the realm as well; a realm of its own the library would append to the name.
    const int opened =
        sasl_server_new(place_.service.data(), place_.host.data(), /*user_realm=*/nullptr, nullptr,
                        nullptr, callbacks_.data(), SASL_SUCCESS_DATA, &made);
    connection_.reset(made);
    if (opened != SASL_OK) return fail(opened);
    if (const int set = cyrus_keep_plain(made); set != SASL_OK) return fail(set);
    const char* out = nullptr;
    unsigned size = 0;
    const int begun = sasl_server_start(made, kCyrusMechanism, nullptr, 0, &out, &size);
    if (begun != SASL_CONTINUE || out == nullptr) return fail(begun);
    const auto nonce = digest_directive(std::string_view(out, size), "nonce");
    if (!nonce) return fail("the library made no nonce");
    return {SaslStep::Kind::Challenge, digest_challenge(*nonce, place_), {}};
  }

  SaslStep judge(std::string_view token) {
    std::string fault;
    const auto response = parse_digest_response(token, place_, fault);
    if (!response) return fail(std::move(fault));
    const std::string text = response->text();
    const char* out = nullptr;
    unsigned size = 0;
    const int judged = sasl_server_step(connection_.get(), text.data(),
                                        static_cast<unsigned>(text.size()), &out, &size);
    if (judged != SASL_OK || out == nullptr) {
      return fail("wrong user or password user=" + shown(response->user));
    }
    const void* name = nullptr;
    if (sasl_getprop(connection_.get(), SASL_AUTHUSER, &name) != SASL_OK || name == nullptr) {
      return fail("the library knows no name");
    }
    return {SaslStep::Kind::LoggedIn, std::string(out, size), static_cast<const char*>(name)};
  }

  const DigestPlace place_;
  std::array<sasl_callback_t, 5> callbacks_;
  CyrusConnection connection_;  ///< From the first step on.
};

class DigestLogin : public SaslLogin {
 public:
  DigestLogin(SaslUsers users, const DigestPlace& place)
      : users_(std::move(users)), place_(place) {}
  std::unique_ptr<SaslConversation> begin() override {
    return std::make_unique<DigestConversation>(users_, place_);
  }

 private:
  const SaslUsers users_;
  const DigestPlace place_;
};

}  // namespace

std::unique_ptr<SaslLogin> open_digest_login(SaslUsers users, const DigestPlace& place,
                                             std::string& fault) {
  if (const int started = library_started(); started != SASL_OK) {
    fault = std::string("the Cyrus SASL library cannot be used: ") +
            sasl_errstring(started, nullptr, nullptr);
    return nullptr;
  }
  auto login = std::make_unique<DigestLogin>(std::move(users), place);
  const SaslStep first = login->begin()->step("");
  if (first.kind == SaslStep::Kind::Challenge) return login;
  fault = "DIGEST-MD5 cannot be used, " + first.text +
          "; it comes with the package libsasl2-modules: install that";
  return nullptr;
}

}  // namespace quorate::server
