// examples/pipeline/program: the command line of the pipelines' programs.
#include "examples/pipeline/program/arguments.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using pipeline_program::Arguments;

namespace {

Arguments parsed(std::vector<std::string> words) {
  std::vector<char*> pointers{const_cast<char*>("program")};
  for (std::string& word : words) pointers.push_back(word.data());
  return Arguments(static_cast<int>(pointers.size()), pointers.data(), {"--flag"});
}

/// What a command says that knows --text, --number, --share, --flag, and FILEs if it `reads`.
std::string fault_of(const std::vector<std::string>& words, bool reads = false) {
  Arguments arguments = parsed(words);
  arguments.text("--text");
  arguments.number("--number", 7, /*most=*/1'000);
  arguments.share("--share", 0.5);
  arguments.flag("--flag");
  if (reads) arguments.files();
  return arguments.fault();
}

}  // namespace

TEST_CASE("arguments: what is said counts, and what is missing has its usual value") {
  Arguments arguments = parsed({"do", "a", "--text", "x", "--flag", "-", "--number", "0"});
  CHECK(arguments.command() == "do");
  CHECK(arguments.files() == std::vector<std::string>{"a", "-"});
  CHECK(arguments.text("--text") == "x");
  CHECK(arguments.text("--other", "usual") == "usual");
  CHECK(arguments.number("--number", 7) == 0);
  CHECK(arguments.number("--more", 7) == 7);
  CHECK(arguments.share("--share", 0.5) == 0.5);
  CHECK(arguments.flag("--flag"));
  CHECK(arguments.fault().empty());
}

TEST_CASE("arguments: what is wrong is named") {
  struct Row {
    std::vector<std::string> words;
    const char* fault;
  };
  for (const Row& row :
       {Row{{"do", "--txt", "x"}, "do knows no --txt"}, Row{{"do", "--txt"}, "do knows no --txt"},
        Row{{"do", "--text"}, "--text needs a value"},
        Row{{"do", "--text", "--flag"}, "--text needs a value"},
        Row{{"do", "--number", "--flag"}, "--number needs a value"},
        Row{{"do", "--number", "ten"}, "--number: ten is no number"},
        Row{{"do", "--number", "-1"}, "--number: -1 is no number"},
        Row{{"do", "--number", "1e3"}, "--number: 1e3 is no number"},
        Row{{"do", "--number", "1001"}, "--number: at most 1000, not 1001"},
        Row{{"do", "--number", "99999999999999999999"},
            "--number: at most 1000, not 99999999999999999999"},
        Row{{"do", "--share", "-0.1"}, "--share: -0.1 is no number"},
        Row{{"do", "--share", "nan"}, "--share: nan is no number"},
        Row{{"do", "--share", "inf"}, "--share: inf is no number"},
        Row{{"do", "twice"}, "do has no use for 'twice'"},
        Row{{"do", "--number", "x", "--numbre", "1"}, "do knows no --numbre"}}) {
    CHECK(fault_of(row.words) == row.fault);
  }
  CHECK(fault_of({"do", "file"}, /*reads=*/true).empty());
}

TEST_CASE("arguments: help may be asked for in any place") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"help"},
                                                {"--help"},
                                                {"-h"},
                                                {"do", "--help"},
                                                {"do", "--text", "x", "-h"},
                                                {"do", "--text", "--help"}}) {
    CHECK(parsed(words).asks_for_help());
  }
  CHECK_FALSE(parsed({}).asks_for_help());
  CHECK_FALSE(parsed({"do", "--text", "help"}).asks_for_help());
}

TEST_CASE("arguments: names are for paths and topics") {
  for (const char* name : {"a", "hits.v2", "A_b-c", "..."}) {
    CHECK(pipeline_program::is_name(name));
  }
  for (const std::string& other : {std::string(), std::string("."), std::string(".."),
                                   std::string("a/b"), std::string("a b"), std::string(101, 'a')}) {
    CHECK_FALSE(pipeline_program::is_name(other));
  }
}
