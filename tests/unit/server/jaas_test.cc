#include "server/config/jaas.h"

#include <doctest/doctest.h>

#include "server/config/sasl_rules.h"

namespace quorate::server {
namespace {

const std::string kKerberos = "com.sun.security.auth.module.Krb5LoginModule";
const std::string kModule = "org.apache.zookeeper.server.auth.DigestLoginModule";

std::vector<JaasSection> parsed(const std::string& text) {
  JaasResult result = parse_jaas(text);
  REQUIRE_MESSAGE(result.has_value(), (result.has_error() ? result.error().what : ""));
  return *result;
}

/// "LINE: WHAT"
std::string fault(const std::string& text) {
  const JaasResult result = parse_jaas(text);
  REQUIRE(result.has_error());
  return std::to_string(result.error().line) + ": " + result.error().what;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Read {
  SaslConfig sasl;
  std::optional<ConfigFault> fault;
  std::vector<ConfigNotice> notices;
};

Read read(const std::string& text) {
  Read out;
  out.sasl.section = "Server";
  out.fault = read_jaas_users(out.sasl, {"/j", text}, out.notices);
  return out;
}

}  // namespace

TEST_CASE("JAAS: sections, modules and options as Java reads them") {
  const auto sections = parsed(
      "// a comment\n/* and\n another */\nServer {\n  a.b.C$D required\n"
      "    user_bob=\"b\\\"o\\\\b\" debug=true;\n  e.F OPTIONAL;\n};\n"
      "/ one stroke is a comment, too\n\"Quoted\"{}; Client{x.Y sufficient z=\"\";};");
  REQUIRE(sections.size() == 3);
  CHECK(sections[0].name == "Server");
  CHECK(sections[0].line == 4);
  REQUIRE(sections[0].modules.size() == 2);
  CHECK(sections[0].modules[0].class_name == "a.b.C$D");
  CHECK(sections[0].modules[0].line == 5);
  REQUIRE(sections[0].modules[0].options.size() == 2);
  CHECK(sections[0].modules[0].options[0].name == "user_bob");
  CHECK(sections[0].modules[0].options[0].value == "b\"o\\b");
  CHECK(sections[0].modules[0].options[0].line == 6);
  CHECK(sections[0].modules[0].options[1].value == "true");
  CHECK(sections[0].modules[1].options.empty());
  CHECK(sections[1].name == "Quoted");
  CHECK(sections[1].modules.empty());
  CHECK(sections[2].modules[0].options[0].value.empty());
  CHECK(parsed("").empty());
  CHECK(parsed(" // nothing").empty());
}

TEST_CASE("JAAS: a fault names its line, what was found and what would be right") {
  struct Row {
    const char* text;
    const char* expected;
  };
  for (const Row& row : {
           Row{"Server {\n a.B required\n user_x=\"1\"\n};", "4: found \"}\", expected an option"},
           Row{"Server {\n a.B required user_x=\"1\";\n}",
               "3: found the end of the file, expected \";\" behind the \"}\" of section Server"},
           Row{"Server {\n a.B required user_x=\"1\";\n}\nClient {",
               "4: found \"Client\", expected"},
           Row{"Server\n a.B", "2: found \"a.B\", expected \"{\" behind the name"},
           Row{"Server {\n a.B needed;", "2: found \"needed\", expected required, requisite"},
           Row{"Server {\n a.B\n;", "3: found \";\", expected required"},
           Row{"Server {\n a.B required x \"1\";", "2: found a quoted text, expected \"=\" behind"},
           Row{"Server {\n a.B required x=;", "2: found \";\", expected a value in double quotes"},
           Row{"Server {\n a.B required x='1';", "2: found \"'\", expected a value in double"},
           Row{"Server {\n a.B required \"x\"=\"1\";",
               "2: found a quoted text, expected an option"},
           Row{"Server {\n a.B required x=\"1\n\";", "2: found a quoted text that does not end"},
           Row{"Server {\n a.B required x=\"1\\", "2: found a quoted text that does not end"},
           Row{"Server {\n a.B required x=\"\\n\";", "2: found a backslash in a quoted text"},
           Row{"Server {\n a.B required x=\"a\tb\";", "2: found a control character in a quoted"},
           Row{"Server {\n \x01", "2: found a control character"},
           Row{"Server {\n a.B required x=\"${user.home}\";", "2: the value of x names a system"},
           Row{"/* a\n", "1: found a comment that does not end"},
           Row{"Server {\n\n", "3: found the end of the file, expected the class"},
           Row{"A {};\nB {};\nA {};", "3: a second section A; the first is in line 1"},
           Row{"= {};", "1: found \"=\", expected the name of a section"},
       }) {
    CAPTURE(row.text);
    const std::string text = fault(row.text);
    CAPTURE(text);
    CHECK(contains(text, row.expected));
  }
}

TEST_CASE("JAAS: what stands in quotes is never told, it may be a password") {
  for (const char* text : {"Server { a.B required user_x \"secret\";", "Server { \"secret\" x",
                           "Server { a.B required x=\"secret", "Server { a.B \"secret\"",
                           "Server { a.B required x=\"secret\" \"secret\""}) {
    CAPTURE(text);
    CHECK_FALSE(contains(fault(text), "secret"));
  }
}

TEST_CASE("JAAS: the users of the server are the user_ options of all its modules") {
  const Read all = read(
      "Client { com.sun.security.auth.module.Krb5LoginModule required; };\n"
      "Server { " +
      kModule + " required user_bob=\"b\" user_ann=\"a\";\n" + kModule +
      " optional user_bob=\"c\"; };");
  REQUIRE_FALSE(all.fault);
  CHECK(*all.sasl.users ==
        std::map<std::string, std::string, std::less<>>{{"ann", "a"}, {"bob", "c"}});
  CHECK(all.notices.empty());
}

TEST_CASE("JAAS: a server's key of Kerberos, with the options that Java wants") {
  const Read read_key = read(
      "Server { " + kKerberos + " required useKeyTab=true storeKey=true useTicketCache=false\n" +
      "keyTab=\"FILE:/etc/zk.keytab\" principal=\"zookeeper/zk1.example.org@R\" debug=true\n" +
      "renewTGT=true; };");
  REQUIRE_FALSE(read_key.fault);
  REQUIRE(read_key.sasl.kerberos);
  CHECK(read_key.sasl.kerberos->keytab == "/etc/zk.keytab");
  CHECK(read_key.sasl.kerberos->principal == "zookeeper/zk1.example.org@R");
  CHECK_FALSE(read_key.sasl.users);
  REQUIRE(read_key.notices.size() == 1);
  CHECK(contains(read_key.notices[0].text, "/j:3: option renewTGT has no effect on a server"));
}

TEST_CASE("JAAS: what cannot be a server's login is a fault or a warning") {
  struct Row {
    std::string text;
    const char* expected;
  };
  for (const Row& row : {
           Row{"Server {\n " + kKerberos + " required;};",
               "/j:2: Server: names no keytab or no principal; expected useKeyTab=true keyTab="},
           Row{"Server {\n " + kKerberos + " required\nuseKeyTab=false;};",
               "/j:3: Server: useKeyTab"},
           Row{"Server {\n " + kKerberos + " required keyTab=\"/k\"\nprincipal=\"zk@R\";};",
               "/j:3: Server: principal: \"zk@R\": expected SERVICE/HOST@REALM"},
           Row{"Server {\n " + kKerberos + " required;\n" + kModule + " required;};",
               "/j:3: Server: a second login module"},
           Row{"Server {\n " + kModule + " required user_a=\"b\";\n" + kKerberos + " required;};",
               "/j:3: Server: \"com.sun.security.auth.module.Krb5LoginModule\": Kerberos (GSSAPI) "
               "is "
               "for logins of clients only, alone in its section"},
           Row{"Server {\n com.example.Mine required;};",
               "/j:2: Server: \"com.example.Mine\": is no login module of this server; expected"},
           Row{"Server { " + kModule + " required\nuser_=\"x\";};", "/j:2: Server: user_ without"},
           Row{"Server { " + kModule + " required\nuser_x=\"\";};",
               "/j:2: Server: user_x: the password is empty"},
           Row{"\nServer {};", "/j:2: Server: names no user"},
           Row{"\n}", "/j:2: found \"}\""},
       }) {
    const Read result = read(row.text);
    REQUIRE(result.fault);
    const std::string text = result.fault->text();
    CAPTURE(text);
    CHECK(contains(text, row.expected));
  }
  const Read odd = read("Server { " + kModule + " required user_x=\"1\"\nusr_y=\"secret\";};");
  REQUIRE_FALSE(odd.fault);
  REQUIRE(odd.notices.size() == 1);
  CHECK(contains(odd.notices[0].text, "/j:2: option usr_y has no effect"));
  CHECK_FALSE(contains(odd.notices[0].text, "secret"));
  const Read other = read("Client { " + kModule + " required user_x=\"1\";};");
  CHECK_FALSE(other.fault);
  CHECK_FALSE(other.sasl.users);
  CHECK(other.notices.empty());
  CHECK(contains(no_users_text(other.sasl, "/j"), "/j has no section Server"));
}

TEST_CASE("JAAS: the ways in which Java is told the file") {
  CHECK(jaas_path("/etc/jaas.conf") == "/etc/jaas.conf");
  CHECK(jaas_path("=/etc/jaas.conf") == "/etc/jaas.conf");
  CHECK(jaas_path("file:/etc/jaas.conf") == "/etc/jaas.conf");
  CHECK(jaas_path("file:///etc/jaas.conf") == "/etc/jaas.conf");
  CHECK(jaas_path("jaas.conf") == "jaas.conf");
}

}  // namespace quorate::server
