#include "znode/acl.h"

#include <doctest/doctest.h>

#include "znode/acl_table.h"

namespace quorate::znode {
namespace {

AclList one(std::string scheme, std::string id, std::int32_t perms = perm::kAll) {
  return {{perms, {std::move(scheme), std::move(id)}}};
}

}  // namespace

TEST_CASE("ACL: which lists may be stored (tree-semantics 10)") {
  struct Row {
    AclList list;
    bool valid;
  };
  for (const Row& row : {
           Row{{}, false},
           Row{one("world", "anyone"), true},
           Row{one("world", "someone"), false},
           Row{one("super", ""), false},
           Row{one("nobody", "x"), false},
           Row{one("digest", "user:hash"), true},
           Row{one("digest", "user"), false},
           Row{one("digest", "user:"), false},
           Row{one("digest", ":hash"), true},
           Row{one("digest", "a:b:c"), false},
           Row{one("ip", "10.0.0.1"), true},
           Row{one("ip", "10.0.0.0/0"), true},
           Row{one("ip", "10.0.0.0/32"), true},
           Row{one("ip", "10.0.0.0/33"), false},
           Row{one("ip", "10.0.0.0/x"), false},
           Row{one("ip", "localhost"), false},
           Row{one("ip", "10.0.0"), false},
           Row{one("ip", "10.0.0.256"), false},
           Row{one("ip", "10.0.0.01"), true},  // as Java reads numbers
           Row{one("ip", "1:2:3:4:5:6:7:8/64"), true},
           Row{one("ip", "1:2:3:4:5:6:7"), false},
           Row{one("ip", "1::2::3"), false},
           Row{one("ip", "1:2:3:4::5:6:7:8"), false},
           Row{one("ip", "::12345"), false},
           Row{one("ip", "::g"), false},
           Row{one("ip", ":::"), false},
           Row{one("ip", "::ffff:1.2.3.4"), false},
           Row{one("x509", "CN=bob"), false},  // without TLS there is no such scheme
           Row{one("sasl", "bob"), false},     // nor this one without its provider
           Row{one("ip", "::1/128"), true},
           Row{one("ip", "::1/129"), false},
           Row{one("auth", ""), false},  // an address alone proves nobody
           Row{one("world", "anyone", 0), true},
           Row{one("world", "anyone", 0xff), true},
       }) {
    CHECK(fixed_acl(row.list, {{"ip", "10.0.0.1"}}).has_value() == row.valid);
  }
}

TEST_CASE("ACL: schemes that the configuration switches on and off") {
  CHECK(fixed_acl(one("x509", "CN=bob"), {}, {.x509 = true}).has_value());
  CHECK_FALSE(fixed_acl(one("x509", "bob"), {}, {.x509 = true}).has_value());
  CHECK_FALSE(fixed_acl(one("digest", "a:b"), {}, {.digest = false}).has_value());
  CHECK(*fixed_acl(one("auth", ""), {{"super", "CN=a"}, {"x509", "CN=a"}}) == one("x509", "CN=a"));
}

TEST_CASE("ACL: names and principals that a list may give to sasl") {
  for (const char* id :
       {"bob", "", "bob/host", "a/b/c", "bob@REALM", "svc/host@REALM", "@", "/@"}) {
    CAPTURE(id);
    CHECK(fixed_acl(one("sasl", id), {}, {.sasl = true}).has_value());
  }
  for (const char* id : {"a@b@c", "a/b/c@R", "a@R/x", "a@@"}) {
    CAPTURE(id);
    CHECK_FALSE(fixed_acl(one("sasl", id), {}, {.sasl = true}).has_value());
  }
}

TEST_CASE("ACL: duplicates go, the first position stays; auth becomes the proved identities") {
  const AclList list{{1, {"world", "anyone"}}, {31, {"auth", "ignored"}}, {1, {"world", "anyone"}}};
  const Identities me{{"ip", "1.2.3.4"}, {"digest", "bob:x"}, {"sasl", "bob"}};
  CHECK(*fixed_acl(list, me, {.sasl = true}) ==
        AclList{{1, {"world", "anyone"}}, {31, {"digest", "bob:x"}}, {31, {"sasl", "bob"}}});
  // As in ZooKeeper, whose providers `auth` asks: one that is not there speaks for nobody.
  CHECK(*fixed_acl(list, me) == AclList{{1, {"world", "anyone"}}, {31, {"digest", "bob:x"}}});
}

TEST_CASE("ACL: who is let through") {
  const Identities me{{"ip", "10.1.2.3"}, {"digest", "bob:x"}};
  CHECK(permits({}, me, perm::kWrite));
  CHECK(permits(one("world", "anyone", perm::kRead), {}, perm::kRead | perm::kAdmin));
  CHECK_FALSE(permits(one("world", "anyone", perm::kRead), me, perm::kWrite));
  CHECK(permits(one("digest", "bob:x"), me, perm::kRead));
  CHECK_FALSE(permits(one("digest", "bob:y"), me, perm::kRead));
  CHECK(permits(one("ip", "10.1.2.3"), me, perm::kRead));
  CHECK(permits(one("ip", "10.1.0.0/16"), me, perm::kRead));
  CHECK(permits(one("ip", "10.1.2.2/31"), me, perm::kRead));
  CHECK_FALSE(permits(one("ip", "10.1.2.0/31"), me, perm::kRead));
  CHECK(permits(one("ip", "0.0.0.0/0"), me, perm::kRead));
  CHECK_FALSE(permits(one("ip", "::/0"), me, perm::kRead));
  CHECK(permits(one("ip", "fe80::/10"), {{"ip", "fe80::1"}}, perm::kRead));
  CHECK(permits(one("ip", "::1"), {{"ip", "0:0:0:0:0:0:0:1"}}, perm::kRead));
  CHECK(permits(one("x509", "CN=bob"), {{"x509", "CN=bob"}}, perm::kRead));
  CHECK_FALSE(permits(one("x509", "CN=bob"), {{"x509", "CN=eve"}}, perm::kRead));
  CHECK(permits(one("sasl", "bob"), {{"sasl", "bob"}}, perm::kRead));
  CHECK_FALSE(permits(one("sasl", "bob"), {{"sasl", "eve"}}, perm::kRead));
  CHECK_FALSE(permits(one("sasl", "bob"), {{"digest", "bob"}}, perm::kRead));
  // The SASL user `super` passes where a sasl entry would let somebody pass, and nowhere else.
  CHECK(permits(one("sasl", "bob", perm::kRead), {{"sasl", "super"}}, perm::kRead));
  CHECK_FALSE(permits(one("sasl", "bob", perm::kRead), {{"sasl", "super"}}, perm::kWrite));
  CHECK_FALSE(permits(one("digest", "bob:x"), {{"sasl", "super"}}, perm::kRead));
  CHECK(permits(one("digest", "other:x"), {{"super", ""}}, perm::kAdmin));
  CHECK_FALSE(permits(one("world", "anyone", 0), me, perm::kAll));
}

TEST_CASE("ACL table: one entry per distinct list, counted by its users") {
  AclTable table;
  CHECK(table.acquire(open_acl()) == kOpenAcl);
  const AclKey key = table.acquire(one("ip", "1.1.1.1"));
  CHECK(table.acquire(one("ip", "1.1.1.1")) == key);
  CHECK(table.size() == 1);
  CHECK_FALSE(table.release(key));
  CHECK(table.list(key) == one("ip", "1.1.1.1"));
  CHECK(table.release(key));
  CHECK(table.size() == 0);
  CHECK(table.acquire(one("ip", "1.1.1.1")) > key);
  table.clear();
  table.load(7, one("ip", "2.2.2.2"));
  table.load(9, one("ip", "2.2.2.2"));  // A foreign table may hold one list twice.
  table.acquire(AclKey{9});
  CHECK(table.drop_unused() == std::vector<AclKey>{7});
  CHECK(table.list(9) == one("ip", "2.2.2.2"));
  CHECK(table.acquire(one("ip", "3.3.3.3")) == 10);
}

}  // namespace quorate::znode
