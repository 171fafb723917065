#include "examples/pipeline/checkpoints.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>

#include "examples/pipeline/checkpoint_text.h"
#include "examples/pipeline/state_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace pipeline;

namespace {

/// A znode in memory; faults on demand.
struct Znode {
  std::string text;
  std::int32_t version = -1;
  bool lose_reply = false;  ///< The next write is done, and answered with Connection.
};

class MemoryText : public VersionedText {
 public:
  explicit MemoryText(Znode& znode) : znode_(znode) {}

  Result<Value> read() override { return Value{znode_.text, znode_.version}; }
  Result<Written> write(const std::string& text, std::int32_t& version) override {
    if (version != znode_.version) return Written::OtherVersion;
    znode_.text = text;
    ++znode_.version;
    if (std::exchange(znode_.lose_reply, false)) return Fault{FaultKind::Connection, "lost"};
    version = znode_.version;
    return Written::Done;
  }

 private:
  Znode& znode_;
};

struct CheckpointFixture {
  OwnedCheckpoint owner() {
    return OwnedCheckpoint(std::make_unique<MemoryText>(znode), folder.path(), "g.t.0");
  }
  std::ptrdiff_t files() const {
    namespace fs = std::filesystem;
    return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
  }

  quorate::test::TemporaryFolder folder;
  Znode znode;
};

const std::string kSmall = "view\nwith a line end";
const std::string kLarge(kInlineStateBytesMax + 1, 'v');

}  // namespace

TEST_CASE("checkpoint: position and view come back together, small and large") {
  for (const std::string& state : {std::string(), kSmall, kLarge}) {
    CAPTURE(state.size());
    CheckpointFixture f;
    OwnedCheckpoint first = f.owner();
    CHECK(*first.claim(5) == Checkpoint{});
    CHECK(first.commit({10, state}));
    CHECK(first.commit({20, state}));
    OwnedCheckpoint second = f.owner();
    CHECK(*second.claim(6) == Checkpoint{20, state});
    CHECK(f.znode.text.size() < 2 * kInlineStateBytesMax);
  }
}

TEST_CASE(
    "fencing: once a later owner has claimed, the earlier one's commit is refused, for good") {
  for (const std::string& state : {kSmall, kLarge}) {
    CheckpointFixture f;
    OwnedCheckpoint zombie = f.owner();
    REQUIRE(zombie.claim(5));
    REQUIRE(zombie.commit({10, state}));
    OwnedCheckpoint owner = f.owner();
    REQUIRE(owner.claim(6));
    const std::string before = f.znode.text;
    for (int i = 0; i < 2; ++i) {
      CHECK(zombie.commit({11, state + "!"}).error().kind == FaultKind::Fenced);
    }
    CHECK(f.znode.text == before);
    CHECK(owner.commit({12, state}));
    CHECK(zombie.commit({13, state}).error().kind == FaultKind::Fenced);
    CHECK(*f.owner().claim(7) == Checkpoint{12, state});
    CHECK(f.files() == (state == kLarge ? 1 : 0));  // What was refused left no file.
  }
}

TEST_CASE("fencing: a zombie whose file is taken away while it writes it is refused, not broken") {
  CheckpointFixture f;
  OwnedCheckpoint zombie = f.owner();
  REQUIRE(zombie.claim(5));
  std::filesystem::remove_all(f.folder.path());  // As if in that moment.
  CHECK(zombie.commit({10, kLarge}).error().kind == FaultKind::Storage);
  REQUIRE(f.owner().claim(6));
  CHECK(zombie.commit({10, kLarge}).error().kind == FaultKind::Fenced);
}

TEST_CASE("fencing: an owner that was paused between lock and claim cannot claim any more") {
  CheckpointFixture f;
  OwnedCheckpoint owner = f.owner();
  REQUIRE(owner.claim(6));
  REQUIRE(owner.commit({10, kSmall}));
  OwnedCheckpoint late = f.owner();
  CHECK(late.claim(5).error().kind == FaultKind::Fenced);
  CHECK(owner.commit({11, kSmall}));
}

