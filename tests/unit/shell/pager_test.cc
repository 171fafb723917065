#include "shell/pager.h"

#include <doctest/doctest.h>

#include <string>

using namespace quorate::shell;

namespace {

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + "\n";
  return text;
}

/// How many lines come before the question.
int taken(Pager& pager, std::string& text) {
  const std::string part = text.substr(0, pager.take(text));
  text.erase(0, part.size());
  int count = 0;
  for (const char c : part) count += c == '\n' ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a page is a screenful less the row of the question") {
  Pager pager;
  pager.begin(true, 10);
  std::string text = lines(30);
  CHECK(taken(pager, text) == 9);
  CHECK(pager.full());
  CHECK(taken(pager, text) == 0);
  CHECK(pager.answer(' ', 10));
  CHECK(taken(pager, text) == 9);
  CHECK(pager.answer('\n', 10));
  CHECK(taken(pager, text) == 1);
  CHECK_FALSE(pager.answer('q', 10));
}

TEST_CASE("the next page has the size that the window has then") {
  Pager pager;
  pager.begin(true, 10);
  std::string text = lines(100);
  CHECK(taken(pager, text) == 9);
  CHECK(pager.answer(' ', 31));
  CHECK(taken(pager, text) == 30);
}

TEST_CASE("'a' gives all the rest, and so does a pager that is off") {
  Pager pager;
  pager.begin(true, 5);
  std::string text = lines(50);
  CHECK(taken(pager, text) == 4);
  CHECK(pager.answer('a', 5));
  CHECK(taken(pager, text) == 46);
  text = lines(50);
  pager.begin(false, 5);
  CHECK(taken(pager, text) == 50);
  CHECK_FALSE(pager.full());
}

TEST_CASE("lines may come in pieces; what has no end yet is no row") {
  Pager pager;
  pager.begin(true, 4);
  for (const char* piece : {"a", "b\n", "c\nd", "\n"}) {
    CHECK_FALSE(pager.full());
    CHECK(pager.take(piece) == std::string_view(piece).size());
  }
  CHECK(pager.full());
}

TEST_CASE("a key that means nothing ends the list, as Ctrl-C and the end of input do") {
  for (const char key : {'q', 'x', '\x04', '\0'}) {
    Pager pager;
    pager.begin(true, 3);
    CHECK_FALSE(pager.answer(key, 3));
  }
}
