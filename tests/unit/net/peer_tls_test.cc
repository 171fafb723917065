#include "server/net/peer_tls.h"

#include <doctest/doctest.h>

#include <csignal>
#include <memory>

#include "consensus/codec.h"
#include "server/net/election_links.h"
#include "server/net/peer_links.h"
#include "server/net/tls_names.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/net/loopback.h"
#include "tests/unit/net/test_certificates.h"

namespace quorate::server {
namespace {

/// Servers 1 and 2 on one loop, each with its own certificate.
struct TlsPair {
  TlsPair() {
    std::signal(SIGPIPE, SIG_IGN);
    authority.write(path("ca.pem"));
    for (int id : {1, 2}) give(id, "IP:127.0.0.1");
  }

  std::string path(const std::string& name) const { return folder.path() + '/' + name; }
  std::string key_file(int id) const { return path(std::to_string(id) + ".pem"); }
  void give(int id, const std::string& names, int days = 1) {
    TestAuthority::write(key_file(id), authority.issue("server", names, days));
  }
  consensus::Ensemble ensemble() const {
    return consensus::Ensemble({{ServerId{1}, "127.0.0.1", quorum[0], election[0], false, ""},
                                {ServerId{2}, hosts_two, quorum[1], election[1], false, ""}});
  }
  PeerTlsOptions options(int id) const {
    PeerTlsOptions out;
    out.config.key_store.location = key_file(id);
    out.config.trust_store.location = path("ca.pem");
    out.config.client_hostname_verification = true;
    out.config.handshake_timeout_ms = 300;
    out.connects = true;
    out.ensemble = ensemble();
    return out;
  }
  void start(int id, PeerTlsOptions tls_options, bool plain = false) {
    const auto at = static_cast<std::size_t>(id - 1);
    RecordingInbox& own = inbox[at];
    if (!plain) {
      tls[at] = std::make_unique<PeerTls>(std::move(tls_options),
                                          [&own](char s, const std::string& t) { own.note(s, t); });
      std::string fault;
      REQUIRE_MESSAGE(tls[at]->load(fault), fault);
    }
    PeerLinkOptions peer;
    peer.ensemble = ensemble();
    peer.listen_address = "127.0.0.1";
    peer.listen_port = quorum[at];
    peer.tls = tls[at].get();
    links[at] = std::make_unique<PeerLinks>(io, peer, own);
    REQUIRE_FALSE(links[at]->listen());
    links[at]->start();
    ElectionLinkOptions votes;
    votes.self = ServerId{id};
    votes.ensemble = ensemble();
    votes.listen_address = "127.0.0.1";
    votes.listen_port = election[at];
    votes.tls = tls[at].get();
    elections[at] = std::make_unique<ElectionLinks>(io, votes, Random(1), own);
    REQUIRE_FALSE(elections[at]->listen());
    elections[at]->start();
  }
  void start_both() {
    for (int id : {1, 2}) start(id, options(id));
  }
  bool noted(int id, std::string_view one, std::string_view two = "") const {
    for (const std::string& line : inbox[static_cast<std::size_t>(id - 1)].notes) {
      if (line.find(one) != std::string::npos && line.find(two) != std::string::npos) return true;
    }
    return false;
  }
  template <class Condition>
  bool until(Condition condition) {
    return run_until(io, condition);
  }

