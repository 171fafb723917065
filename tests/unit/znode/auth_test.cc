#include "znode/auth.h"

#include <doctest/doctest.h>

#include "znode/proto/error.h"

namespace quorate::znode {
namespace {

Identities after(const AuthOptions& options, const std::string& scheme, const Buffer& auth,
                 Identities identities = {{"ip", "1.2.3.4"}}) {
  REQUIRE_FALSE(authenticate(options, scheme, auth, identities));
  return identities;
}

Code refusal(const AuthOptions& options, const std::string& scheme, const Buffer& auth) {
  Identities identities{{"ip", "1.2.3.4"}};
  const Code code = to_code(authenticate(options, scheme, auth, identities));
  CHECK(identities.size() == 1);
  return code;
}

}  // namespace

TEST_CASE("auth: the digest of a password is the base64 of its hash (tree-semantics 10)") {
  CHECK(digest_id("SHA1", "bob:pw") == "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=");
  CHECK(digest_id("SHA-256", "bob:pw") == "bob:lXdkgIa9O1CDDWAryQ0pe9wUYi2LkG6M7Uocn/Vyn2g=");
  CHECK(digest_id("SHA1", "").starts_with(":"));
  CHECK(digest_id("SHA1", "alone").starts_with("alone:"));
  CHECK(digest_id("SHA1", "a:b:c").starts_with("a:"));
  CHECK(digest_id("SHA1", "a:b:c") != digest_id("SHA1", "a:b"));
}

TEST_CASE("auth: the algorithms that digestAlg may name") {
  for (const char* name :
       {"SHA1", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA3-256", "MD5"}) {
    CAPTURE(name);
    CHECK(has_digest(name));
  }
  CHECK_FALSE(has_digest("ROT13"));
}

TEST_CASE("auth: digest packets accumulate, and the same one twice is one identity") {
  AuthOptions options;
  Identities one = after(options, "digest", "bob:pw");
  CHECK(one == Identities{{"ip", "1.2.3.4"}, {"digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="}});
  CHECK(after(options, "digest", "bob:pw", one) == one);
  CHECK(after(options, "digest", "eve:pw", one).size() == 3);
}

TEST_CASE("auth: a SASL login adds its name once, and super to those who have it") {
  AuthOptions options;
  options.sasl_super_users = {"boss", "root"};
  Identities identities{{"ip", "1.2.3.4"}};
  add_sasl(options, "bob", identities);
  add_sasl(options, "bob", identities);
  CHECK(identities == Identities{{"ip", "1.2.3.4"}, {"sasl", "bob"}});
  add_sasl(options, "root", identities);
  CHECK(identities ==
        Identities{{"ip", "1.2.3.4"}, {"sasl", "bob"}, {"super", ""}, {"sasl", "root"}});
  CHECK_FALSE(requires_sasl(options));
  options.enforced = {"digest", "sasl"};
  CHECK(requires_sasl(options));
  CHECK(may_operate(options, {{"sasl", "bob"}}));
  CHECK_FALSE(may_operate(options, {{"ip", "1.2.3.4"}}));
}

TEST_CASE("auth: the super digest adds super besides digest") {
  AuthOptions options;
  CHECK(after(options, "digest", "super:pw").size() == 2);
  options.super_digest = digest_id("SHA1", "super:pw");
  const Identities both = after(options, "digest", "super:pw");
  REQUIRE(both.size() == 3);
  CHECK(both[1] == AuthId{"super", ""});
  CHECK(both[2] == AuthId{"digest", options.super_digest});
  CHECK(after(options, "digest", "super:other").size() == 2);
}

TEST_CASE("auth: what is refused with AuthFailed") {
  AuthOptions options;
  for (const char* scheme : {"world", "auth", "super", "sasl", "x509", "nobody", ""}) {
    CAPTURE(scheme);
    CHECK(refusal(options, scheme, "bob:pw") == Code::AuthFailed);
  }
  CHECK(refusal(options, "digest", std::nullopt) == Code::AuthFailed);
  options.digest_enabled = false;
  CHECK(refusal(options, "digest", "bob:pw") == Code::AuthFailed);
}

TEST_CASE("auth: ip and x509 say again what the connection has proved") {
  AuthOptions options;
  CHECK(after(options, "ip", std::nullopt).size() == 1);
  const Identities secure{{"ip", "1.2.3.4"}, {"x509", "CN=bob"}};
  CHECK(after(options, "x509", std::nullopt, secure) == secure);
}

TEST_CASE("auth: text that is no UTF-8 is read as Java reads it") {
  CHECK(after({}, "digest", "b\xff:pw") == after({}, "digest", "b\xef\xbf\xbd:pw"));
}

TEST_CASE("auth: a connection starts with its address, spelled as Java does") {
  struct Row {
    const char* address;
    const char* id;
  };
  for (const Row& row : {Row{"10.0.0.1", "10.0.0.1"}, Row{"::1", "0:0:0:0:0:0:0:1"},
                         Row{"fe80::1:2", "fe80:0:0:0:0:0:1:2"}, Row{"::", "0:0:0:0:0:0:0:0"},
                         Row{"1::", "1:0:0:0:0:0:0:0"}, Row{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
                         Row{"::ffff:10.0.0.1", "10.0.0.1"}}) {
    CAPTURE(row.address);
    CHECK(first_identities({}, row.address, {}) == Identities{{"ip", row.id}});
  }
}

TEST_CASE("auth: a certificate is an identity, and super when its subject is the super user's") {
  AuthOptions options;
  const Identities proved{{"x509", "CN=admin,O=x"}};
  CHECK(first_identities(options, "1.1.1.1", proved).size() == 2);
  options.x509_super_user = "CN=admin,O=x";
  CHECK(first_identities(options, "1.1.1.1", proved) ==
        Identities{{"ip", "1.1.1.1"}, {"super", "CN=admin,O=x"}, {"x509", "CN=admin,O=x"}});
  CHECK(first_identities(options, "1.1.1.1", {{"x509", "CN=other"}}).size() == 2);
}

TEST_CASE("auth: with enforced schemes one of them must have been proved") {
  AuthOptions options;
  const Identities address{{"ip", "1.2.3.4"}}, known{{"ip", "1.2.3.4"}, {"digest", "a:b"}};
  CHECK(may_operate(options, address));
  options.enforced = {"digest", "x509"};
  CHECK_FALSE(may_operate(options, address));
  CHECK(may_operate(options, known));
  options.enforced = {"ip"};
  CHECK(may_operate(options, address));
}

TEST_CASE("auth: subjects of certificates") {
  for (const char* good : {"CN=bob", "cn=bob,O=Acme\\, Inc.,C=DE", "CN=\"a,b\",OU=x", "1.2.840=x",
                           "OID.1.2=x", "CN=a+OU=b", "CN=", "", "C=a;O=b", "CN=#0500"}) {
    CAPTURE(good);
    CHECK(is_distinguished_name(good));
  }
  for (const char* bad : {"bob", "CN", "X=bob", "CN=bob,", "CN=bob,,O=x", "CN=\"open", "CN=\"a\"b",
                          "CN=a\\", "=x", ".1=x", "1..2=x"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_distinguished_name(bad));
  }
}

}  // namespace quorate::znode
