// Text commands for a whole ensemble; one script per chart of zab-protocol section 19.
#include <doctest/doctest.h>

#include <memory>
#include <sstream>
#include <string>

#include "tests/unit/consensus/ensemble_world.h"

namespace quorate::consensus {
namespace {

/// cluster N [blank] · run · idle · tick MS · propose N · hold N · release N · crash N [kept
/// writes] · start N · wipe N · cut A B · heal · break A B · checkpoint N · sync N · revalidate N
/// SESSION trace                          forget the packets seen so far packets A B: TYPE TYPE ...
/// exactly these between A and B since `trace`, both ways leader N · role N NAME · last N HEX ·
/// applied N COUNT · current N EPOCH · syncs N COUNT · answer N valid|unknown · equal · nobody
/// (serves)
class Script {
 public:
  /// False when a command is unknown; what a command expects is checked on its own.
  bool run(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(' ') == std::string::npos) continue;
      CAPTURE(line);
      command(line);
    }
    return known_;
  }

 private:
  world::World& world() { return *world_; }
  world::Server& server(int id) { return world_->at({id}); }

  void command(const std::string& line) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    if (word == "packets") return expect_packets(in);
    int id = 0;
    std::string extra;
    in >> id >> extra;
    const int number = extra.empty() || !std::isdigit(extra[0])
                           ? 0
                           : static_cast<int>(std::stoll(extra, nullptr, 0));
    if (word == "cluster") {
      world_ = std::make_unique<world::World>(id, extra == "blank");
      world_->trace = true;
    } else if (!act(word, id, number)) {
      expect(word, id, number, extra);
    }
  }

  bool act(const std::string& word, int id, int number) {
    if (word == "run") {
      const bool served =
          world().run_until([&] { return world().all_serving() && world().leader(); });
      CHECK_MESSAGE(served, world().states());
    } else if (word == "idle") {
      world().run_idle();
    } else if (word == "tick") {
      for (int i = 0; i < id; i += 10) {
        world().tick_all(10);
        world().run_idle();
      }
    } else if (word == "propose") {
      CHECK(world().propose({id}));
    } else if (word == "hold" || word == "release") {
      server(id).hold_syncs = word == "hold";
    } else if (word == "crash") {
      world().crash({id}, static_cast<std::size_t>(number));
    } else if (word == "start") {
      world().start({id});
    } else if (word == "wipe") {
      world().wipe({id});
    } else if (word == "cut") {
      world().cuts.insert({{std::min(id, number)}, {std::max(id, number)}});
    } else if (word == "heal") {
      world().cuts.clear();
    } else if (word == "break") {
      world().drop_links({id}, {number});
    } else if (word == "checkpoint") {
      world().checkpoint({id}, true);
    } else if (word == "sync") {
      Request request;
      request.op = kSyncOp;
      world().step({id}, Submit{request});
    } else if (word == "revalidate") {
      world().step({id}, AskRevalidate{{number}, 4000});
    } else if (word == "trace") {
      world().packets.clear();
    } else {
      return false;
    }
    return true;
  }

  void expect(const std::string& word, int id, int number, const std::string& extra) {
    if (word == "leader") {
      CHECK(world().leader() == ServerId{id});
    } else if (word == "role") {
      CHECK(name_of(world().peer({id}).role()) == extra);
    } else if (word == "last") {
      CHECK(to_string(world().peer({id}).last_logged()) == extra);
    } else if (word == "applied") {
      CHECK(server(id).tree.size() == static_cast<std::size_t>(number));
    } else if (word == "current") {
      CHECK(world().peer({id}).current_epoch() == static_cast<std::uint32_t>(number));
    } else if (word == "syncs") {
      CHECK(server(id).syncs_done == static_cast<std::size_t>(number));
    } else if (word == "answer") {
      REQUIRE_FALSE(server(id).revalidated.empty());
      CHECK(server(id).revalidated.back().valid == (extra == "valid"));
    } else if (word == "nobody") {
      CHECK_FALSE(world().leader());
    } else if (word == "equal") {
      for (auto& [sid, state] : world().all()) CHECK(state.tree == world().chosen);
    } else {
      known_ = false;
    }
  }

  void expect_packets(std::istringstream& in) {
    std::string a, b, word, wanted;
    in >> a >> b;
    b.pop_back();
    while (in >> word) wanted += word + ' ';
    std::string seen;
    for (const std::string& packet : world().packets) {
      const std::string link = packet.substr(0, packet.find(' '));
      if (link != a + "->" + b && link != b + "->" + a) continue;
      const auto type_end = packet.find(' ', link.size() + 1);
      seen += packet.substr(link.size() + 1, type_end - link.size() - 1) + ' ';
    }
    CHECK(seen == wanted);
  }

  std::unique_ptr<world::World> world_;
  bool known_ = true;
};

}  // namespace

