#include "shell/line.h"

#include <doctest/doctest.h>

using namespace quorate::shell;
using Words = std::vector<std::string>;

TEST_CASE("words: split at blanks, quotes taken off, no escapes (shell-commands §2)") {
  struct Row {
    const char* line;
    Words expected;
  };
  for (const Row& row :
       {Row{"", {}}, Row{"   ", {}}, Row{"ls /", {"ls", "/"}},
        Row{"  get\t-s  /a \r", {"get", "-s", "/a"}},
        Row{"set /a \"two words\"", {"set", "/a", "two words"}},
        Row{"set /a 'it is \"so\"'", {"set", "/a", "it is \"so\""}},
        Row{"set /a \"\"", {"set", "/a", ""}}, Row{"set /a \"open", {"set", "/a", "\"open"}},
        Row{"set /a back\\slash", {"set", "/a", "back\\slash"}}}) {
    CAPTURE(row.line);
    CHECK(split_words(row.line) == row.expected);
  }
}

TEST_CASE("options: may stand anywhere, together, and with a value; unknown ones are refused") {
  const std::vector<OptionSpec> specs{{"s"}, {"w"}, {"v", "version"}, {"file", "path"}};
  struct Row {
    const char* line;
    bool understood;
    Words words;
    Words options;
  };
  for (const Row& row :
       {Row{"/a", true, {"/a"}, {}}, Row{"-s /a", true, {"/a"}, {"s"}},
        Row{"/a x -s", true, {"/a", "x"}, {"s"}}, Row{"-sw /a", true, {"/a"}, {"s", "w"}},
        Row{"/a -v 3", true, {"/a"}, {"v"}}, Row{"/a -v -1", true, {"/a"}, {"v"}},
        Row{"-sv 3 /a", true, {"/a"}, {"s", "v"}}, Row{"/a -", true, {"/a", "-"}, {}},
        Row{"/a -- -s", true, {"/a", "-s"}, {}}, Row{"/a -5", true, {"/a", "-5"}, {}},
        Row{"-file x", true, {}, {"file"}}, Row{"--file x", true, {}, {"file"}},
        Row{"--file=x", true, {}, {"file"}}, Row{"/a -x", false, {}, {}},
        Row{"/a -v", false, {}, {}}, Row{"-vs 3 /a", false, {}, {}}, Row{"--sw", false, {}, {}},
        Row{"-s=1", false, {}, {}}}) {
    CAPTURE(row.line);
    std::string fault;
    const auto parsed = parse_arguments(split_words(row.line), specs, fault);
    REQUIRE(parsed.has_value() == row.understood);
    CHECK(fault.empty() == row.understood);
    if (!parsed) continue;
    CHECK(parsed->words == row.words);
    CHECK(parsed->options.size() == row.options.size());
    for (const std::string& option : row.options) CHECK(parsed->has(option));
  }
}

TEST_CASE("paths: relative to the directory, '..' and '.' understood, faults in zkCli's words") {
  CHECK(absolute_path("/", "a") == "/a");
  CHECK(absolute_path("/a/b", "c") == "/a/b/c");
  CHECK(absolute_path("/a/b", "..") == "/a");
  CHECK(absolute_path("/a", "../../..") == "/");
  CHECK(absolute_path("/a", "./b/.") == "/a/b");
  CHECK(absolute_path("/a", "/b") == "/b");
  CHECK(absolute_path("/a", "/b//c") == "/b//c");  // Wrong, and to be told so.
  CHECK(child_path("/", "a") == "/a");
  CHECK(child_path("/a", "b") == "/a/b");
  CHECK(parent_path("/a/b") == "/a");
  CHECK(parent_path("/a") == "/");
  CHECK(last_name("/a/b") == "b");
  CHECK(path_fault("/").empty());
  CHECK(path_fault("/a/b").empty());
  CHECK(path_fault("/a/", /*sequential=*/true).empty());
  CHECK(path_fault("a") == "Path must start with / character");
  CHECK(path_fault("") == "Path must start with / character");
  CHECK(path_fault("/a/") == "Path must not end with / character");
  CHECK(path_fault("/a//b") ==
        "Invalid path string \"/a//b\" caused by empty node name specified @3");
  CHECK_FALSE(path_fault("/a/./b").empty());
  CHECK_FALSE(path_fault("/a/..").empty());
}

TEST_CASE("numbers: whole, in range, and nothing behind them") {
  CHECK(parse_int("12") == 12);
  CHECK(parse_int("-1") == -1);
  for (const char* bad : {"", "x", "1x", "1.5", "99999999999", " 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_int(bad).has_value());
  }
}

TEST_CASE("a line with a password is not kept in a file") {
  CHECK(may_be_kept("get /a"));
  CHECK(may_be_kept("create /a addauth"));
  CHECK_FALSE(may_be_kept("addauth digest u:secret"));
  CHECK_FALSE(may_be_kept("  addauth   digest u:secret"));
  CHECK_FALSE(may_be_kept("\"addauth\" digest u:secret"));
  CHECK_FALSE(may_be_kept("   "));
}
