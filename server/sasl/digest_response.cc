#include "server/sasl/digest_response.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace quorate::server {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// Cuts directives off the front of a token.
class Directives {
 public:
  explicit Directives(std::string_view token) : left_(token) {}

  /// False at the end, and where what follows is no directive.
  bool next(std::string& name, std::string& value) {
    while (!left_.empty() && (is_blank(left_.front()) || left_.front() == ',')) take();
    if (left_.empty()) return false;
    const std::size_t equals = left_.find('=');
    // A name alone at the end is passed over, as Java does.
    if (equals == std::string_view::npos)
      return left_.find(',') != std::string_view::npos && fail();
    std::string_view word = left_.substr(0, equals);
    while (!word.empty() && is_blank(word.back())) word.remove_suffix(1);
    if (word.empty() || word.find_first_of(" \t\r\n,") != std::string_view::npos) return fail();
    name = word;
    left_.remove_prefix(equals + 1);
    skip_blanks();
    if (!(left_.starts_with('"') ? quoted(value) : bare(value))) return fail();
    skip_blanks();
    return left_.empty() || left_.front() == ',' || fail();
  }
  bool broken() const { return broken_; }

 private:
  void take() { left_.remove_prefix(1); }
  void skip_blanks() {
    while (!left_.empty() && is_blank(left_.front())) take();
  }
  bool fail() {
    broken_ = true;
    return false;
  }
  bool quoted(std::string& value) {
    value.clear();
    for (take(); !left_.empty() && left_.front() != '"'; take()) {
      if (left_.front() == '\\') take();
      if (left_.empty()) return false;
      value += left_.front();
    }
    if (left_.empty()) return false;
    take();
    return true;
  }
  bool bare(std::string& value) {
    const std::size_t end = std::min(left_.find_first_of(" \t\r\n,"), left_.size());
    value = left_.substr(0, end);
    left_.remove_prefix(end);
    return !value.empty() && value.find('"') == std::string::npos;
  }

  std::string_view left_;
  bool broken_ = false;
};

enum Name { kUser, kRealm, kNonce, kCnonce, kQop, kUri, kResponse, kCharset, kAuthzid };
constexpr std::array<std::string_view, 11> kNameTexts = {
    "username", "realm",   "nonce",   "cnonce", "qop",   "digest-uri",
    "response", "charset", "authzid", "cipher", "maxbuf"};

using Values = std::array<std::optional<std::string>, kNameTexts.size()>;

bool read_values(std::string_view token, Values& values, std::string& fault) {
  // The library ends its texts there.
  if (token.find('\0') != std::string_view::npos) return fault = "malformed token", false;
  Directives directives(token);
  for (std::string name, value; directives.next(name, value);) {
    const auto known = std::find_if(kNameTexts.begin(), kNameTexts.end(),
                                    [&](std::string_view text) { return same_word(text, name); });
    if (known == kNameTexts.end()) continue;
    auto& field = values[static_cast<std::size_t>(known - kNameTexts.begin())];
    if (field) return fault = std::string(*known) + " comes twice", false;
    field = std::move(value);
  }
  if (directives.broken()) return fault = "malformed token", false;
  return true;
}

/// What is wrong, or "".
std::string check(const Values& values, const DigestPlace& place) {
  for (const Name name : {kUser, kNonce, kCnonce, kUri, kResponse}) {
    if (!values[name]) return std::string(kNameTexts[name]) + " is missing";
  }
  if (values[kRealm] != place.host) return "another realm than " + std::string(place.host);
  if (values[kCharset] && values[kCharset] != "utf-8") return "another charset than utf-8";
  if (values[kQop] && values[kQop] != "auth") return "another qop than auth";
  const std::string uri = std::string(place.service) + '/' + std::string(place.host);
  if (!same_word(*values[kUri], uri)) return "another digest-uri than " + uri;
  return {};
}

std::string quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace

std::string DigestResponse::text() const {
  std::string text = "charset=utf-8,username=" + quoted(user) + ",realm=" + quoted(place.host) +
                     ",nonce=" + quoted(nonce) + ",nc=00000001,cnonce=" + quoted(cnonce) +
                     ",digest-uri=" + quoted(uri) + ",response=" + quoted(response) + ",qop=auth";
  if (authzid) text += ",authzid=" + quoted(*authzid);
  return text;
}

std::optional<DigestResponse> parse_digest_response(std::string_view token,
                                                    const DigestPlace& place, std::string& fault) {
  Values values;
  if (!read_values(token, values, fault)) return std::nullopt;
  fault = check(values, place);
  if (!fault.empty()) return std::nullopt;
  return DigestResponse{place,         *values[kUser],     *values[kNonce], *values[kCnonce],
                        *values[kUri], *values[kResponse], values[kAuthzid]};
}

std::optional<std::string> digest_directive(std::string_view token, std::string_view wanted) {
  Directives directives(token);
  for (std::string name, value; directives.next(name, value);) {
    if (same_word(name, wanted)) return value;
  }
  return std::nullopt;
}

std::string digest_challenge(std::string_view nonce, const DigestPlace& place) {
  return "realm=" + quoted(place.host) + ",nonce=" + quoted(nonce) +
         ",charset=utf-8,algorithm=md5-sess";
}

}  // namespace quorate::server
