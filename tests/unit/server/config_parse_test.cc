#include "server/config/parse.h"

#include <doctest/doctest.h>

#include <map>

#include "server/config/config_table.h"
#include "server/config/properties.h"

namespace quorate::server {
namespace {

/// Files by path; a configuration is read from "zoo.cfg".
struct Disk {
  std::map<std::string, std::string> files;

  ConfigResult load() const {
    return load_config("zoo.cfg", [this](const std::string& path) -> std::optional<std::string> {
      const auto found = files.find(path);
      if (found == files.end()) return std::nullopt;
      return found->second;
    });
  }
};

const std::string kStandalone = "tickTime=2000\ndataDir=/d\nclientPort=2181\n";
const std::string kEnsemble =
    "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/d\nclientPort=2181\n"
    "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n";

const std::string kSaslProvider =
    "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n";

Config good(const Disk& disk) {
  ConfigResult result = disk.load();
  REQUIRE_MESSAGE(result.has_value(), (result.has_error() ? result.error().text() : ""));
  return *result;
}

std::string notices(const Config& config) {
  std::string all;
  for (const ConfigNotice& notice : config.notices) all += notice.text + "\n";
  return all;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("properties: separators, comments, continuation and escapes as in Java") {
  const auto all = parse_properties(
      "# comment\n! comment\n a = 1 \nb:2\nc 3\nd=x\\\n   y\\\\\ne\\=f=g\\u00e9\\tz\nlone\r\n");
  REQUIRE(all.size() == 6);
  CHECK(all[0].key == "a");
  CHECK(all[0].value == "1");
  CHECK(all[0].line == 3);
  CHECK(all[1].value == "2");
  CHECK(all[2].value == "3");
  CHECK(all[3].value == "xy\\");
  CHECK(all[4].key == "e=f");
  CHECK(all[4].value == "g\xc3\xa9\tz");
  CHECK(all[4].line == 8);
  CHECK(all[5].key == "lone");
  CHECK(all[5].value.empty());
}

TEST_CASE("config: without server lines the server is standalone, session bounds follow tickTime") {
  const Config config = good({{{"zoo.cfg", kStandalone}}});
  CHECK(config.ensemble.standalone);
  CHECK(config.client.port == 2181);
  CHECK(config.client.min_session_timeout_ms == 4000);
  CHECK(config.client.max_session_timeout_ms == 40000);
  CHECK(config.client.max_per_address == 60);
  CHECK(config.storage.data_log_dir == "/d");
  CHECK(config.admin.words ==
        std::set<std::string>{"conf", "dirs", "envi", "isro", "mntr", "ruok", "srvr"});
  CHECK(config.notices.empty());
}

TEST_CASE("config: three server lines and myid make a member of an ensemble") {
  const Config config = good({{{"zoo.cfg", kEnsemble}, {"/d/myid", " 2 \nmore\n"}}});
  CHECK_FALSE(config.ensemble.standalone);
  CHECK(config.ensemble.self == ServerId{2});
  CHECK(config.ensemble.members.size() == 3);
  CHECK(config.ensemble.handshake_timeout_ms == 10000);
}

TEST_CASE("config: one server line is standalone unless standaloneEnabled=false") {
  const std::string text =
      "initLimit=10\nsyncLimit=5\ndataDir=/d\nserver.1=a:2888:3888;127.0.0.1:2181\n";
  const Config alone = good({{{"zoo.cfg", text}}});
  CHECK(alone.ensemble.standalone);
  CHECK(alone.client.port == 2181);
  CHECK(alone.client.address == "127.0.0.1");
  const Config one = good({{{"zoo.cfg", text + "standaloneEnabled=false\n"}, {"/d/myid", "1"}}});
  CHECK_FALSE(one.ensemble.standalone);
  CHECK(one.ensemble.members.size() == 1);
}

TEST_CASE("config: a fault names file, line, key and what would be right") {
  struct Row {
    std::string text;
    const char* myid;
    const char* expected;
  };
  const std::string three = kEnsemble;
  for (const Row& row : {
           Row{kStandalone + "tickTime=abc\n", nullptr,
               "zoo.cfg:4: tickTime: \"abc\": expected a whole number from 1 to 3600000"},
           Row{kStandalone + "clientPort=70000\n", nullptr,
               "zoo.cfg:4: clientPort: \"70000\": expected"},
           Row{kStandalone + "skipACL=maybe\n", nullptr,
               "skipACL: \"maybe\": expected true or false"},
           Row{"clientPort=1\n", nullptr, "zoo.cfg: dataDir: is missing"},
           Row{"dataDir=/d\n", nullptr, "zoo.cfg: clientPort: is missing"},
           Row{"dataDir=/d\nsecureClientPort=2281\n", nullptr,
               "zoo.cfg: ssl.keyStore.location: is missing"},
           Row{"dataDir=/d\nclientPortAddress=::1\n", nullptr,
               "zoo.cfg:2: clientPortAddress: needs"},
           Row{kStandalone + "minSessionTimeout=9000\nmaxSessionTimeout=8000\n", nullptr,
               "zoo.cfg:4: minSessionTimeout: minSessionTimeout 9000 ms must not be above"},
           Row{kStandalone + "electionAlg=1\n", nullptr, "electionAlg: \"1\": only 3 is possible"},
           Row{kStandalone + "standaloneEnabled=false\n", nullptr, "no server.N line"},
           Row{three, nullptr, "/d/myid: is missing"},
           Row{three, "one", "/d/myid:1: \"one\": expected a whole number"},
           Row{three, "9",
               "/d/myid:1: 9 is none of the servers of zoo.cfg; expected one of 1, 2, 3"},
           Row{three + "server.x=a:1:2\n", "1", "zoo.cfg:9: server.x: expected server.N"},
           Row{three + "server.4=a:1\n", "1",
               "zoo.cfg:9: server.4: \"a:1\": expected host:quorumPort"},
           Row{three + "group.1=1:2\n", "1",
               "zoo.cfg:8: server.3: server.3 is in no group: name it in a group.N line"},
           Row{three + "group.1=1:2:3\ngroup.2=3\n", "1",
               "zoo.cfg:10: group.2: group.2 names server 3 again"},
           Row{three + "group.1=1:2:3:4\n", "1",
               "zoo.cfg:9: group.1: group.1 names server 4, which"},
           Row{three + "group.1=1;2\n", "1", "zoo.cfg:9: group.1: \"1;2\": expected server ids"},
           Row{three + "group.a=1\n", "1", "zoo.cfg:9: group.a: expected group.N"},
           Row{three + "weight.1=2\n", "1", "zoo.cfg:9: weight.1: needs group.N lines"},
           Row{three + "group.1=1:2:3\nweight.4=2\n", "1",
               "zoo.cfg:10: weight.4: there is no server.4 line"},
           Row{three + "group.1=1:2:3\nweight.1=-2\n", "1", "zoo.cfg:10: weight.1: expected"},
           Row{three + "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0\n", "1",
               "every voter has weight 0"},
           Row{three + "ssl.quorum.ocsp=true\n", "1",
               "zoo.cfg:9: ssl.quorum.ocsp: \"true\": is not available"},
           Row{three + "ssl.quorum.crl=true\n", "1",
               "zoo.cfg:9: ssl.quorum.crl: \"true\": is not available"},
           Row{three + "sslQuorum=true\n", "1",
               "zoo.cfg: ssl.quorum.keyStore.location: is missing; sslQuorum=true needs"},
           Row{three + "portUnification=true\nssl.quorum.keyStore.location=/k\n", "1",
               "zoo.cfg: ssl.quorum.trustStore.location: is missing; portUnification=true needs"},
           Row{three + "sslQuorum=true\nssl.quorum.keyStore.location=/k\n"
                       "ssl.quorum.trustStore.location=/t\nssl.quorum.clientAuth=some\n",
               "1", "zoo.cfg:12: ssl.quorum.clientAuth: \"some\": expected none, want or need"},
           Row{three + "sessionRequireClientSASLAuth=true\n", "1",
               "zoo.cfg:9: sessionRequireClientSASLAuth: \"true\": SASL needs a line "
               "authProvider.1="},
           Row{three + "sessionRequireClientSASLAuth=true\n" + kSaslProvider, "1",
               "zoo.cfg:9: sessionRequireClientSASLAuth: \"true\": nobody could log in; "
               "java.security.auth.login.config must name a JAAS file with a section Server"},
           Row{three + "java.security.auth.login.config=/etc/none\n", "1",
               "zoo.cfg:9: java.security.auth.login.config: /etc/none cannot be read"},
           Row{three + "enforce.auth.enabled=true\n", "1", "enforce.auth.schemes: is missing"},
           Row{three + "enforce.auth.enabled=true\nenforce.auth.schemes=digest, sasl\n", "1",
               "zoo.cfg:10: enforce.auth.schemes: \"sasl\": SASL needs a line"},
           Row{three + "enforce.auth.enabled=true\nenforce.auth.schemes=key\n", "1",
               "zoo.cfg:10: enforce.auth.schemes: \"key\": possible are digest, ip, x509 and sasl"},
           Row{three + "enforce.auth.enabled=true\nenforce.auth.schemes=x509\n", "1",
               "enforce.auth.schemes: \"x509\": x509 needs secureClientPort"},
           Row{three + "DigestAuthenticationProvider.digestAlg=ROT13\n", "1",
               "zoo.cfg:9: DigestAuthenticationProvider.digestAlg: \"ROT13\": expected SHA1"},
           Row{three + "DigestAuthenticationProvider.superDigest=super:secret\n", "1",
               "zoo.cfg:9: DigestAuthenticationProvider.superDigest: expected super:<hash>"},
           Row{three + "DigestAuthenticationProvider.superDigest=secret\n", "1",
               "DigestAuthenticationProvider.superDigest: expected super:<hash>"},
           Row{three + "znode.container.maxPerMinute=0\n", "1",
               "znode.container.maxPerMinute: \"0\": expected a whole number from 1"},
           Row{kStandalone + "extendedTypesEnabled=true\n", "255",
               "extendedTypesEnabled: TTL nodes need a server id of at most 254"},
           Row{three + "forceSync=no\n", "1",
               "zoo.cfg:9: forceSync: no is possible on a standalone"},
           Row{three + "server.1=a:2888:3888;2222\n", "1", "server.1 line says 0.0.0.0:2222"},
           Row{"dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nsyncLimit=5\n", "1",
               "initLimit: is missing"},
           Row{kStandalone + "server.1=a:1:2\nserver.2=b:1:2:observer\n", "1",
               "standaloneEnabled=false"},
       }) {
    CAPTURE(row.text);
    Disk disk{{{"zoo.cfg", row.text}}};
    if (row.myid != nullptr) disk.files["/d/myid"] = row.myid;
    const ConfigResult result = disk.load();
    REQUIRE(result.has_error());
    const std::string text = result.error().text();
    CAPTURE(text);
    CHECK(contains(text, row.expected));
  }
}

TEST_CASE("config: a file that cannot be read is a fault") {
  CHECK(contains(Disk{}.load().error().text(), "zoo.cfg: cannot be read"));
}

TEST_CASE("config: what ZooKeeper knows and any unknown key are accepted and named once") {
  const Config config = good({{{"zoo.cfg", kStandalone + "snapSizeLimitInKb=1\nsyncEnabled=true\n"
                                                         "something.new=1\n"}}});
  CHECK(contains(notices(config), "without effect in this version: snapSizeLimitInKb"));
  CHECK(contains(notices(config), "syncEnabled"));
  CHECK(contains(notices(config), "unknown keys, ignored: something.new"));
}

TEST_CASE("config: the last of several equal keys wins") {
  CHECK(good({{{"zoo.cfg", kStandalone + "clientPort=3000\n"}}}).client.port == 3000);
}

TEST_CASE("config: protection that is switched off is no fault") {
  CHECK(good({{{"zoo.cfg", kStandalone + "sslQuorum=false\n"}}}).client.port == 2181);
}

TEST_CASE("config: TLS between servers, and what weakens it is said") {
  const Config config = good({{{"zoo.cfg", kEnsemble + "sslQuorum=true\nportUnification=true\n"
                                                       "ssl.quorum.keyStore.location=/k.pem\n"
                                                       "ssl.quorum.trustStore.location=/t.pem\n"
                                                       "ssl.quorum.clientAuth=want\n"
                                                       "ssl.quorum.hostnameVerification=false\n"
                                                       "sslQuorumReloadCertFiles=true\n"},
                               {"/d/myid", "1\n"}}});
  CHECK(config.ensemble.uses_tls());
  CHECK(config.ensemble.ssl_quorum);
  CHECK(config.quorum_tls.key_store.location == "/k.pem");
  CHECK(config.quorum_tls.trust_store.location == "/t.pem");
  CHECK(config.quorum_tls.cert_reload);
  CHECK(config.quorum_tls.client_hostname_verification);
  CHECK(config.tls.key_store.location.empty());
  for (const char* word :
       {"portUnification=true", "clientAuth=want", "hostnameVerification=false"}) {
    CHECK(contains(notices(config), word));
  }
}

TEST_CASE("config: a standalone server speaks to no other, by TLS or not") {
  CHECK_FALSE(good({{{"zoo.cfg", kStandalone + "sslQuorum=true\n"}}}).ensemble.uses_tls());
}

TEST_CASE("config: authentication, quotas and containers") {
  const Config plain = good({{{"zoo.cfg", kStandalone}}});
  CHECK(plain.auth.digest_enabled);
  CHECK(plain.auth.digest_algorithm == "SHA1");
  CHECK(plain.auth.enforced.empty());
  CHECK_FALSE(plain.enforce_quota);
  CHECK(plain.containers.check_interval_ms == 60000);
  const Config all = good(
      {{{"zoo.cfg", kStandalone + "DigestAuthenticationProvider.digestAlg=sha-256\n"
                                  "DigestAuthenticationProvider.superDigest="
                                  "super:lXdkgIa9O1CDDWAryQ0pe9wUYi2LkG6M7Uocn/Vyn2g=\n"
                                  "enforce.auth.enabled=true\nenforce.auth.schemes=digest , ip\n"
                                  "enforceQuota=true\nznode.container.checkIntervalMs=100\n"}}});
  CHECK(all.auth.digest_algorithm == "SHA-256");
  CHECK(all.auth.enforced == std::vector<std::string>{"digest", "ip"});
  CHECK(all.enforce_quota);
  CHECK(all.containers.check_interval_ms == 100);
  // Schemes that nobody enforces are not looked at, as in ZooKeeper.
  CHECK(good({{{"zoo.cfg", kStandalone + "enforce.auth.schemes=sasl\n"}}}).auth.enforced.empty());
}

TEST_CASE("config: SASL, its users, who of them is super, and whom it is demanded of") {
  const std::string jaas =
      "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n"
      "    user_super=\"a\"\n    user_bob=\"b\";\n};\n";
  const std::string text =
      kStandalone + kSaslProvider + "java.security.auth.login.config=/j\nsuperUser=bob\n" +
      "superUser.1=ann\nsuperUserX=eve\nSASLAuthenticationProvider.superPassword=c\n" +
      "allowSaslFailedClients=true\n";
  const Config config = good({{{"zoo.cfg", text}, {"/j", jaas}}});
  const SaslConfig& sasl = config.auth.sasl;
  CHECK(sasl.provider);
  CHECK(sasl.failed_stay);
  REQUIRE(sasl.users);
  CHECK(sasl.users->at("bob") == "b");
  CHECK(sasl.users->at("super") == "c");
  CHECK(sasl.super_users == std::vector<std::string>{"bob", "ann"});
  CHECK(config.auth.enforced.empty());
  CHECK(contains(notices(config), "unknown keys, ignored: superUserX"));
  CHECK_FALSE(contains(notices(config), "without effect"));
  const std::string demand = text + "sessionRequireClientSASLAuth=true\nenforce.auth.schemes=ip\n";
  CHECK(good({{{"zoo.cfg", demand}, {"/j", jaas}}}).auth.enforced ==
        std::vector<std::string>{"sasl"});
  const std::string either = text + "enforce.auth.enabled=true\nenforce.auth.schemes=ip,sasl\n";
  CHECK(good({{{"zoo.cfg", either}, {"/j", jaas}}}).auth.enforced ==
        std::vector<std::string>{"ip", "sasl"});
}

TEST_CASE("config: SASL without a login or without its provider is possible, and said") {
  const Config none = good({{{"zoo.cfg", kStandalone}}});
  CHECK_FALSE(none.auth.sasl.users);
  CHECK_FALSE(none.auth.sasl.provider);
  CHECK(none.auth.sasl.section == "Server");
  const std::string jaas =
      "Other { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob=\"b\"; };";
  const std::string text = kStandalone + "java.security.auth.login.config=/j\n";
  const Config other = good({{{"zoo.cfg", text}, {"/j", jaas}}});
  CHECK_FALSE(other.auth.sasl.users);
  CHECK(contains(notices(other), "/j has no section Server"));
  const Config named = good({{{"zoo.cfg", text + "sasl.serverconfig=Other\n"}, {"/j", jaas}}});
  CHECK(named.auth.sasl.users->size() == 1);
  CHECK(contains(notices(named), "ACLs cannot name them without a line authProvider.1="));
}

namespace {

const std::string kServersJaas =
    "QuorumServer { org.apache.zookeeper.server.auth.DigestLoginModule required\n"
    "  user_zk=\"a\" user_old=\"b\"; };\n"
    "QuorumLearner { org.apache.zookeeper.server.auth.DigestLoginModule required\n"
    "  username=\"zk\" password=\"a\"; };\n";

Disk ensemble_disk(const std::string& lines, const std::string& jaas) {
  return {{{"zoo.cfg", kEnsemble + lines}, {"/d/myid", "1"}, {"/j", jaas}}};
}

}  // namespace

TEST_CASE("config: SASL between servers, its users and the account of this server") {
  const std::string all =
      "quorum.auth.enableSasl=true\nquorum.auth.learnerRequireSasl=true\n"
      "quorum.auth.serverRequireSasl=true\njava.security.auth.login.config=/j\n";
  const Config config = good(ensemble_disk(all, kServersJaas));
  CHECK(config.quorum_auth.enabled);
  CHECK(config.quorum_auth.learner_requires);
  CHECK(config.quorum_auth.server_requires);
  CHECK(config.quorum_auth.user == "zk");
  CHECK(config.quorum_auth.password == "a");
  CHECK(config.quorum_auth.users == SaslPasswords{{"zk", "a"}, {"old", "b"}});
  CHECK_FALSE(config.auth.sasl.users);
  CHECK(notices(config).empty());
  const std::string named =
      "quorum.auth.enableSasl=true\njava.security.auth.login.config=/j\n"
      "quorum.auth.learner.saslLoginContext=Mine\nquorum.auth.server.saslLoginContext=Theirs\n";
  std::string jaas = kServersJaas;
  jaas.replace(jaas.find("QuorumServer"), 12, "Theirs");
  jaas.replace(jaas.find("QuorumLearner"), 13, "Mine");
  CHECK(good(ensemble_disk(named, jaas)).quorum_auth.user == "zk");
  // Of a standalone server nobody asks for it, as with ZooKeeper.
  CHECK(good({{{"zoo.cfg", kStandalone + "quorum.auth.enableSasl=true\n"}}}).quorum_auth.enabled);
}

TEST_CASE("config: SASL between servers, what is missing") {
  const std::string enable = "quorum.auth.enableSasl=true\n";
  const std::string file = enable + "java.security.auth.login.config=/j\n";
  const std::string module = "org.apache.zookeeper.server.auth.DigestLoginModule";
  const std::string server = "QuorumServer { " + module + " required user_zk=\"a\"; };\n";
  struct Row {
    std::string lines, jaas;
    const char* expected;
  };
  for (const Row& row : {
           Row{"quorum.auth.learnerRequireSasl=true\n", "",
               "zoo.cfg:9: quorum.auth.learnerRequireSasl: \"true\": needs "
               "quorum.auth.enableSasl=true"},
           Row{"quorum.auth.serverRequireSasl=true\n", "",
               "zoo.cfg:9: quorum.auth.serverRequireSasl: \"true\": needs "
               "quorum.auth.enableSasl=true"},
           Row{enable + "quorum.auth.serverRequireSasl=true\n", "",
               "zoo.cfg:10: quorum.auth.serverRequireSasl: \"true\": needs "
               "quorum.auth.learnerRequireSasl=true"},
           Row{enable, "",
               "zoo.cfg:9: quorum.auth.enableSasl: \"true\": there is no "
               "java.security.auth.login.config"},
           Row{file, "",
               "/j: has no section QuorumServer (quorum.auth.server.saslLoginContext); "
               "expected one with org.apache.zookeeper.server.auth.DigestLoginModule and "
               "options user_NAME"},
           Row{file, server, "/j: has no section QuorumLearner (quorum.auth.learner.saslLogin"},
           Row{file, "QuorumServer { " + module + " required; };\n",
               "/j:1: QuorumServer: names no user"},
           Row{file, server + "QuorumLearner { " + module + " required username=\"zk\"; };\n",
               "/j:2: QuorumLearner: names no user or no password; expected username=\"NAME\" "
               "password=\"PASSWORD\""},
           Row{file, server + "QuorumLearner { " + module + " required\n  password=\"\"; };\n",
               "/j:3: QuorumLearner: password: the value is empty"},
           Row{file, "QuorumServer { com.sun.security.auth.module.Krb5LoginModule required; };\n",
               "/j:1: QuorumServer: \"com.sun.security.auth.module.Krb5LoginModule\": Kerberos "
               "(GSSAPI) is for logins of clients only"},
           Row{file, "QuorumServer {", "/j:1: found the end of the file"},
       }) {
    CAPTURE(row.expected);
    const ConfigResult result = ensemble_disk(row.lines, row.jaas).load();
    REQUIRE(result.has_error());
    const std::string text = result.error().text();
    CAPTURE(text);
    CHECK(contains(text, row.expected));
  }
  const std::string odd = server + "QuorumLearner { " + module +
                          " required username=\"zk\" password=\"a\" user_x=\"b\"; };\n";
  CHECK(contains(notices(good(ensemble_disk(file, odd))),
                 "/j:2: option user_x has no effect on a server that logs in to others"));
}

TEST_CASE("config: providers of authentication, by the names of their classes") {
  const std::string prefix = "authProvider.x=org.apache.zookeeper.server.auth.";
  const Config x509 = good({{{"zoo.cfg", kStandalone + prefix + "X509AuthenticationProvider\n"}}});
  CHECK(x509.auth.x509);
  CHECK(notices(x509).empty());
  CHECK(
      notices(good({{{"zoo.cfg", kStandalone + prefix + "IPAuthenticationProvider\n"}}})).empty());
  const Config own = good({{{"zoo.cfg", kStandalone + "authProvider.7=com.example.Own\n"}}});
  CHECK(contains(notices(own), "authProvider.7=com.example.Own: without effect"));
  CHECK_FALSE(own.auth.sasl.provider);
}

TEST_CASE("config: warnings for an even number of voters and for forceSync=no") {
  CHECK(contains(
      notices(good({{{"zoo.cfg", kEnsemble + "server.4=d:2888:3888\n"}, {"/d/myid", "1"}}})),
      "4 voters"));
  CHECK(contains(notices(good({{{"zoo.cfg", kStandalone + "forceSync=no\n"}}})), "forceSync=no"));
}

TEST_CASE("config: the whitelist is cut at commas and trimmed, * is all") {
  const Config some =
      good({{{"zoo.cfg", kStandalone + "4lw.commands.whitelist=ruok, mntr ,srvr\n"}}});
  CHECK(some.admin.words == std::set<std::string>{"mntr", "ruok", "srvr"});
  CHECK_FALSE(some.admin.all_words);
  CHECK(good({{{"zoo.cfg", kStandalone + "4lw.commands.whitelist=*\n"}}}).admin.all_words);
}

TEST_CASE("config: groups and weights make hierarchical quorums") {
  const Config config =
      good({{{"zoo.cfg", kEnsemble + "group.1=1:2\ngroup.2=3\nweight.3=2\nreconfigEnabled=true\n"},
             {"/d/myid", "1"}}});
  CHECK(config.ensemble.groups.groups.size() == 2);
  CHECK(config.ensemble.groups.groups.at(1) == std::vector<ServerId>{{1}, {2}});
  CHECK(config.ensemble.groups.weights.at(ServerId{3}) == 2);
  CHECK(config.ensemble.reconfig_enabled);
  CHECK(config.ensemble.members_in_file);
  CHECK_FALSE(contains(notices(config), "unknown keys"));
}

TEST_CASE("config: members may stand in a dynamic file, whose name ends in their version") {
  const std::string main =
      "initLimit=10\nsyncLimit=5\ndataDir=/d\ndynamicConfigFile=/c/zoo.cfg.dynamic.1a\n";
  const std::string members =
      "server.1=a:2888:3888:participant;2181\nserver.2=b:2888:3888;2181\n"
      "server.3=c:2888:3888;2181";
  const Config config =
      good({{{"zoo.cfg", main}, {"/c/zoo.cfg.dynamic.1a", members}, {"/d/myid", "1"}}});
  CHECK(config.ensemble.version == 0x1a);
  CHECK(config.ensemble.members.size() == 3);
  CHECK(config.client.port == 2181);
  const auto both = Disk{{{"zoo.cfg", main + "server.1=a:1:2\n"}, {"/d/myid", "1"}}}.load();
  CHECK(contains(both.error().text(), "one of the two places"));
  const auto key = Disk{{{"zoo.cfg", main}, {"/c/zoo.cfg.dynamic.1a", "version=1\n"}}}.load();
  CHECK(contains(key.error().text(), "/c/zoo.cfg.dynamic.1a:1: version: only server.N, group.N"));
}

TEST_CASE("config: the marker initialize is found in either data folder") {
  const Config config =
      good({{{"zoo.cfg", kStandalone + "dataLogDir=/l\n"}, {"/l/initialize", ""}}});
  CHECK(config.storage.initialize_markers == std::vector<std::string>{"/l/initialize"});
}

TEST_CASE("config table: every default lies in its own range") {
  for (const ConfigRow& row : config_rows()) {
    CAPTURE(row.key);
    Config config;
    if (*row.fallback != '\0') CHECK(set_config_field(config, row, row.fallback) == "");
  }
}

}  // namespace quorate::server