TEST_CASE("fencing: a zombie's commit between a claim's read and its write is part of the claim") {
  CheckpointFixture f;
  OwnedCheckpoint zombie = f.owner();
  REQUIRE(zombie.claim(5));

  /// Lets the zombie commit once, right after the claim has read.
  class Slow : public MemoryText {
   public:
    Slow(Znode& znode, OwnedCheckpoint& other) : MemoryText(znode), other_(&other) {}
    Result<Value> read() override {
      const auto value = MemoryText::read();
      if (other_ != nullptr) CHECK(std::exchange(other_, nullptr)->commit({10, kLarge}));
      return value;
    }

   private:
    OwnedCheckpoint* other_;
  };
  OwnedCheckpoint owner(std::make_unique<Slow>(f.znode, zombie), f.folder.path(), "g.t.0");
  CHECK(*owner.claim(6) == Checkpoint{10, kLarge});
  CHECK(zombie.commit({11, kLarge}).error().kind == FaultKind::Fenced);
}

TEST_CASE("checkpoint: a commit whose reply was lost may be tried again, or claimed again") {
  for (const bool claim_again : {false, true}) {
    CheckpointFixture f;
    OwnedCheckpoint owner = f.owner();
    REQUIRE(owner.claim(5));
    f.znode.lose_reply = true;
    CHECK(owner.commit({10, kLarge}).error().kind == FaultKind::Connection);
    if (claim_again) {
      CHECK(*owner.claim(5) == Checkpoint{10, kLarge});
    } else {
      CHECK(owner.commit({10, kLarge}));
    }
    CHECK(owner.commit({11, kLarge + "2"}));
    CHECK(*f.owner().claim(6) == Checkpoint{11, kLarge + "2"});
    CHECK(f.files() == 1);
  }
}

TEST_CASE("checkpoint: a file that is damaged or gone is told, not taken for an empty view") {
  CheckpointFixture f;
  OwnedCheckpoint owner = f.owner();
  REQUIRE(owner.claim(5));
  REQUIRE(owner.commit({10, kLarge}));
  const std::string name = decode_checkpoint(f.znode.text)->file;
  std::string other = kLarge;
  other[7] = 'x';
  REQUIRE(write_file(f.folder.path(), name, other));
  CHECK(f.owner().claim(6).error().kind == FaultKind::Damaged);
  remove_file(f.folder.path(), name);
  CHECK(f.owner().claim(6).error().kind == FaultKind::Storage);
  f.znode.text = "somebody else's";
  CHECK(f.owner().claim(6).error().kind == FaultKind::Damaged);
}

TEST_CASE("checkpoint: a claim removes what killed owners have left, and nothing else") {
  CheckpointFixture f;
  OwnedCheckpoint owner = f.owner();
  REQUIRE(owner.claim(5));
  REQUIRE(owner.commit({10, kLarge}));
  for (const char* name : {"g.t.0-4-9-77", "g.t.0-4-9-78.new"}) {
    REQUIRE(write_file(f.folder.path(), name, "x"));
  }
  for (const char* name : {"g.t.01-4-9-77", "g.t.0-4.1-9-7-7", "g.t.0-4-9"}) {
    REQUIRE(write_file(f.folder.path(), name, "x"));
  }
  CHECK(*f.owner().claim(6) == Checkpoint{10, kLarge});
  CHECK(f.files() == 4);
}

TEST_CASE("checkpoint text: for people to read; what is none is refused") {
  CheckpointText text;
  text.token = 7;
  text.offset = 9;
  text.inline_state = "x\ny";
  CHECK(encode(text) == "v1 7 9 inline\nx\ny");
  CHECK(decode_checkpoint(encode(text))->inline_state == "x\ny");
  text.file = "f";
  text.file_bytes = 3;
  text.file_hash = 4;
  CHECK(encode(text) == "v1 7 9 file f 3 4\n");
  CHECK(decode_checkpoint(encode(text))->file_hash == 4);
  for (const char* bad :
       {"", "v1 7 9 inline", "v2 7 9 inline\n", "v1 x 9 inline\n", "v1 7 -9 inline\n", "v1 7 9\n",
        "v1 7 9 file\n", "v1 7 9 file ../f 3 4\n", "v1 7 9 file f 3\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_checkpoint(bad));
  }
}
