#include "server/app/member_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "server/storage/real/posix_files.h"
#include "tests/support/temporary_folder.h"

namespace quorate::server {
namespace {

using consensus::Ensemble;
using consensus::Membership;

consensus::Member member(int id, const char* client = "") {
  return {ServerId{id}, "h" + std::to_string(id), 2888, 3888, false, client};
}

struct Folder {
  test::TemporaryFolder folder;
  PosixFiles files;
  std::vector<std::string> notes;
  MemberFiles::Options options = {folder.path() + "/zoo.cfg", ServerId{1}, 0, false};

  std::string read(const std::string& name) const {
    std::ifstream file(folder.path() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  bool has(const std::string& name) const {
    return std::filesystem::exists(folder.path() + "/" + name);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder.path() + "/" + name, std::ios::binary) << text;
  }
  MemberFiles open() {
    return MemberFiles(files, options, [this](char severity, const std::string& text) {
      notes.push_back(severity + (' ' + text));
    });
  }
};

const char* const kStatic =
    "# The test.\ntickTime=2000\nclientPort=2181\nclientPortAddress=127.0.0.1\n"
    "server.1=h1:2888:3888\nserver.2=\\\n  h2:2888:3888\n# server.9=x\npeerType=participant\n"
    "group.1=1:2\nweight.1=1\ndataDir=/d";

}  // namespace

TEST_CASE("member files: lines are sorted as text, without a line feed at the end") {
  const Ensemble members({member(2), member(10, "0.0.0.0:2181"), member(1)}, 0x1a);
  CHECK(member_lines(members, false) ==
        "server.10=h10:2888:3888:participant;0.0.0.0:2181\nserver.1=h1:2888:3888:participant\n"
        "server.2=h2:2888:3888:participant");
  CHECK(member_lines(members, true).ends_with("participant\nversion=1a"));
}

TEST_CASE("member files: zoo.cfg keeps everything but what has moved, comments too") {
  CHECK(point_to(kStatic, "/c/zoo.cfg.dynamic.7", /*drop_client_port=*/false) ==
        "# The test.\ntickTime=2000\nclientPort=2181\nclientPortAddress=127.0.0.1\n"
        "# server.9=x\ndataDir=/d\ndynamicConfigFile=/c/zoo.cfg.dynamic.7\n");
  CHECK(point_to("a=1\ndynamicConfigFile=/old\nclientPort=1\n", "/n", true) ==
        "a=1\ndynamicConfigFile=/n\n");
}

TEST_CASE("member files: nothing is written before the config has a version") {
  Folder f;
  f.write("zoo.cfg", kStatic);
  MemberFiles files = f.open();
  files.show(Membership(Ensemble({member(1), member(2)}, 0)));
  CHECK(f.read("zoo.cfg") == kStatic);
  CHECK_FALSE(f.has("zoo.cfg.bak"));
}

TEST_CASE(
    "member files: a proposed config stands in .next, one in force in a file of its version") {
  Folder f;
  f.write("zoo.cfg", kStatic);
  ::chmod((f.folder.path() + "/zoo.cfg").c_str(), 0600);
  MemberFiles files = f.open();
  Membership members(Ensemble({member(1), member(2)}, 0x100000000));
  files.show(members);
  CHECK(f.read("zoo.cfg.bak") == kStatic);
  CHECK(f.read("zoo.cfg.dynamic.100000000") == member_lines(members.current(), false));
  const std::string pointer = "dynamicConfigFile=" + f.folder.path() + "/zoo.cfg.dynamic.";
  CHECK(f.read("zoo.cfg").ends_with(pointer + "100000000\n"));
  CHECK(f.read("zoo.cfg").find("clientPort=2181") != std::string::npos);
  struct ::stat rights {};
  REQUIRE(::stat((f.folder.path() + "/zoo.cfg").c_str(), &rights) == 0);
  CHECK((rights.st_mode & 0777) == 0600);

  members.see(Ensemble({member(1, "127.0.0.1:2182"), member(3)}, 0x100000005));
  files.show(members);
  CHECK(f.read("zoo.cfg.dynamic.next") == member_lines(members.last_seen(), true));
  CHECK(f.read("zoo.cfg").ends_with(pointer + "100000000\n"));

  members.activate();
  files.show(members);
  CHECK_FALSE(f.has("zoo.cfg.dynamic.next"));
  CHECK(f.read("zoo.cfg.dynamic.100000005") == member_lines(members.current(), false));
  CHECK(f.read("zoo.cfg").ends_with(pointer + "100000005\n"));
  CHECK(f.read("zoo.cfg").find("clientPort") == std::string::npos);  // The member line has it.
  CHECK(f.has("zoo.cfg.dynamic.100000000"));
  CHECK(f.read("zoo.cfg.bak") == kStatic);
}

TEST_CASE("member files: a config that was only proposed leaves no trace") {
  Folder f;
  f.write("zoo.cfg", "dynamicConfigFile=x\n");
  f.options.dynamic = true;
  f.options.version = 7;
  MemberFiles files = f.open();
  Membership members(Ensemble({member(1), member(2)}, 7));
  members.see(Ensemble({member(1)}, 9));
  files.show(members);
  CHECK(f.has("zoo.cfg.dynamic.next"));
  members.forget();
  files.show(members);
  CHECK_FALSE(f.has("zoo.cfg.dynamic.next"));
  CHECK(f.read("zoo.cfg") == "dynamicConfigFile=x\n");
  CHECK_FALSE(f.has("zoo.cfg.bak"));
}

TEST_CASE("member files: a .next of the past goes, so that nobody takes it for news") {
  Folder f;
  f.write("zoo.cfg", "dynamicConfigFile=x\n");
  f.write("zoo.cfg.dynamic.next", "server.1=h1:1:2\nversion=3");
  f.options.dynamic = true;
  f.options.version = 7;
  MemberFiles files = f.open();
  files.show(Membership(Ensemble({member(1), member(2)}, 7)));
  CHECK_FALSE(f.has("zoo.cfg.dynamic.next"));
}

TEST_CASE(
    "member files: the last config that names this server stays, so that it can start again") {
  Folder f;
  f.write("zoo.cfg", kStatic);
  MemberFiles files = f.open();
  Membership members(Ensemble({member(1), member(2)}, 0x100000000));
  files.show(members);
  members.see(Ensemble({member(2), member(3)}, 0x100000001));
  members.activate();
  files.show(members);
  CHECK_FALSE(f.has("zoo.cfg.dynamic.100000001"));
  CHECK(f.read("zoo.cfg").ends_with("zoo.cfg.dynamic.100000000\n"));
}

TEST_CASE("member files: what cannot be written is a warning, once, that says what to do") {
  Folder f;
  f.options.config_file = f.folder.path() + "/missing/zoo.cfg";
  MemberFiles files = f.open();
  const Membership members(Ensemble({member(1), member(2)}, 0x100000000));
  files.show(members);
  files.show(members);
  REQUIRE(f.notes.size() == 1);
  CHECK(f.notes[0].starts_with("W config-not-written file="));
  CHECK(f.notes[0].find("remedy=") != std::string::npos);
}

TEST_CASE("member files: without reconfig nothing is ever written") {
  Folder f;
  f.write("zoo.cfg", kStatic);
  f.options.config_file.clear();
  MemberFiles files = f.open();
  files.show(Membership(Ensemble({member(1), member(2)}, 0x100000000)));
  CHECK(f.notes.empty());
  CHECK_FALSE(f.has("zoo.cfg.bak"));
}

}  // namespace quorate::server
