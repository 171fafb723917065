#include "shell/completion.h"

#include <doctest/doctest.h>

using namespace quorate::shell;
using Words = std::vector<std::string>;

namespace {

std::vector<std::string> children(const std::string& path) {
  if (path == "/") return {"app", "apple", "zookeeper"};
  if (path == "/app") return {"one", "two"};
  return {};
}

Words candidates(const std::string& line, const std::string& directory = "/") {
  return complete(line, directory, children).candidates;
}

}  // namespace

TEST_CASE("completion: the first word is a command") {
  CHECK(candidates("getA") == Words{"getAcl", "getAllChildrenNumber"});
  CHECK(complete("getA", "/", children).shared() == "getA");
  CHECK(complete("getAc", "/", children).shared() == "getAcl");
  CHECK(candidates("nonsense").empty());
  CHECK(candidates("help creat") == Words{"create"});
}

TEST_CASE("completion: options of the command") {
  CHECK(candidates("stat -") == Words{"--json", "-h", "-w"});
  CHECK(candidates("nonsense -").empty());
}

TEST_CASE("completion: paths, absolute and relative, where the command takes one") {
  CHECK(candidates("get /ap") == Words{"/app", "/apple"});
  CHECK(candidates("get -s /app/") == Words{"/app/one", "/app/two"});
  CHECK(candidates("get ap") == Words{"app", "apple"});
  CHECK(candidates("get t", "/app") == Words{"two"});
  CHECK(candidates("get ../a", "/app") == Words{"../app", "../apple"});
  CHECK(candidates("cd /app/o") == Words{"/app/one"});
  CHECK(candidates("delete -v 3 /app/o") == Words{"/app/one"});
  CHECK(candidates("set /app /a").empty());  // The second word of set is data.
  CHECK(candidates("cp /app /ap") == Words{"/app", "/apple"});
  CHECK(candidates("get x", "") == Words{});
  CHECK(complete("get \"/ap", "/", children).candidates == Words{"/app", "/apple"});
}

TEST_CASE("hints: the arguments of the command, once it is complete") {
  CHECK(argument_hint("get").empty());
  CHECK(argument_hint("sync ") == "path");
  CHECK(argument_hint("nonsense ").empty());
}

TEST_CASE("completion: a name in another alphabet is never cut in the middle of a character") {
  const auto greek = [](const std::string&) {
    return std::vector<std::string>{"\xce\xb1\xce\xb2", "\xce\xb1\xce\xb3"};
  };
  CHECK(complete("get /", "/", greek).shared() == "/\xce\xb1");
}

TEST_CASE("completion: a server that does not answer leaves the line as it is") {
  const auto silent = [](const std::string&) { return std::vector<std::string>(); };
  CHECK(complete("get /a", "/", silent).candidates.empty());
  CHECK(complete("get /a", "/", silent).shared().empty());
}

TEST_CASE("completion: long options with one dash or two") {
  CHECK(candidates("import --res") == Words{"--resume"});
  CHECK(candidates("deleteall --") == Words{"--json"});
  CHECK(candidates("cp --to zoo2:2181 /ap") == Words{"/app", "/apple"});
  CHECK(candidates("cp --to zoo2:2181 /app /app/t") == Words{"/app/two"});
  CHECK(candidates("import -res") == Words{"-resume"});
  CHECK(candidates("deleteall -") == Words{"--json", "-b", "-n", "-y"});
}
