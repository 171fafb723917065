#include "shell/transfer.h"

#include <doctest/doctest.h>

#include <sstream>

using namespace quorate::shell;

namespace {

Visit node(const std::string& path, quorate::client::Buffer data) {
  Visit visit;
  visit.path = path;
  visit.data = std::move(data);
  visit.acl = quorate::open_acl();
  return visit;
}

std::string fault_of(const std::string& text) {
  std::istringstream in(text);
  TransferReader reader(in);
  if (!reader.head()) return reader.fault();
  while (reader.next()) {
  }
  return reader.fault();
}

}  // namespace

TEST_CASE("an export read again is what was written, with paths relative to its top") {
  Visit ephemeral = node("/a/b", std::nullopt);
  ephemeral.stat.ephemeral_owner = 7;
  std::stringstream file(transfer_head("/a") + transfer_line(node("/a", "\xff"), "/a") +
                         transfer_line(ephemeral, "/a") + transfer_end(2));
  TransferReader reader(file);
  CHECK(reader.head() == "/a");
  auto first = reader.next();
  REQUIRE(first.has_value());
  CHECK(first->path.empty());
  CHECK(first->data == "\xff");
  CHECK(first->acl == quorate::open_acl());
  auto second = reader.next();
  REQUIRE(second.has_value());
  CHECK(second->path == "/b");
  CHECK_FALSE(second->data.has_value());
  CHECK(second->ephemeral);
  CHECK_FALSE(reader.next().has_value());
  CHECK(reader.fault().empty());
}

TEST_CASE("a file that was cut, changed or is something else is refused, with its line") {
  const std::string head = transfer_head("/a");
  const std::string line = transfer_line(node("/a/b", "x"), "/a");
  CHECK(fault_of(head + line + transfer_end(1)).empty());
  CHECK_FALSE(fault_of("").empty());
  CHECK_FALSE(fault_of("{}\n").empty());
  CHECK_FALSE(fault_of("[1]\n").empty());
  CHECK(fault_of(head + line).find("line 3") != std::string::npos);
  CHECK(fault_of(head + line + transfer_end(2)).find("line 3") != std::string::npos);
  CHECK(fault_of(head + "nonsense\n").find("line 2") != std::string::npos);
  CHECK(fault_of(head + "{\"node\":\"b\"}\n").find("line 2") != std::string::npos);
  CHECK(fault_of(head + "{\"node\":\"/b\",\"data\":7}\n").find("line 2") != std::string::npos);
  CHECK(fault_of(head + "{\"node\":\"/b\",\"acl\":[\"x\"]}\n").find("line 2") != std::string::npos);
  CHECK(fault_of(head + "{\"node\":\"/b\",\"acl\":[5]}\n").find("line 2") != std::string::npos);
}
