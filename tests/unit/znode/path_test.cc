#include "znode/path.h"

#include <doctest/doctest.h>

namespace quorate::znode {

TEST_CASE("paths: which are valid (tree-semantics 1)") {
  for (std::string_view path :
       {"/", "/a", "/a/b", "/...", "/.a", "/a.", "/..a", "/ ", "/%", "/a b", "/zookeeper/zookeeper",
        "/\xC2\xA0", "/\xED\x9F\xBF", "/\xEF\xA4\x80", "/\xEF\xBF\xAF", "/\xEF\xBB\xBF"}) {
    CAPTURE(path);
    CHECK(is_valid_path(path));
  }
  for (std::string_view path :
       {std::string_view(""), std::string_view("a"), std::string_view("/a/"),
        std::string_view("//"), std::string_view("/a//b"), std::string_view("/."),
        std::string_view("/a/.."), std::string_view("/./a"), std::string_view("/a\0", 3),
        std::string_view("/\x1f"), std::string_view("/\x7f"), std::string_view("/\xC2\x9F"),
        std::string_view("/\xEF\xA3\xBF"), std::string_view("/\xEF\xBF\xB0"),
        std::string_view("/\xEF\xBF\xBD"), std::string_view("/\xF0\x9F\x98\x80"),
        std::string_view("/\xF0")}) {
    CAPTURE(path);
    CHECK_FALSE(is_valid_path(path));
  }
}

TEST_CASE("paths: parent, name, the root's two spellings") {
  CHECK(parent_path("/a") == "");
  CHECK(parent_path("/a/b") == "/a");
  CHECK(last_name("/a/b") == "b");
  CHECK(stored_path("/") == "");
  CHECK(shown_path("") == "/");
}

TEST_CASE("sequence suffix: ten digits, signed, never cut (tree-semantics 4)") {
  CHECK(with_sequence("/p/", 8) == "/p/0000000008");
  CHECK(with_sequence("/n", 2147483647) == "/n2147483647");
  CHECK(with_sequence("/n", INT32_MIN) == "/n-2147483648");
}

}  // namespace quorate::znode
