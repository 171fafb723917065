#include "server/admin/rights.h"

#include <doctest/doctest.h>

#include "tests/support/standalone_replica.h"

namespace quorate::server {
namespace {

constexpr ConnectionId kClient{1};

struct RightsFixture {
  StandaloneReplica server;
  znode::AuthOptions options;

  RightsFixture() {
    server.client(kClient);
    options.super_digest = znode::digest_id("SHA1", "super:secret");
  }
  void set_root_acl(AclList list) {
    server.put(kClient, 1, OpCode::SetAcl, SetAclRequest{"/", std::move(list), -1});
    server.settle();
    REQUIRE(server.must_take(kClient).header.err == Code::Ok);
  }
  Admission ask(const char* authorization, bool skip_acl = false) {
    return admission_of({authorization, "127.0.0.1"}, options, skip_acl, server.replica->tree());
  }
};

}  // namespace

TEST_CASE_FIXTURE(RightsFixture, "rights: who is not proved is nobody (configuration 9)") {
  for (const char* given : {"", " ", "digest", "digest  bob:pw", "digest bob:pw ", "digest bob: pw",
                            "x509", "world anyone", "sasl bob", "super secret"}) {
    CAPTURE(given);
    CHECK(ask(given) == Admission::NotAuthenticated);
  }
}

TEST_CASE_FIXTURE(RightsFixture, "rights: whoever is proved, where the root is open to the world") {
  for (const char* given : {"digest bob:pw", "ip", "ip anything", "digest super:secret"}) {
    CAPTURE(given);
    CHECK(ask(given) == Admission::Allowed);
  }
}

TEST_CASE_FIXTURE(RightsFixture, "rights: each of the five bits, from one entry or several") {
  const AuthId bob{"digest", znode::digest_id("SHA1", "bob:pw")};
  const AuthId here{"ip", "127.0.0.1"};
  const AuthId anyone{"world", "anyone"};
  set_root_acl({{perm::kAll & ~perm::kDelete, bob}, {perm::kRead, anyone}, {perm::kAll, here}});
  CHECK(ask("digest bob:pw") == Admission::NotAuthorized);
  CHECK(ask("digest ann:pw") == Admission::NotAuthorized);
  CHECK(ask("digest ann:pw", /*skip_acl=*/true) == Admission::Allowed);
  CHECK(ask("ip") == Admission::Allowed);
  CHECK(ask("digest super:secret") == Admission::Allowed);
}

TEST_CASE_FIXTURE(RightsFixture, "rights: bits of several entries add up") {
  const AuthId bob{"digest", znode::digest_id("SHA1", "bob:pw")};
  set_root_acl({{perm::kAll & ~perm::kRead, bob}, {perm::kRead, {"world", "anyone"}}});
  CHECK(ask("digest bob:pw") == Admission::Allowed);
  CHECK(ask("digest ann:pw") == Admission::NotAuthorized);
}

}  // namespace quorate::server
