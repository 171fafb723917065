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
  const std::vector<OptionSpec> specs{{'s'}, {'w'}, {'v', true}};
  struct Row {
    const char* line;
    bool understood;
    Words words;
    const char* letters;
  };
  for (const Row& row : {Row{"/a", true, {"/a"}, ""}, Row{"-s /a", true, {"/a"}, "s"},
                         Row{"/a x -s", true, {"/a", "x"}, "s"}, Row{"-sw /a", true, {"/a"}, "sw"},
                         Row{"/a -v 3", true, {"/a"}, "v"}, Row{"/a -v -1", true, {"/a"}, "v"},
                         Row{"-sv 3 /a", true, {"/a"}, "sv"}, Row{"/a -", true, {"/a", "-"}, ""},
                         Row{"/a -- -s", true, {"/a", "-s"}, ""}, Row{"/a -x", false, {}, ""},
                         Row{"/a -v", false, {}, ""}, Row{"-vs 3 /a", false, {}, ""}}) {
    CAPTURE(row.line);
    const auto parsed = parse_arguments(split_words(row.line), specs);
    REQUIRE(parsed.has_value() == row.understood);
    if (!parsed) continue;
    CHECK(parsed->words == row.words);
    CHECK(parsed->options.size() == std::string(row.letters).size());
    for (const char* letter = row.letters; *letter != '\0'; ++letter) CHECK(parsed->has(*letter));
  }
}

TEST_CASE("numbers: whole, in range, and nothing behind them") {
  CHECK(parse_int("12") == 12);
  CHECK(parse_int("-1") == -1);
  for (const char* bad : {"", "x", "1x", "1.5", "99999999999", " 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_int(bad).has_value());
  }
}
