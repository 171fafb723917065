// What needs no KDC; with one: tests/e2e/kerberos_test.py.
#include "server/sasl/kerberos_login.h"

#include <doctest/doctest.h>

namespace quorate::server {
namespace {

std::string id(const char* principal, bool remove_host = false, bool remove_realm = false) {
  const KerberosService service{"/k", "zookeeper/zk1@R", remove_host, remove_realm};
  return kerberos_id(service, principal).value_or("nobody");
}

}  // namespace

TEST_CASE("kerberos: what lists call those who log in") {
  CHECK(id("bob@R") == "bob@R");
  CHECK(id("svc/h.example@R") == "svc/h.example@R");
  CHECK(id("svc/h.example@R", true) == "svc@R");
  CHECK(id("svc/h.example@R", false, true) == "svc/h.example");
  CHECK(id("svc/h.example@R", true, true) == "svc");
  CHECK(id("bob@R", true, true) == "bob");
}

TEST_CASE("kerberos: somebody of another realm keeps that in his name") {
  CHECK(id("bob@OTHER", true, true) == "bob@OTHER");
  CHECK(id("svc/h@OTHER", true, true) == "svc@OTHER");
  CHECK(id("bob@r", false, true) == "bob@r");
}

TEST_CASE("kerberos: names that no list can hold are nobody") {
  for (const char* name : {"a/b/c@R", "a@b@R", "@R", "a\\@b@R", "a\\/b@R", "", "/h@R/x"}) {
    CAPTURE(name);
    CHECK(id(name) == "nobody");
  }
}

TEST_CASE("kerberos: a file without the key is a fault that says where to look") {
  std::string fault;
  CHECK(open_kerberos_login({"/nonexistent/k", "zookeeper/zk1@R"}, fault) == nullptr);
  CHECK(fault.find("no key of zookeeper/zk1@R in /nonexistent/k: the file cannot be read") !=
        std::string::npos);
  CHECK(fault.find("`klist -k`") != std::string::npos);
}

}  // namespace quorate::server
