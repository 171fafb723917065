#include "server/config/jaas.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace quorate::server {
namespace {

struct Token {
  enum class Kind { End, Word, Quoted, Sign, Broken };
  Kind kind = Kind::End;
  std::string text;  ///< Of Broken: what is wrong.
  int line = 1;
};

bool is_word_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || std::string_view("_$-*.").find(c) < 5;
}

/// Cuts a file as Java's StreamTokenizer does.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : left_(text) {}

  Token next() {
    if (!skip()) return {Token::Kind::Broken, "a comment that does not end with */", line_};
    if (left_.empty()) return {Token::Kind::End, {}, line_};
    if (left_.front() == '"') return quoted();
    std::size_t size = 0;
    while (size < left_.size() && is_word_char(left_[size])) ++size;
    if (size > 0) return {Token::Kind::Word, take(size), line_};
    const auto byte = static_cast<unsigned char>(left_.front());
    if (byte < 0x20 || byte == 0x7f) {
      return {Token::Kind::Broken, "a control character", line_};
    }
    return {Token::Kind::Sign, take(1), line_};
  }

 private:
  std::string take(std::size_t size) {
    std::string taken(left_.substr(0, size));
    left_.remove_prefix(size);
    return taken;
  }

  /// Blanks and comments. False: a comment has no end.
  bool skip() {
    while (!left_.empty()) {
      const char c = left_.front();
      if (left_.starts_with("/*")) {
        const std::size_t end = left_.find("*/", 2);
        if (end == std::string_view::npos) return false;
        line_ += static_cast<int>(
            std::count(left_.begin(), left_.begin() + static_cast<long>(end), '\n'));
        left_.remove_prefix(end + 2);
      } else if (c == '/') {  // One is enough for Java, too.
        left_.remove_prefix(std::min(left_.find('\n'), left_.size()));
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
        if (c == '\n') ++line_;
        left_.remove_prefix(1);
      } else {
        break;
      }
    }
    return true;
  }

  Token quoted() {
    Token token{Token::Kind::Quoted, {}, line_};
    for (left_.remove_prefix(1); !left_.empty() && left_.front() != '\n'; left_.remove_prefix(1)) {
      char c = left_.front();
      if (c == '"') {
        left_.remove_prefix(1);
        return token;
      }
      if (c == '\\') {
        left_.remove_prefix(1);
        if (left_.empty()) break;
        c = left_.front();
        // Java has octal numbers here and blanks by letters: nobody means them in a password.
        if (c != '"' && c != '\\') {
          return {Token::Kind::Broken, R"(a backslash in a quoted text; write \\ for one)", line_};
        }
      }
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) {
        return {Token::Kind::Broken, "a control character in a quoted text", line_};
      }
      token.text += c;
    }
    return {Token::Kind::Broken, "a quoted text that does not end on its line", token.line};
  }

  std::string_view left_;
  int line_ = 1;
};

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::End:
      return "the end of the file";
    case Token::Kind::Quoted:
      return "a quoted text";  // It may be a password.
    case Token::Kind::Broken:
      return token.text;
    case Token::Kind::Word:
    case Token::Kind::Sign:
      break;
  }
  constexpr std::size_t kShownMax = 80;
  return '"' + token.text.substr(0, kShownMax) + '"';
}

bool is_flag(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word == "required" || word == "requisite" || word == "sufficient" || word == "optional";
}

/// section { class flag name=value ... ; ... } ;
class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(text), here_(tokens_.next()) {}

  JaasResult parse() {
    std::vector<JaasSection> sections;
    while (here_.kind != Token::Kind::End) {
      JaasSection section;
      if (!read_section(section)) return fault_;
      const auto same = std::find_if(sections.begin(), sections.end(),
                                     [&](const auto& other) { return other.name == section.name; });
      if (same != sections.end()) {
        return JaasFault{section.line, "a second section " + section.name +
                                           "; the first is in line " + std::to_string(same->line)};
      }
      sections.push_back(std::move(section));
    }
    return sections;
  }

 private:
  bool fail(const std::string& wanted) {
    fault_ = {here_.line, "found " + shown(here_) + ", expected " + wanted};
    return false;
  }
  Token take() { return std::exchange(here_, tokens_.next()); }
  bool at_sign(char c) const { return here_.kind == Token::Kind::Sign && here_.text.front() == c; }
  bool take_sign(char c, const std::string& where) {
    if (!at_sign(c)) return fail(std::string("\"") + c + "\" " + where);
    take();
    return true;
  }
  bool take_word(std::string& word, const std::string& wanted) {
    if (here_.kind != Token::Kind::Word) return fail(wanted);
    word = take().text;
    return true;
  }

  bool read_section(JaasSection& section) {
    section.line = here_.line;
    if (here_.kind != Token::Kind::Word && here_.kind != Token::Kind::Quoted) {
      return fail("the name of a section");
    }
    section.name = take().text;
    if (!take_sign('{', "behind the name of a section")) return false;
    while (!at_sign('}')) {
      JaasModule module;
      if (!read_module(module)) return false;
      section.modules.push_back(std::move(module));
    }
    take();
    return take_sign(';', "behind the \"}\" of section " + section.name);
  }

  bool read_module(JaasModule& module) {
    module.line = here_.line;
    if (!take_word(module.class_name, "the class of a login module, or \"}\"")) return false;
    const std::string flag = "required, requisite, sufficient or optional behind the class";
    if (here_.kind != Token::Kind::Word || !is_flag(here_.text)) return fail(flag);
    take();
    while (!at_sign(';')) {
      JaasOption option;
      if (!read_option(option)) return false;
      module.options.push_back(std::move(option));
    }
    take();
    return true;
  }

  bool read_option(JaasOption& option) {
    option.line = here_.line;
    if (!take_word(option.name, "an option name=\"value\", or \";\" behind the last one"))
      return false;
    if (!take_sign('=', "behind the option " + option.name)) return false;
    if (here_.kind != Token::Kind::Word && here_.kind != Token::Kind::Quoted) {
      return fail("a value in double quotes for the option " + option.name);
    }
    option.value = take().text;
    if (option.value.find("${") == std::string::npos) return true;
    fault_ = {option.line,
              "the value of " + option.name +
                  " names a system property by ${...}, which Java would replace; write "
                  "the value itself"};
    return false;
  }

  Tokens tokens_;
  Token here_;
  JaasFault fault_;
};

}  // namespace

JaasResult parse_jaas(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace quorate::server
