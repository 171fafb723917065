#include "shell/command_table.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "shell/help.h"
#include "shell/options.h"

using namespace quorate::shell;

namespace {

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every row tells what it is: summary, example that it understands, options with help") {
  std::set<std::string> names;
  for (const Command& each : command_table()) {
    CAPTURE(each.name);
    CHECK(names.insert(each.name).second);
    CHECK(std::string(each.summary).size() > 5);
    CHECK(each.words_min <= each.words_max);
    const std::vector<std::string> words = split_words(each.example);
    REQUIRE_FALSE(words.empty());
    CHECK(words.front() == each.name);
    std::string fault;
    const auto parsed = parse_arguments({words.begin() + 1, words.end()}, each.options, fault);
    REQUIRE(parsed.has_value());
    CHECK(parsed->words.size() >= each.words_min);
    CHECK(parsed->words.size() <= each.words_max);
    for (const OptionSpec& option : each.options) CHECK(std::string(option.help).size() > 3);
    CHECK(help_text(each).find(each.example) != std::string::npos);
  }
}

TEST_CASE("zkCli's commands of 3.9 are all there") {
  for (const char* name : {"addWatch",      "addauth",       "close",     "config",
                           "connect",       "create",        "delete",    "deleteall",
                           "delquota",      "get",           "getAcl",    "getAllChildrenNumber",
                           "getEphemerals", "history",       "listquota", "ls",
                           "ls2",           "printwatches",  "quit",      "reconfig",
                           "redo",          "removewatches", "set",       "setAcl",
                           "setquota",      "stat",          "sync",      "version",
                           "whoami"}) {
    CAPTURE(name);
    const Command* command = find_command(name);
    REQUIRE(command != nullptr);
    CHECK_FALSE(command->ours());
  }
}

TEST_CASE("manual page and completion files are those that the table makes") {
  // Renew them with: quorate-shell -print man|bash|zsh
  CHECK(file_text("shell/quorate-shell.1") == manual_page());
  CHECK(file_text("shell/completion/quorate-shell.bash") == completion_file("bash"));
  CHECK(file_text("shell/completion/_quorate-shell") == completion_file("zsh"));
}

TEST_CASE("wrong input of every kind for every command is refused before anything is asked") {
  Output output;
  Remote remote({});
  for (const Command& each : command_table()) {
    CAPTURE(each.name);
    std::vector<std::vector<std::string>> wrong{{"-Q"}, {"--nonsense"}};
    wrong.emplace_back(each.words_max + 1, "/x");
    if (each.words_min > 0) wrong.emplace_back(each.words_min - 1, "/x");
    for (const OptionSpec& option : each.options) {
      if (option.takes_value()) wrong.push_back({std::string("-") + option.name});
    }
    if (each.paths != Paths::None) {
      for (const char* path : {"/a/", "/a//b", "/a/./b", "relative"}) {
        wrong.emplace_back(std::max<std::size_t>(1, each.words_min), "/x");
        wrong.back()[0] = path;
      }
    }
    for (std::vector<std::string>& words : wrong) {
      words.insert(words.begin(), each.name);
      std::string line;
      for (const std::string& word : words) line += word + " ";
      CAPTURE(line);
      Session session(remote, output);
      CHECK(run_command(session, words) == Exit::Usage);
    }
  }
  Session session(remote, output);
  CHECK(run_command(session, {"nonsense"}) == Exit::Usage);
  CHECK(run_command(session, {"get", "/a"}) == Exit::NoConnection);
}

TEST_CASE("the program's options: with one dash or two, before the command; unknown ones refused") {
  ShellOptions options;
  CHECK(parse_options({"-server", "h:1", "--json", "-r", "get", "-s", "/a"}, options).empty());
  CHECK(options.servers == "h:1");
  CHECK(options.json);
  CHECK(options.read_only);
  CHECK(options.command == std::vector<std::string>{"get", "-s", "/a"});
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"-nonsense"},
                                             {"-server"},
                                             {"-timeout", "x"},
                                             {"-timeout", "0"},
                                             {"-print", "x"},
                                             {"-f", "file", "ls", "/"},
                                             {"-client-configuration", "/nonexistent"}}) {
    CAPTURE(wrong.front());
    ShellOptions again;
    CHECK_FALSE(parse_options(wrong, again).empty());
  }
  ShellOptions zkcli;
  zkcli.zkcli = true;
  CHECK(parse_options({"-nonsense", "ls", "/"}, zkcli).empty());
}