TEST_CASE("19.1 cold start of three: the greatest id leads, epoch 1, nothing to send") {
  CHECK(Script().run(R"(
    cluster 3
    run
    leader 3
    role 1 following
    current 1 1
    current 3 1
    packets 2 3: FOLLOWERINFO LEADERINFO ACKEPOCH DIFF NEWLEADER ACK UPTODATE ACK
  )"));
}

TEST_CASE("19.2 a follower that was away gets what it missed from the window") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    crash 1
    propose 3
    propose 3
    idle
    trace
    start 1
    run
    packets 1 3: FOLLOWERINFO LEADERINFO ACKEPOCH DIFF PROPOSAL COMMIT PROPOSAL COMMIT NEWLEADER ACK UPTODATE ACK
    applied 1 3
    equal
  )"));
}

TEST_CASE("19.3 what nobody else has seen is cut when the old leader returns") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    cut 1 3
    cut 2 3
    propose 3
    crash 3 1
    run
    leader 2
    heal
    trace
    start 3
    run
    packets 2 3: FOLLOWERINFO LEADERINFO ACKEPOCH TRUNC NEWLEADER ACK UPTODATE ACK
    last 3 0x100000001
    propose 2
    idle
    equal
  )"));
}

TEST_CASE("a tail of an older epoch, once the new epoch has txns: a whole tree (section 8)") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    cut 1 3
    cut 2 3
    propose 3
    crash 3 1
    run
    propose 2
    idle
    heal
    trace
    start 3
    run
    packets 2 3: FOLLOWERINFO LEADERINFO ACKEPOCH SNAP NEWLEADER ACK UPTODATE ACK
    last 3 0x200000001
    equal
  )"));
}

TEST_CASE("19.4 a follower too far behind gets a whole tree") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    crash 1
    propose 3
    propose 3
    propose 3
    propose 3
    propose 3
    propose 3
    idle
    trace
    start 1
    run
    packets 1 3: FOLLOWERINFO LEADERINFO ACKEPOCH SNAP NEWLEADER ACK UPTODATE ACK
    applied 1 7
    equal
  )"));
}

TEST_CASE("19.5 a proposal that one survivor has logged survives its leader") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    cut 1 3
    hold 3
    propose 3
    hold 2
    idle
    crash 3
    release 2
    trace
    run
    leader 2
    packets 1 2: FOLLOWERINFO LEADERINFO ACKEPOCH DIFF PROPOSAL COMMIT NEWLEADER ACK UPTODATE ACK
    applied 1 2
    applied 2 2
    heal
    start 3
    run
    equal
  )"));
}

TEST_CASE("19.8 a session is confirmed by the leader, or not") {
  CHECK(Script().run(R"(
    cluster 3
    run
    trace
    revalidate 1 42
    idle
    packets 1 3: REVALIDATE REVALIDATE
    answer 1 valid
    revalidate 1 43
    idle
    answer 1 unknown
  )"));
}

TEST_CASE("19.9 SYNC travels behind the commits that came before it") {
  CHECK(Script().run(R"(
    cluster 3
    run
    hold 3
    trace
    propose 3
    sync 1
    idle
    syncs 1 1
    packets 1 3: PROPOSAL REQUEST ACK COMMIT SYNC
    applied 1 1
    applied 3 0
    release 3
    idle
    equal
  )"));
}

TEST_CASE("3911: a follower whose disk hangs does not help to establish a leader") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    crash 1
    crash 3
    hold 2
    tick 500
    start 3
    tick 300
    nobody
    release 2
    run
    leader 3
    start 1
    run
    equal
  )"));
}

TEST_CASE("blank servers: a fresh ensemble needs all of them") {
  CHECK(Script().run(R"(
    cluster 3 blank
    crash 1
    tick 2000
    role 2 looking
    role 3 looking
    start 1
    run
    current 1 1
    equal
  )"));
}

TEST_CASE("blank servers: a replaced disk does not help to forget") {
  CHECK(Script().run(R"(
    cluster 3
    run
    cut 1 3
    break 1 3
    propose 3
    idle
    crash 3
    wipe 2
    heal
    start 2
    tick 3000
    role 1 looking
    role 2 looking
    start 3
    run
    applied 1 1
    applied 2 1
    equal
  )"));
}

TEST_CASE("a lost link alone costs the leader nothing; its learner comes back") {
  CHECK(Script().run(R"(
    cluster 3
    run
    propose 3
    idle
    break 1 3
    run
    leader 3
    current 3 1
    propose 3
    idle
    equal
  )"));
}

}  // namespace quorate::consensus
