#include "shell/render.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

using namespace quorate::shell;
using namespace quorate::client;

TEST_CASE("Stat block: zkCli's eleven lines, names and formats (shell-commands §4)") {
  setenv("TZ", "UTC", 1);
  tzset();
  Stat stat;
  stat.czxid = 2;
  stat.mzxid = 0x1f;
  stat.pzxid = 6;
  stat.ctime = 1'795'225'466'123;
  stat.mtime = 1'795'225'466'999;
  stat.cversion = 4;
  stat.version = 7;
  stat.aversion = 1;
  stat.ephemeral_owner = 0x100000000000001;
  stat.data_length = 5;
  stat.num_children = 3;
  CHECK(stat_block(stat) ==
        "cZxid = 0x2\n"
        "ctime = Sat Nov 21 01:44:26 UTC 2026\n"
        "mZxid = 0x1f\n"
        "mtime = Sat Nov 21 01:44:26 UTC 2026\n"
        "pZxid = 0x6\n"
        "cversion = 4\n"
        "dataVersion = 7\n"
        "aclVersion = 1\n"
        "ephemeralOwner = 0x100000000000001\n"
        "dataLength = 5\n"
        "numChildren = 3\n");
}

TEST_CASE("lists: sorted, one line") {
  CHECK(list_line({}) == "[]\n");
  CHECK(list_line({"b"}) == "[b]\n");
  CHECK(list_line({"c", "a", "b"}) == "[a, b, c]\n");
}

TEST_CASE("watch events: zkCli's block, with the zxid where the server sent one") {
  WatchEvent event;
  event.type = EventType::NodeDataChanged;
  event.path = "/cli";
  event.zxid = 87;
  CHECK(
      watch_block(event) ==
      "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/cli zxid: 87\n");
  event.zxid = -1;
  CHECK(watch_block(event) ==
        "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/cli\n");
}

TEST_CASE("session events: type None and path null") {
  SessionEvent event;
  event.state = SessionState::Suspended;
  CHECK(session_block(event) ==
        "\nWATCHER::\n\nWatchedEvent state:Disconnected type:None path:null\n");
  event.state = SessionState::Reconnected;
  CHECK(session_block(event) ==
        "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n");
}

TEST_CASE("error answers: the sentences that scripts look for (shell-commands §5)") {
  struct Row {
    Code code;
    const char* expected;
  };
  for (const Row& row :
       {Row{Code::NoNode, "Node does not exist: /a"},
        Row{Code::NodeExists, "Node already exists: /a"}, Row{Code::NotEmpty, "Node not empty: /a"},
        Row{Code::NoChildrenForEphemerals, "Ephemerals cannot have children: /a"},
        Row{Code::BadVersion, "version No is not valid : /a"},
        Row{Code::NoAuth, "Insufficient permission : /a"},
        Row{Code::InvalidAcl, "Acl is not valid : /a"},
        Row{Code::BadArguments, "Arguments are not valid : /a"},
        Row{Code::NotReadOnly, "Not a read-only call: /a"},
        Row{Code::QuotaExceeded, "Quota has exceeded : /a"},
        Row{Code::ConnectionLoss, "KeeperErrorCode = ConnectionLoss for /a"},
        Row{Code::SessionExpired, "KeeperErrorCode = Session expired for /a"},
        Row{Code::SystemError, "in words"}}) {
    CHECK(error_line(row.code, "in words", "/a") == row.expected);
  }
}
