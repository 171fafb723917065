// What a real server answered to four-letter words, against what ours writes.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "golden/captures.h"
#include "server/admin/four_letter.h"
#include "tests/support/fake_admin_source.h"

namespace quorate::server {
namespace {

/// The recorded answer to `name` ("4lw.mntr") in a file of recordings.
std::string recorded(const std::string& file, const std::string& name) {
  std::string text;
  golden::each_line("captures/" + file, [&](const golden::Json& line) {
    if (line.value("name", "") != name || line["direction"] != "s2c") return;
    text = line["decoded"].value("text", "");
  });
  return text;
}

std::set<std::string> words_before(const std::string& text, char separator) {
  std::set<std::string> words;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find(separator);
    if (end != std::string::npos) words.insert(line.substr(0, end));
  }
  return words;
}

struct Fixture {
  Config config;
  FakeAdminSource source;
  Fixture() { config.admin.all_words = true; }
  std::string ask(const char* word) { return *answer_four_letter_word(word, config, source); }

  void check_mntr(const std::string& file, const std::string& name) {
    const std::set<std::string> ours = words_before(ask("mntr"), '\t');
    const std::set<std::string> theirs = words_before(recorded(file, name), '\t');
    REQUIRE(theirs.size() > 100);
    for (const std::string& key : theirs) {
      // There is no JVM; sets of a name space depend on what the clients did.
      const bool absent =
          key.find("jvm_") != std::string::npos || key.find("_per_namespace") != std::string::npos;
      if (absent) continue;
      CAPTURE(key);
      CHECK(ours.contains(key));
    }
  }
};

}  // namespace

TEST_CASE("mntr has every key of ZooKeeper 3.9.5, alone and as a follower") {
  if (!golden::available()) return;
  Fixture f;
  f.check_mntr("golden-3.9.5.jsonl", "4lw.mntr");
  f.config.ensemble.standalone = false;
  f.source.now.status.mode = "follower";
  f.source.now.status.zab_state = "broadcast";
  f.check_mntr("golden-3.9.5-ensemble.jsonl", "ensemble.4lw.mntr");
  CHECK(f.ask("mntr").find("zk_peer_state\tfollowing - broadcast\n") != std::string::npos);
}

TEST_CASE("conf has the keys of ZooKeeper in its order") {
  if (!golden::available()) return;
  const auto keys = [](const std::string& text) {
    std::string out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out += line.substr(0, line.find('=')) + ' ';
    return out;
  };
  Fixture f;
  CHECK(keys(f.ask("conf")) == keys(recorded("golden-3.9.5.jsonl", "4lw.conf")));
}

TEST_CASE("envi has the keys of ZooKeeper in its order, those of a JVM left out") {
  if (!golden::available()) return;
  Fixture f;
  std::string expected;
  std::istringstream lines(recorded("golden-3.9.5.jsonl", "4lw.envi"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("java.")) expected += line.substr(0, line.find('=')) + ' ';
  }
  std::string ours;
  std::istringstream own(f.ask("envi"));
  for (std::string line; std::getline(own, line);) ours += line.substr(0, line.find('=')) + ' ';
  CHECK(ours == expected);
}

TEST_CASE("short answers are ZooKeeper's, byte for byte") {
  if (!golden::available()) return;
  Fixture f;
  for (const char* word : {"ruok", "isro", "crst", "srst", "gtmk", "hash"}) {
    CAPTURE(word);
    CHECK(f.ask(word) == recorded("golden-3.9.5.jsonl", std::string("4lw.") + word));
  }
}

TEST_CASE("cons: a recorded line is rebuilt from its figures") {
  if (!golden::available()) return;
  Fixture f;
  const std::string text = recorded("golden-3.8.0.jsonl", "4lw.cons");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    std::map<std::string, std::string> fields;
    std::istringstream parts(line.substr(line.find('(') + 1, line.rfind(')') - line.find('(') - 1));
    for (std::string part; std::getline(parts, part, ',');) {
      fields[part.substr(0, part.find('='))] = part.substr(part.find('=') + 1);
    }
    const auto number = [&](const char* key) {
      return fields.contains(key) ? std::stoll(fields[key], nullptr, 0) : 0;
    };
    ConnectionStatus one;
    one.address = "127.0.0.1";
    one.port = static_cast<std::uint16_t>(std::stoi(line.substr(line.find(':') + 1)));
    one.reading = line.find("[1]") != std::string::npos;
    one.outstanding = static_cast<std::size_t>(number("queued"));
    one.received = static_cast<std::uint64_t>(number("recved"));
    one.sent = static_cast<std::uint64_t>(number("sent"));
    one.session = SessionId{number("sid")};
    one.last_op = fields["lop"] == "CREA" ? OpCode::Create : OpCode::Exists;
    one.established_ms = number("est");
    one.timeout_ms = static_cast<std::int32_t>(number("to"));
    one.last_cxid = number("lcxid");
    one.last_zxid = Zxid{number("lzxid")};
    one.last_response_ms = number("lresp");
    one.last_latency_ms = number("llat");
    one.min_latency_ms = number("minlat");
    one.avg_latency_ms = number("avglat");
    one.max_latency_ms = number("maxlat");
    f.source.now.connections.push_back(one);
  }
  CHECK(f.source.now.connections.size() == 3);
  CHECK(f.ask("cons") == text);
}

}  // namespace quorate::server
