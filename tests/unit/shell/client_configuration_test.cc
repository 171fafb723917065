#include "shell/client_configuration.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace quorate::shell;

namespace {

std::string written(const quorate::test::TemporaryFolder& folder, const std::string& text) {
  const std::string file = folder.path() + "/client.properties";
  std::ofstream(file, std::ios::trunc) << text;
  return file;
}

}  // namespace

TEST_CASE(
    "zkCli's properties: TLS, stores and the time limit; what has no meaning here is passed") {
  const quorate::test::TemporaryFolder folder;
  ShellOptions options;
  const std::string file = written(folder,
                                   "# a remark\n! another\n\n"
                                   "zookeeper.client.secure = TRUE\r\n"
                                   "zookeeper.ssl.keyStore.location=/k.p12\n"
                                   "  zookeeper.ssl.keyStore.password : a=b:c \n"
                                   "zookeeper.ssl.trustStore.location=/t.pem\n"
                                   "zookeeper.ssl.trustStore.passwordPath=/p\n"
                                   "zookeeper.ssl.hostnameVerification=false\n"
                                   "zookeeper.ssl.crl=false\n"
                                   "zookeeper.request.timeout=1500\n"
                                   "zookeeper.clientCnxnSocket=org.apache.Whatever\n");
  CHECK(read_client_configuration(file, options) == "");
  CHECK(options.tls_files.enabled);
  CHECK(options.tls_files.key_store.location == "/k.p12");
  CHECK(options.tls_files.key_store.password == "a=b:c");
  CHECK(options.tls_files.trust_store.location == "/t.pem");
  CHECK(options.tls_files.trust_store.password_file == "/p");
  CHECK_FALSE(options.tls_files.verify_host);
  CHECK(options.operation_timeout == std::chrono::milliseconds(1500));
}

TEST_CASE("properties that ask for what is not done are refused, with file and name") {
  const quorate::test::TemporaryFolder folder;
  for (const char* line :
       {"zookeeper.ssl.crl=true", "zookeeper.ssl.ocsp=true", "no equals sign",
        "zookeeper.ssl.context.supplier.class=a.B", "zookeeper.request.timeout=soon"}) {
    CAPTURE(line);
    ShellOptions options;
    const std::string fault = read_client_configuration(written(folder, line), options);
    CHECK(fault.find("client.properties") != std::string::npos);
    const std::string name = std::string(line).substr(0, std::string(line).find('='));
    CHECK(fault.find(name) != std::string::npos);
  }
  ShellOptions options;
  CHECK(read_client_configuration(folder.path() + "/none", options).find("cannot read") == 0);
}

TEST_CASE("Java's -D words: those of zookeeper count, all others do not") {
  ShellOptions options;
  CHECK(read_jvm_flags("-Xmx256m -Dzookeeper.client.secure=true -Dother.client.secure=x -verbose "
                       "\"-Dzookeeper.ssl.keyStore.location=/with blank/k.pem\" -Dzookeeper.lonely",
                       options) == "");
  CHECK(options.tls_files.enabled);
  CHECK(options.tls_files.key_store.location == "/with blank/k.pem");
  CHECK(read_jvm_flags("-Dzookeeper.ssl.crl=true", options).find("zookeeper.ssl.crl") !=
        std::string::npos);
}

TEST_CASE("the program's SASL options: a user, and a password from a file or the environment") {
  const quorate::test::TemporaryFolder folder;
  const std::string file = written(folder, "secret\r\nmore\n");
  ShellOptions options;
  CHECK(parse_options({"--sasl-user", "bob", "--sasl-password-file", file}, options) == "");
  CHECK(options.connect().sasl.user == "bob");
  CHECK(options.connect().sasl.password == "secret");
  ShellOptions none;
  CHECK(parse_options({"--sasl-user", "bob", "--sasl-password-file", "/nonexistent"}, none) ==
        "cannot read /nonexistent");
  ShellOptions empty;
  CHECK(parse_options({"--sasl-user", "bob", "--sasl-password-file", written(folder, "")}, empty)
            .find("needs a password") != std::string::npos);
  ShellOptions alone;
  CHECK(parse_options({"--sasl-password-file", file}, alone) ==
        "--sasl-password-file needs --sasl-user");
  ShellOptions nobody;
  CHECK(parse_options({"ls", "/"}, nobody) == "");
  CHECK(nobody.connect().sasl.user.empty());
}

TEST_CASE("the program's TLS options turn TLS on and name their file when it cannot be used") {
  const quorate::test::TemporaryFolder folder;
  const std::string file = written(folder, "garbage");
  const std::vector<std::vector<std::string>> wrong{{"--ca", file},
                                                    {"--ca", "/nonexistent"},
                                                    {"--cert", file},
                                                    {"--key", file},
                                                    {"--tls", "--key", "/nonexistent"}};
  for (const auto& arguments : wrong) {
    ShellOptions options;
    const std::string fault = parse_options(arguments, options);
    CHECK(options.tls_files.enabled);
    CHECK(fault.find(arguments.back()) != std::string::npos);
  }
  ShellOptions options;
  CHECK(parse_options({"--tls", "--any-host", "ls", "/"}, options) == "");
  CHECK(options.connect().tls.enabled);
  CHECK_FALSE(options.connect().tls.verify_host);
  ShellOptions plain;
  CHECK(parse_options({"--any-host", "ls", "/"}, plain) == "");
  CHECK_FALSE(plain.connect().tls.enabled);
  ShellOptions java;
  CHECK(parse_options({"--ca", written(folder, "\xfe\xed\xfe\xed rest")}, java)
            .find("keytool -importkeystore") != std::string::npos);
}
