#include "examples/pipeline/open_bus.h"

#include <doctest/doctest.h>

#include <string>

#include "examples/pipeline/embedded_bus.h"
#include "examples/pipeline/remote_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;

TEST_CASE("open bus: the prefix says which") {
  const quorate::test::TemporaryFolder folder;
  const auto embedded = open_bus("embedded:" + folder.path() + "/bus");
  REQUIRE(embedded);
  CHECK(dynamic_cast<EmbeddedBus*>(embedded->get()) != nullptr);
  for (const char* remote : {"unix:/nobody/here", "tcp:127.0.0.1:1"}) {
    const auto opened = open_bus(remote);  // Nobody is asked yet.
    REQUIRE(opened);
    CHECK(dynamic_cast<RemoteBus*>(opened->get()) != nullptr);
  }
}

TEST_CASE("open bus: what is no bus is refused by a fault that names the forms there are") {
  const quorate::test::TemporaryFolder folder;
  for (const std::string& bad :
       {std::string(), std::string("unix:"), std::string("tcp:"), std::string("tcp:host"),
        std::string("embedded:"), std::string("kafka:"), std::string("127.0.0.1:80"),
        folder.path()}) {
    CAPTURE(bad);
    const auto opened = open_bus(bad);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == FaultKind::BadArgument);
    CHECK(opened.error().message.find("tcp:HOST:PORT") != std::string::npos);
  }
}