  test::TemporaryFolder folder;
  TestAuthority authority{"authority"};
  asio::io_context io;
  RecordingInbox inbox[2];
  std::string hosts_two = "127.0.0.1";
  std::uint16_t quorum[2] = {free_port(), free_port()};
  std::uint16_t election[2] = {free_port(), free_port()};
  std::unique_ptr<PeerTls> tls[2];
  std::unique_ptr<PeerLinks> links[2];
  std::unique_ptr<ElectionLinks> elections[2];
};

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

SharedBytes shared(const std::string& text) {
  Bytes bytes;
  append(bytes, as_bytes(text));
  return SharedBytes(std::move(bytes));
}

}  // namespace

TEST_CASE("certificate: it is for its subjectAltNames, and for its common name only without any") {
  struct Row {
    const char* common_name;
    const char* names;
    const char* host;
    bool expected;
  };
  const TestAuthority authority("authority");
  for (const Row& row :
       {Row{"zk1", "", "zk1", true}, Row{"zk1", "", "zk2", false},
        Row{"10.0.0.1", "", "10.0.0.1", true}, Row{"zk1", "DNS:zk2", "zk1", false},
        Row{"zk1", "DNS:zk2", "ZK2", true}, Row{"zk1", "IP:10.0.0.1", "zk1", false},
        Row{"zk1", "IP:10.0.0.1", "10.0.0.1", true},
        Row{"10.0.0.2", "IP:10.0.0.1", "10.0.0.2", false},
        Row{"x", "DNS:10.0.0.1", "10.0.0.1", false}, Row{"x", "IP:::1", "::1", true},
        Row{"x", "DNS:*.a.org", "b.a.org", true}, Row{"x", "DNS:*.a.org", "c.b.a.org", false},
        Row{"x", "DNS:b*.a.org", "bc.a.org", false}, Row{"x", "email:zk1@a.org", "x", false},
        Row{"zk1", "", "", false}}) {
    CAPTURE(row.common_name);
    CAPTURE(row.names);
    CAPTURE(row.host);
    const auto issued = authority.issue(row.common_name, row.names);
    CHECK(certificate_is_for(issued.certificate.get(), row.host) == row.expected);
  }
}

TEST_CASE("certificate: its names as the log shows them cannot forge a line") {
  const TestAuthority authority("authority");
  const auto names = [&](const char* common_name, const char* alternative) {
    return certificate_names(authority.issue(common_name, alternative).certificate.get());
  };
  CHECK(names("zk1", "") == "CN:zk1");
  CHECK(names("zk1", "DNS:a,IP:10.0.0.1,IP:::1") == "DNS:a IP:10.0.0.1 IP:::1");
  CHECK(names("a\nE \"b", "") == "CN:a?E??b");
  CHECK(names("a", "email:x@y.z") == "no host");
}

TEST_CASE("TLS link: megabytes pass both ways in order, and the end arrives") {
  TlsPair pair;
  pair.start_both();
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1 && pair.inbox[1].up.size() == 1; }));
  const LinkId ours = pair.inbox[0].up[0].first, theirs = pair.inbox[1].up[0].first;
  const std::string there = pattern(5'000'000), back = pattern(3'000'001);
  pair.links[0]->send_raw(ours, shared(there));
  pair.links[1]->send_raw(theirs, shared(back));
  pair.links[0]->flush();
  pair.links[1]->flush();
  REQUIRE(pair.until([&] {
    return pair.inbox[1].bytes_of[theirs].size() == there.size() &&
           pair.inbox[0].bytes_of[ours].size() == back.size();
  }));
  CHECK(pair.inbox[1].bytes_of[theirs] == there);
  CHECK(pair.inbox[0].bytes_of[ours] == back);
  CHECK(pair.links[0]->queued_bytes(ours) == 0);
  pair.links[0]->close(ours);
  CHECK(pair.until([&] { return pair.inbox[1].down[theirs] == 1; }));
}

TEST_CASE("TLS link: votes pass both ways, whichever side speaks first") {
  for (const std::size_t first : {0u, 1u}) {
    CAPTURE(first);
    TlsPair pair;
    pair.start_both();
    const std::size_t second = 1 - first;
    pair.elections[first]->vote(ServerId{static_cast<int>(second) + 1}, {});
    REQUIRE(pair.until([&] { return pair.inbox[second].votes.size() == 1; }));
    pair.elections[second]->vote(ServerId{static_cast<int>(first) + 1}, {});
    CHECK(pair.until([&] { return !pair.inbox[first].votes.empty(); }));
  }
}

TEST_CASE("TLS link: whoever connects insists on the host of the server line") {
  TlsPair pair;
  pair.give(2, "DNS:elsewhere");
  pair.start_both();
  pair.links[0]->open(ServerId{2});
  CHECK(pair.until([&] {
    return pair.noted(1, "quorum-tls-failed to=127.0.0.1:", "DNS:elsewhere, not for 127.0.0.1");
  }));
  CHECK(pair.inbox[0].up.empty());
  // The other side was told by an alert.
  CHECK(pair.until([&] { return pair.noted(2, "quorum-tls-refused port=quorum", "alert"); }));
}

TEST_CASE(
    "TLS link: whoever is connected to insists on a host of the config, if not told otherwise") {
  for (const bool checks : {true, false}) {
    CAPTURE(checks);
    TlsPair pair;
    pair.give(1, "DNS:elsewhere");
    pair.start(1, pair.options(1));
    PeerTlsOptions options = pair.options(2);
    options.config.client_hostname_verification = checks;
    pair.start(2, options);
    pair.links[0]->open(ServerId{2});
    if (checks) {
      CHECK(pair.until([&] {
        return pair.noted(2, "quorum-tls-refused port=quorum from=127.0.0.1:", "DNS:elsewhere");
      }));
      CHECK(pair.inbox[1].up.empty());
    } else {
      CHECK(pair.until([&] { return pair.inbox[1].up.size() == 1; }));
    }
  }
}

TEST_CASE("TLS link: nobody votes under the id of another server") {
  TlsPair pair;
  pair.hosts_two = "localhost";
  // Good for server 2, and so for the ensemble; but it is server 1 that shows it.
  for (const int id : {1, 2}) pair.give(id, "DNS:localhost");
  pair.start_both();
  pair.elections[0]->vote(ServerId{2}, {});
  CHECK(pair.until([&] {
    return pair.noted(2, "quorum-tls-refused port=election server=1", "says it is 127.0.0.1");
  }));
  CHECK(pair.inbox[1].votes.empty());
  CHECK(pair.inbox[1].hints.empty());
}

