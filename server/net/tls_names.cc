#include "server/net/tls_names.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace quorate::server {
namespace {

struct NamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using NamesPtr = std::unique_ptr<GENERAL_NAMES, NamesFree>;

NamesPtr alternative_names(X509* certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

std::string_view view_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// Into a line of the log: what another machine wrote must not end the line or its quotes.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 255)) out += c > ' ' && c < 0x7f && c != '"' ? c : '?';
  return out;
}

std::string address_of(std::string_view bytes) {
  namespace ip = boost::asio::ip;
  if (bytes.size() == 4) {
    ip::address_v4::bytes_type four;
    std::copy(bytes.begin(), bytes.end(), four.begin());
    return ip::make_address_v4(four).to_string();
  }
  if (bytes.size() != 16) return "?";
  ip::address_v6::bytes_type sixteen;
  std::copy(bytes.begin(), bytes.end(), sixteen.begin());
  return ip::make_address_v6(sixteen).to_string();
}

std::string common_name(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "?";
  return printable(view_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

}  // namespace

bool certificate_is_for(X509* certificate, const std::string& host) {
  constexpr unsigned kWholeWildcards = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  const bool has_names = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
  ErrorCode no_number;
  boost::asio::ip::make_address(host, no_number);
  if (!no_number && has_names) return X509_check_ip_asc(certificate, host.c_str(), 0) == 1;
  const unsigned flags = kWholeWildcards | (has_names ? X509_CHECK_FLAG_NEVER_CHECK_SUBJECT : 0u);
  return X509_check_host(certificate, host.data(), host.size(), flags, nullptr) == 1;
}

std::string certificate_names(X509* certificate) {
  const NamesPtr names = alternative_names(certificate);
  if (!names) return "CN:" + common_name(certificate);
  std::string text;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const std::string_view bytes = view_of(static_cast<const ASN1_STRING*>(value));
    text += text.empty() ? "" : " ";
    text += type == GEN_DNS ? "DNS:" + printable(bytes) : "IP:" + address_of(bytes);
  }
  return text.empty() ? "no host" : text;
}

}  // namespace quorate::server
