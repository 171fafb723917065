#include "shell/path_list.h"

#include <doctest/doctest.h>

using namespace quorate::shell;

TEST_CASE("a list of paths gives back what it was given, with versions") {
  const std::vector<std::pair<std::string, std::size_t>> walked{
      {"/top", 0},   {"/top/a", 1}, {"/top/a/x", 2},    {"/top/a/x/deep", 3}, {"/top/a/y", 2},
      {"/top/b", 1}, {"/top/c", 1}, {"/top/c/only", 2}, {"/top/c/only/1", 3}};
  PathList list("/top");
  for (std::size_t i = 0; i < walked.size(); ++i) {
    list.add(walked[i].first, walked[i].second, static_cast<std::int32_t>(i) * 3);
  }
  REQUIRE(list.size() == walked.size());
  for (std::size_t i = 0; i < walked.size(); ++i) {
    CHECK(list.path(i) == walked[i].first);
    CHECK(list.version(i) == static_cast<std::int32_t>(i) * 3);
  }
}

TEST_CASE("a list of paths below the root may leave the root out") {
  PathList list("/");
  list.add("/a", 1);
  list.add("/a/b", 2);
  list.add("/c", 1);
  CHECK(list.path(0) == "/a");
  CHECK(list.path(1) == "/a/b");
  CHECK(list.path(2) == "/c");
  CHECK(list.version(2) == quorate::client::kAnyVersion);
}
