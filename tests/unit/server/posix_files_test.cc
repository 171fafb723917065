#include "server/storage/real/posix_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <filesystem>
#include <string>
#include <system_error>

#include "tests/support/temporary_folder.h"

using namespace quorate;
using namespace quorate::server;
namespace errc = boost::system::errc;

namespace {

Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string read_all(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::Read);
  REQUIRE(file.has_value());
  Bytes into(100);
  auto count = (*file)->pread(0, into);
  REQUIRE(count.has_value());
  return std::string(as_text(ByteView(into).first(*count)));
}

void write_file(Files& files, const std::string& path, std::string_view text) {
  auto file = files.open(path, OpenMode::Create);
  REQUIRE(file.has_value());
  REQUIRE(!(*file)->pwrite(0, as_bytes(text)));
  REQUIRE(!(*file)->sync());
}

}  // namespace

TEST_CASE("posix files: what is written at an offset is read there, and grows the file") {
  test::TemporaryFolder folder;
  PosixFiles files;
  auto file = files.open(folder.path() + "/a", OpenMode::Create);
  REQUIRE(file.has_value());
  CHECK(!(*file)->pwrite(3, as_bytes("xyz")));
  CHECK(!(*file)->sync());
  CHECK(*(*file)->size() == 6);
  Bytes into(10);
  CHECK(*(*file)->pread(2, into) == 4);
  CHECK(Bytes(into.begin(), into.begin() + 4) == bytes_of(std::string_view("\0xyz", 4)));
  CHECK(*(*file)->pread(6, into) == 0);
  CHECK(!(*file)->truncate(4));
  CHECK(*(*file)->size() == 4);
}

TEST_CASE("posix files: whole blocks, and after them anything, are read as they were written") {
  test::TemporaryFolder folder;
  PosixFiles files;
  const std::string path = folder.path() + "/a";
  auto file = files.open(path, OpenMode::Create);
  REQUIRE(file.has_value());
  (*file)->expect_blocks();
  Bytes expected(3u << 20);  // More than one piece.
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<std::byte>(i * 7 / 5);
  const ByteView all(expected);
  // From addresses of any kind.
  REQUIRE(!(*file)->pwrite(0, all));
  REQUIRE(!(*file)->pwrite(4096, all.subspan(4096, 8192)));
  REQUIRE(!(*file)->sync());
  auto content = [&] {
    auto reader = files.open(path, OpenMode::Read);
    Bytes into(4u << 20);
    into.resize(*(*reader)->pread(0, into));
    return into;
  };
  CHECK(content() == expected);
  REQUIRE(!(*file)->pwrite(expected.size(), as_bytes("odd")));
  append(expected, as_bytes("odd"));
  REQUIRE(!(*file)->pwrite(8192, ByteView(expected).first(4096)));
  std::copy_n(expected.begin(), 4096, expected.begin() + 8192);
  REQUIRE(!(*file)->sync());
  CHECK(content() == expected);
  Bytes into(3);
  CHECK(*(*file)->pread(expected.size() - 3, into) == 3);
  CHECK(as_text(into) == "odd");
}

TEST_CASE("posix files: an error of a direct write is one") {
  PosixFiles files;
  auto file = files.open("/dev/full", OpenMode::ReadWrite);
  REQUIRE(file.has_value());
  (*file)->expect_blocks();
  CHECK((*file)->pwrite(0, Bytes(4096)) == errc::no_space_on_device);
}

TEST_CASE("posix files: Create opens what is there, Read makes nothing") {
  test::TemporaryFolder folder;
  PosixFiles files;
  std::string path = folder.path() + "/a";
  CHECK(files.open(path, OpenMode::Read).error() == errc::no_such_file_or_directory);
  CHECK(files.open(path, OpenMode::ReadWrite).error() == errc::no_such_file_or_directory);
  write_file(files, path, "old");
  REQUIRE(files.open(path, OpenMode::Create).has_value());
  CHECK(read_all(files, path) == "old");
}

TEST_CASE("posix files: rename replaces") {
  test::TemporaryFolder folder;
  PosixFiles files;
  write_file(files, folder.path() + "/a", "new");
  write_file(files, folder.path() + "/b", "old");
  CHECK(!files.rename(folder.path() + "/a", folder.path() + "/b"));
  CHECK(!files.sync_directory(folder.path()));
  CHECK(read_all(files, folder.path() + "/b") == "new");
  CHECK_FALSE(files.exists(folder.path() + "/a"));
  CHECK(files.rename(folder.path() + "/a", folder.path() + "/b") ==
        errc::no_such_file_or_directory);
}

TEST_CASE("posix files: a long file's name goes at once, its blocks by the end") {
  test::TemporaryFolder folder;
  auto kept_open = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;  // The iterator's own.
      count += std::filesystem::read_symlink(entry, gone).string().starts_with(folder.path() + "/");
    }
    return count;
  };
  {
    PosixFiles files;
    for (int i = 0; i < 100; ++i) {
      std::string path = folder.path() + "/" + std::to_string(i);
      {
        auto file = files.open(path, OpenMode::Create);
        REQUIRE(file.has_value());
        REQUIRE(!(*file)->truncate(8u << 20));
        CHECK(kept_open() >= 1);
      }
      CHECK(!files.remove(path));
      CHECK_FALSE(files.exists(path));
      CHECK(files.remove(path) == errc::no_such_file_or_directory);
    }
  }
  CHECK(kept_open() == 0);
}

TEST_CASE("posix files: folders are made, listed in order and removed with all in them") {
  test::TemporaryFolder folder;
  PosixFiles files;
  std::string deep = folder.path() + "/x/y";
  CHECK(!files.make_directories(deep));
  CHECK(!files.make_directories(deep));
  for (const char* name : {"/c", "/a", "/b"}) write_file(files, deep + name, "");
  CHECK(*files.list(deep) == std::vector<std::string>{"a", "b", "c"});
  CHECK(!files.remove(deep + "/b"));
  CHECK(*files.list(deep) == std::vector<std::string>{"a", "c"});
  CHECK(!files.remove_tree(folder.path() + "/x"));
  CHECK_FALSE(files.exists(folder.path() + "/x"));
  CHECK(!files.remove_tree(folder.path() + "/x"));
  CHECK(files.list(deep).error() == errc::no_such_file_or_directory);
  CHECK(files.remove(deep + "/a") == errc::no_such_file_or_directory);
  CHECK(files.sync_directory(deep) == errc::no_such_file_or_directory);
}

TEST_CASE("posix files: a write that the disk refuses is an error") {
  PosixFiles files;
  if (!files.exists("/dev/full")) return;
  auto file = files.open("/dev/full", OpenMode::ReadWrite);
  REQUIRE(file.has_value());
  CHECK((*file)->pwrite(0, as_bytes("x")) == errc::no_space_on_device);
}
