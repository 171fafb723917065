#include <doctest/doctest.h>
#include <openssl/x509.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "server/net/tls.h"

namespace quorate::server {
namespace {

struct Part {
  const char* type;
  const char* value;
  int set = 0;  ///< -1: in one set with the part before.
};

std::string text_of(std::initializer_list<Part> parts) {
  const std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)> name(X509_NAME_new(),
                                                                   &X509_NAME_free);
  for (const Part& part : parts) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(part.value);
    REQUIRE(X509_NAME_add_entry_by_txt(name.get(), part.type, MBSTRING_UTF8, bytes, -1, -1,
                                       part.set) == 1);
  }
  return subject_text(name.get());
}

}  // namespace

TEST_CASE("subject: the last part of the name comes first, as in RFC 2253") {
  CHECK(text_of({{"C", "DE"}, {"ST", "Berlin"}, {"O", "Acme"}, {"OU", "Ops"}, {"CN", "worker"}}) ==
        "CN=worker,OU=Ops,O=Acme,ST=Berlin,C=DE");
  CHECK(text_of({{"DC", "org"}, {"DC", "example"}, {"UID", "joe"}}) == "UID=joe,DC=example,DC=org");
}

TEST_CASE("subject: what has a meaning in the text is escaped, as Java does it") {
  CHECK(text_of({{"O", "Acme, Inc."}}) == "O=Acme\\, Inc.");
  CHECK(text_of({{"CN", "a+b=c<d>e;f\"g\\h#i"}}) == "CN=a\\+b\\=c\\<d\\>e\\;f\\\"g\\\\h\\#i");
  CHECK(text_of({{"CN", " outer blanks "}}) == "CN=\\ outer blanks\\ ");
  CHECK(text_of({{"CN", "M\xc3\xbcller"}}) == "CN=M\xc3\xbcller");
}

TEST_CASE("subject: parts of one set are joined by a plus") {
  CHECK(text_of({{"O", "Acme"}, {"OU", "Ops"}, {"CN", "worker", -1}}) == "OU=Ops+CN=worker,O=Acme");
}

TEST_CASE("subject: types that RFC 2253 does not name are numbers, with their value in hex") {
  CHECK(text_of({{"CN", "a"}, {"emailAddress", "a@b"}}) == "1.2.840.113549.1.9.1=#1603614062,CN=a");
}

}  // namespace quorate::server
