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

std::string transfer_line(const Visit& visit, const std::string& top) {
  std::string out;
  TransferWriter().line(visit, top, out);
  return out;
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

TEST_CASE("a node's line is the JSON document of what it says") {
  using Json = quorate::shell::Json;
  const std::string odd = "\x01\b\t\n\f\r\x1f \"\\/ \x7f \xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x84";
  for (const std::string& data :
       {odd, std::string("plain"), std::string(), std::string("\0x", 2)}) {
    Visit visit = node("/a/" + data, data);
    visit.stat.ephemeral_owner = data == odd ? 1 : 0;
    Json json{{"node", "/" + data}, {"data", data}, {"acl", {"world:anyone:cdrwa"}}};
    if (data == odd) json["ephemeral"] = true;
    CHECK(transfer_line(visit, "/a") == json.dump() + "\n");
  }
  Json binary{{"node", "/a"}, {"data", "/w=="}, {"encoding", "base64"}, {"acl", Json::array()}};
  Visit visit = node("/a", "\xff");
  visit.acl.clear();
  CHECK(transfer_line(visit, "/") == binary.dump() + "\n");
}

TEST_CASE("the list of one node is not taken for that of the next") {
  TransferWriter writer;
  Visit first = node("/a", "");
  Visit second = node("/a/b", "");
  second.acl.front().perms = quorate::perm::kRead;
  std::string out;
  for (const Visit* each : {&first, &second, &first}) writer.line(*each, "/a", out);
  std::istringstream lines(out);
  std::vector<std::string> lists;
  for (std::string line; std::getline(lines, line);) {
    lists.push_back(quorate::shell::Json::parse(line)["acl"][0]);
  }
  CHECK(lists ==
        std::vector<std::string>{"world:anyone:cdrwa", "world:anyone:r", "world:anyone:cdrwa"});
}
