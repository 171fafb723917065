#include "shell/data_view.h"

#include <doctest/doctest.h>

#include "shell/output.h"

using namespace quorate::shell;
using namespace std::string_literals;

TEST_CASE("base64: there and back for every length, anything else is refused") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(from_base64(to_base64(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
  CHECK(to_base64("hello") == "aGVsbG8=");
  for (const char* bad : {"a", "ab", "abc", "ab=c", "====", "a===", "ab$=", "ab==ab=="}) {
    CAPTURE(bad);
    CHECK_FALSE(from_base64(bad).has_value());
  }
}

TEST_CASE("hex dump: 16 bytes a row in a frame") {
  CHECK(hex_dump("hello\n") ==
        "         +-------------------------------------------------+\n"
        "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
        "+--------+-------------------------------------------------+----------------+\n"
        "|00000000| 68 65 6c 6c 6f 0a                               |hello.          |\n"
        "+--------+-------------------------------------------------+----------------+\n");
  CHECK(hex_dump(std::string(17, 'a')).find("|00000010| 61 ") != std::string::npos);
}

TEST_CASE("data for people: JSON indented, text as it is, anything else as hex, cut with a note") {
  CHECK(data_for_people(std::nullopt) == "null\n");
  CHECK(data_for_people("text") == "text\n");
  CHECK(data_for_people("{\"a\":1}") == "{\n  \"a\": 1\n}\n");
  CHECK(data_for_people("{no json") == "{no json\n");
  CHECK(data_for_people("\x1b[2J").find("|00000000| 1b 5b 32 4a") != std::string::npos);
  CHECK(data_for_people(std::string(100'000, 'a')).find("bytes not shown") != std::string::npos);
  CHECK(data_for_people(std::string(5'000, '\0')).find("bytes not shown") != std::string::npos);
}

TEST_CASE("a terminal never sees what it would take for a command") {
  CHECK(harmless("plain\ttext\n") == "plain\ttext\n");
  CHECK(harmless("\x1b]0;title\a") == "\\x1b]0;title\\x07");
  CHECK(harmless("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  CHECK(harmless("\xc2\x9b") == "\\xc2\\x9b");  // CSI as one character.
  CHECK(harmless("\xff\xc3") == "\\xff\\xc3");
  CHECK(harmless("\xe0\x80\x80") == "\\xe0\\x80\\x80");
  CHECK(harmless("\r\x7f") == "\\x0d\\x7f");
}

TEST_CASE("data in JSON: null, text, or base64 where it is no UTF-8; and back") {
  for (const quorate::client::Buffer& data :
       {quorate::client::Buffer(), quorate::client::Buffer(""), quorate::client::Buffer("a\0b"s),
        quorate::client::Buffer("\xff\x00"s), quorate::client::Buffer("gr\xc3\xbc\xc3\x9f")}) {
    Json object = Json::object();
    put_data(object, data);
    const Json again = Json::parse(object.dump());
    const auto taken = take_data(again);
    REQUIRE(taken.has_value());
    CHECK(*taken == data);
  }
  CHECK_FALSE(take_data(Json{{"data", 5}}).has_value());
  CHECK_FALSE(take_data(Json{{"data", "x"}, {"encoding", "base64"}}).has_value());
  CHECK_FALSE(take_data(Json{{"data", "x"}, {"encoding", "rot13"}}).has_value());
}
