// The side of a login that has a name and a password to show.
#include <sasl/sasl.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "server/sasl/cyrus.h"
#include "server/sasl/digest_login.h"
#include "server/sasl/digest_response.h"

namespace quorate::server {
namespace {

int client_library_started() {
  static const int result = sasl_client_init(cyrus_callbacks());
  return result;
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
/// In the library's form: its text follows the struct.
using Secret = std::unique_ptr<sasl_secret_t, Free>;

Secret make_secret(std::string_view password) {
  Secret secret(static_cast<sasl_secret_t*>(std::malloc(sizeof(sasl_secret_t) + password.size())));
  if (!secret) throw std::bad_alloc();
  secret->len = password.size();
  std::memcpy(secret->data, password.data(), password.size());
  secret->data[password.size()] = '\0';
  return secret;
}

struct Account {
  std::string user;
  Secret password;
  DigestPlace place;
};

/// The name. For whom this side wants to act is not said: that is the same one.
int give_name(void* account, int which, const char** text, unsigned* size) {
  const std::string& user = static_cast<const Account*>(account)->user;
  *text = which == SASL_CB_AUTHNAME ? user.c_str() : "";
  if (size != nullptr) *size = static_cast<unsigned>(std::strlen(*text));
  return SASL_OK;
}

int give_password(sasl_conn_t*, void* account, int, sasl_secret_t** password) {
  *password = static_cast<const Account*>(account)->password.get();
  return SASL_OK;
}

/// Nothing to say at first, answer to the challenge, proof of the server: in this order.
class AccountConversation : public SaslConversation {
 public:
  explicit AccountConversation(const Account& account) : account_(account) {
    void* context = const_cast<Account*>(&account);  // Read only, see above.
    callbacks_ = {
        sasl_callback_t{SASL_CB_LOG, as_callback(cyrus_log_nothing), nullptr},
        sasl_callback_t{SASL_CB_GETOPT, as_callback(cyrus_option), nullptr},
        sasl_callback_t{SASL_CB_USER, as_callback(give_name), context},
        sasl_callback_t{SASL_CB_AUTHNAME, as_callback(give_name), context},
        sasl_callback_t{SASL_CB_PASS, as_callback(give_password), context},
        sasl_callback_t{SASL_CB_LIST_END, nullptr, nullptr},
    };
  }

  SaslStep step(std::string_view token) override {
    if (!begun_) {
      begun_ = true;
      return {SaslStep::Kind::Challenge, std::string(), {}};
    }
    const auto plain = connection_ == nullptr ? plain_challenge(token) : plain_proof(token);
    if (!plain) return fail(SASL_BADPROT);
    if (connection_ == nullptr) {
      if (const int opened = open(); opened != SASL_OK) return fail(opened);
    }
    const char* out = nullptr;
    unsigned size = 0;
    const int result = sasl_client_step(connection_.get(), plain->data(),
                                        static_cast<unsigned>(plain->size()), nullptr, &out, &size);
    if (result == SASL_OK) return {SaslStep::Kind::LoggedIn, std::nullopt, account_.user};
    if (result != SASL_CONTINUE || out == nullptr) return fail(result);
    return {SaslStep::Kind::Challenge, std::string(out, size), {}};
  }

 private:
  static SaslStep fail(int code) {
    return {SaslStep::Kind::Failed, std::nullopt,
            std::string("the library says: ") + sasl_errstring(code, nullptr, nullptr)};
  }

  /// What the other side says is written anew before the library reads it, as of those who log in.
  std::optional<std::string> plain_challenge(std::string_view token) const {
    if (token.find('\0') != std::string_view::npos) return std::nullopt;
    const auto realm = digest_directive(token, "realm"), nonce = digest_directive(token, "nonce");
    const auto algorithm = digest_directive(token, "algorithm");
    if (realm != account_.place.host || !nonce || algorithm != "md5-sess") return std::nullopt;
    return digest_challenge(*nonce, account_.place);
  }
  static std::optional<std::string> plain_proof(std::string_view token) {
    const auto hash = digest_directive(token, "rspauth");
    constexpr std::string_view kHex = "0123456789abcdef";
    if (!hash || hash->size() != 32 || hash->find_first_not_of(kHex) != std::string::npos) {
      return std::nullopt;
    }
    return "rspauth=" + *hash;
  }

  int open() {
    sasl_conn_t* made = nullptr;
    const int opened =
        sasl_client_new(account_.place.service.data(), account_.place.host.data(), nullptr, nullptr,
                        callbacks_.data(), SASL_SUCCESS_DATA, &made);
    connection_.reset(made);
    if (opened != SASL_OK) return opened;
    if (const int set = cyrus_keep_plain(made); set != SASL_OK) return set;
    // Without room for a first token: it would be one from a login before, which Java refuses.
    const int started =
        sasl_client_start(made, kCyrusMechanism, nullptr, /*clientout=*/nullptr, nullptr, nullptr);
    return started == SASL_CONTINUE ? SASL_OK : started;
  }

  const Account& account_;
  std::array<sasl_callback_t, 6> callbacks_;
  bool begun_ = false;
  CyrusConnection connection_;  ///< From the second step on.
};

class DigestAccount : public SaslLogin {
 public:
  explicit DigestAccount(Account account) : account_(std::move(account)) {}
  std::unique_ptr<SaslConversation> begin() override {
    return std::make_unique<AccountConversation>(account_);
  }

 private:
  const Account account_;
};

}  // namespace

std::unique_ptr<SaslLogin> open_digest_account(std::string user, std::string password,
                                               const DigestPlace& place, std::string& fault) {
  // The module is tried by the other side, which every server has, too.
  if (const int started = client_library_started(); started != SASL_OK) {
    fault = std::string("the Cyrus SASL library cannot be used: ") +
            sasl_errstring(started, nullptr, nullptr);
    return nullptr;
  }
  return std::make_unique<DigestAccount>(Account{std::move(user), make_secret(password), place});
}

}  // namespace quorate::server