TEST_CASE("TLS link: an expired certificate and one of another authority are refused by name") {
  TlsPair pair;
  pair.start(2, pair.options(2));
  SUBCASE("expired") {
    pair.give(1, "IP:127.0.0.1", -1);
    pair.start(1, pair.options(1));
    pair.links[0]->open(ServerId{2});
    CHECK(pair.until([&] { return pair.noted(2, "has expired", "renew"); }));
  }
  SUBCASE("another authority") {
    const TestAuthority other("stranger");
    TestAuthority::write(pair.key_file(1), other.issue("one", "IP:127.0.0.1"));
    pair.start(1, pair.options(1));
    pair.links[0]->open(ServerId{2});
    CHECK(pair.until([&] { return pair.noted(2, "signed by CN=stranger", "trustStore"); }));
  }
  CHECK(pair.inbox[1].up.empty());
}

TEST_CASE("portUnification: plain and TLS come in by one port") {
  TlsPair pair;
  PeerTlsOptions options = pair.options(2);
  options.plain_too = true;
  pair.start(2, options);
  for (const bool plain : {true, false}) {
    CAPTURE(plain);
    pair.start(1, pair.options(1), plain);
    pair.links[0]->open(ServerId{2});
    const std::size_t before = pair.inbox[1].up.size();
    REQUIRE(pair.until([&] { return !pair.inbox[0].up.empty(); }));
    const LinkId ours = pair.inbox[0].up.back().first;
    // A plain link that has said nothing is not known to be one.
    pair.links[0]->send_raw(ours, SharedBytes(Bytes(9)));
    pair.links[0]->flush();
    REQUIRE(pair.until([&] { return pair.inbox[1].up.size() == before + 1; }));
    const LinkId theirs = pair.inbox[1].up.back().first;
    CHECK(pair.until([&] { return pair.inbox[1].bytes_of[theirs].size() == 9; }));
    pair.links[0].reset();
    pair.elections[0].reset();
    pair.inbox[0] = {};
  }
}

TEST_CASE("TLS port: plain bytes, garbage, silence and a crawling handshake end, with a reason") {
  TlsPair pair;
  pair.start(2, pair.options(2));
  struct Row {
    std::string sent;
    const char* reason;
  };
  for (const Row& row :
       {Row{std::string(30, '\0'), "wrong version number"},
        Row{"GET / HTTP/1.1\r\n\r\n", "http request"}, Row{"", "not done within 300 ms"},
        Row{std::string("\x16\x03\x01\x02", 4), "not done within 300 ms"},
        Row{std::string("\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", 10), "reason="}}) {
    CAPTURE(row.reason);
    pair.inbox[1].notes.clear();
    Remote remote(pair.quorum[1]);
    remote.send(row.sent);
    CHECK(pair.until([&] { return remote.poll(); }));
    CHECK(pair.noted(2, "quorum-tls-refused port=quorum from=127.0.0.1:", row.reason));
  }
  CHECK(pair.inbox[1].up.empty());
}

TEST_CASE("TLS port: the oldest silent connection gives way to the newest") {
  TlsPair pair;
  PeerTlsOptions options = pair.options(2);
  options.config.handshake_timeout_ms = 60'000;
  pair.start(2, options);
  Remote oldest(pair.quorum[1]);
  std::vector<std::unique_ptr<Remote>> others;
  for (int i = 0; i < 64; ++i) others.push_back(std::make_unique<Remote>(pair.quorum[1]));
  CHECK(pair.until([&] { return oldest.poll(); }));
  CHECK_FALSE(others.front()->poll());
  pair.start(1, pair.options(1));
  pair.links[0]->open(ServerId{2});
  CHECK(pair.until([&] { return pair.inbox[1].up.size() == 1; }));
}

TEST_CASE("plain port: a server that speaks TLS to it is told apart from a stranger") {
  TlsPair pair;
  pair.start(2, pair.options(2));
  pair.start(1, pair.options(1), /*plain=*/true);
  pair.elections[1]->vote(ServerId{1}, {});
  CHECK(pair.until([&] {
    pair.elections[0]->sweep(0);
    return pair.noted(1, "election-refused-tls", "portUnification=true");
  }));
}

TEST_CASE("TLS link: a bad file changes nothing, a good one is used by the next link") {
  TlsPair pair;
  pair.start_both();
  const std::string good = pair.key_file(2);
  TestAuthority::write(good, pair.authority.issue("other", "DNS:elsewhere"));
  std::rename(good.c_str(), pair.path("kept").c_str());
  pair.tls[1]->reload();
  CHECK(pair.noted(2, "quorum-tls-reload-failed", "ssl.quorum.keyStore.location"));
  pair.links[0]->open(ServerId{2});
  REQUIRE(pair.until([&] { return pair.inbox[0].up.size() == 1; }));
  std::rename(pair.path("kept").c_str(), good.c_str());
  pair.tls[1]->reload();
  CHECK(pair.noted(2, "quorum-tls-reloaded"));
  CHECK(pair.inbox[0].down.empty());
  pair.links[0]->open(ServerId{2});
  CHECK(pair.until([&] { return pair.noted(1, "quorum-tls-failed", "DNS:elsewhere"); }));
}

}  // namespace quorate::server
