#include "server/admin/tree_spool.h"

#include <doctest/doctest.h>

#include <boost/system/errc.hpp>
#include <vector>

namespace quorate::server {
namespace {

namespace errc = boost::system::errc;

struct FakeFile : SnapshotFile {
  struct Seen {
    std::size_t added = 0;
    Zxid finished;
    bool full = false, closed = false;
  };
  explicit FakeFile(Seen& into) : seen(into) {}
  ~FakeFile() override { seen.closed = true; }
  ErrorCode add(ByteView stream) override {
    if (seen.full) return errc::make_error_code(errc::no_space_on_device);
    seen.added += stream.size();
    return {};
  }
  ErrorCode finish(Zxid zxid, std::optional<std::uint64_t>) override {
    seen.finished = zxid;
    return {};
  }
  std::uint64_t size() const override { return seen.added; }
  Result<std::size_t> read(std::uint64_t, std::span<std::byte>) override { return std::size_t{0}; }
  Seen& seen;
};

struct SpoolFixture {
  boost::asio::io_context io;
  FakeFile::Seen seen;
  std::vector<ErrorCode> ended;
  std::shared_ptr<TreeSpool> spool = std::make_shared<TreeSpool>(
      io, std::make_unique<FakeFile>(seen), [this](ErrorCode fault) { ended.push_back(fault); });

  void run() {
    io.restart();
    io.run();
  }
};

}  // namespace

TEST_CASE_FIXTURE(SpoolFixture,
                  "spool: no more is asked for while a mebibyte waits to be written") {
  CHECK(spool->has_room());
  for (int i = 0; i < 4; ++i) spool->add(SharedBytes(Bytes(256u << 10)));
  CHECK_FALSE(spool->has_room());
  run();
  CHECK(spool->has_room());
  spool->end({true, Zxid{7}, std::nullopt});
  CHECK(ended.empty());
  run();
  REQUIRE(ended.size() == 1);
  CHECK_FALSE(ended[0]);
  CHECK(seen.added == 1u << 20);
  CHECK(seen.finished == Zxid{7});
  CHECK(spool->zxid() == Zxid{7});
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "spool: a full disk is said once, ends the copying, frees the file") {
  seen.full = true;
  spool->add(SharedBytes(Bytes(10)));
  spool->add(SharedBytes(Bytes(10)));
  run();
  CHECK(spool->abandoned());
  CHECK(seen.closed);
  spool->end({});
  run();
  REQUIRE(ended.size() == 1);
  CHECK(ended[0] == errc::make_error_code(errc::no_space_on_device));
}

TEST_CASE_FIXTURE(SpoolFixture, "spool: an abandoned one writes and says nothing more") {
  spool->add(SharedBytes(Bytes(10)));
  spool->abandon();
  CHECK(seen.closed);
  spool->end({true, Zxid{7}, std::nullopt});
  run();
  CHECK(spool->abandoned());
  CHECK(ended.empty());
  CHECK(seen.added == 0);
}

TEST_CASE_FIXTURE(SpoolFixture, "spool: a copy that failed is a fault") {
  spool->end({});
  run();
  REQUIRE(ended.size() == 1);
  CHECK(ended[0]);
  CHECK(seen.finished == Zxid{});
}

}  // namespace quorate::server
