// The subject of a certificate as Java's X500Principal.getName() writes it: RFC 2253, the last part
// of the name first.
#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

#include "server/net/tls.h"

namespace quorate::server {
namespace {

/// The types that RFC 2253 names; all others are written as numbers, with their value in hex.
const char* keyword_of(int nid) {
  switch (nid) {
    case NID_commonName:
      return "CN";
    case NID_countryName:
      return "C";
    case NID_localityName:
      return "L";
    case NID_stateOrProvinceName:
      return "ST";
    case NID_organizationName:
      return "O";
    case NID_organizationalUnitName:
      return "OU";
    case NID_streetAddress:
      return "STREET";
    case NID_domainComponent:
      return "DC";
    case NID_userId:
      return "UID";
    default:
      return nullptr;
  }
}

bool is_text(int type) {
  switch (type) {
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_UTF8STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_GENERALSTRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
      return true;
    default:
      return false;
  }
}

std::string escaped(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  const std::size_t last = text.find_last_not_of(' ');
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool outer_blank = c == ' ' && (first == std::string_view::npos || i < first || i > last);
    if (c == '\0') {
      out += "\\00";
      continue;
    }
    if (outer_blank || std::string_view(",=+<>#;\"\\").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string hex_of(const ASN1_STRING* value) {
  ASN1_TYPE any{};
  any.type = ASN1_STRING_type(value);
  any.value.asn1_string = const_cast<ASN1_STRING*>(value);
  unsigned char* der = nullptr;
  const int size = i2d_ASN1_TYPE(&any, &der);
  std::string out = "#";
  for (int i = 0; i < size; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[der[i] >> 4];
    out += kDigits[der[i] & 15];
  }
  OPENSSL_free(der);
  return out;
}

std::string number_of(const ASN1_OBJECT* object) {
  char text[128];
  OBJ_obj2txt(text, sizeof text, object, /*no_name=*/1);
  return text;
}

std::string part_text(const X509_NAME_ENTRY* entry) {
  const ASN1_OBJECT* object = X509_NAME_ENTRY_get_object(entry);
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(entry);
  const char* keyword = keyword_of(OBJ_obj2nid(object));
  const std::string type = keyword != nullptr ? keyword : number_of(object);
  unsigned char* utf8 = nullptr;
  const bool text = keyword != nullptr && is_text(ASN1_STRING_type(value));
  const int size = text ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
  if (size < 0) return type + '=' + hex_of(value);
  std::string out = type + '=';
  out += escaped({reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)});
  OPENSSL_free(utf8);
  return out;
}

}  // namespace

std::string subject_text(const X509_NAME* name) {
  std::string out;
  const int count = X509_NAME_entry_count(name);
  // Sets are written last first; the parts of one set ("+") stay in their order.
  for (int end = count; end > 0;) {
    const int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, end - 1));
    int begin = end - 1;
    while (begin > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, begin - 1)) == set) --begin;
    for (int i = begin; i < end; ++i) {
      if (!out.empty()) out += i == begin ? "," : "+";
      out += part_text(X509_NAME_get_entry(name, i));
    }
    end = begin;
  }
  return out;
}

}  // namespace quorate::server
