#include "server/net/client_loop.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "znode/proto/frame.h"

namespace quorate::server {
namespace {

std::string framed(const std::string& text) {
  Bytes out;
  append_frame(out, [&text](JuteWriter& writer) { writer.raw(as_bytes(text)); });
  return std::string(as_text(out));
}

/// Connections whose other ends are in the test's hands: what is sent to several of them is there,
/// all of it, before the loop waits once.
struct Fixture : ClientEvents {
  void on_word(ConnectionId, std::string_view) override {}
  void on_open(ConnectionId, bool, const std::string&) override { ++opened; }
  void on_frame(ConnectionId id, ByteView frame) override {
    frames[id].emplace_back(as_text(frame));
  }
  void on_drained(ConnectionId) override {}
  void on_ended(ConnectionId) override { ++ended; }
  void on_gone(ConnectionId id) override { gone.push_back(id); }
  void on_acceptable(int) override {}
  void on_batch() override {
    if (batch) batch();
  }

  ConnectionId add() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    const ConnectionId id = make_connection_id(1, remotes.size(), 0);
    remotes[id] = ends[0];
    loop.add(id, ends[1], Transport::Plain);
    send(id, framed("connect"));
    loop.run(0);
    REQUIRE(frames[id].size() == 1);
    loop.run(
        0);  // The kernel looks at it once more: from here on turns come in the order of send().
    return id;
  }
  void send(ConnectionId id, const std::string& text) {
    REQUIRE(::send(remotes[id], text.data(), text.size(), 0) == ssize_t(text.size()));
  }
  ~Fixture() override {
    for (const auto& [id, remote] : remotes) ::close(remote);
  }

  int opened = 0, ended = 0;
  std::map<ConnectionId, std::vector<std::string>> frames;
  std::map<ConnectionId, int> remotes;
  std::vector<ConnectionId> gone;
  std::function<void()> batch;
  ClientLoop loop{ClientLoopLimits(), *this};
};

}  // namespace

TEST_CASE("client loop: what has been read of a connection counts no more once it is closed") {
  Fixture f;
  const ConnectionId first = f.add(), second = f.add();
  // So many that the batch ends before the second one's turn has come.
  std::string many;
  for (int i = 0; i < 100; ++i) many += framed("one of many");
  f.send(first, many);
  f.send(second, framed("too late"));
  f.batch = [&] { f.loop.close(second); };
  f.loop.run(0);
  f.batch = nullptr;
  CHECK(f.frames[first].size() == 101);
  CHECK(f.frames[second].size() == 1);
  CHECK(f.opened == 2);
  CHECK(f.loop.open_count() == 1);
  ::shutdown(f.remotes[second], SHUT_WR);
  f.loop.run(0);
  CHECK(f.gone == std::vector<ConnectionId>{second});
  CHECK(f.ended == 0);
  CHECK(f.loop.open_count() == 1);
}

TEST_CASE("client loop: pieces of a long packet and what others send do not touch") {
  Fixture f;
  const ConnectionId first = f.add(), longer = f.add(), last = f.add();
  const std::string text(200'000, 'l');
  const std::string whole = framed(text);
  std::size_t sent = 0;
  for (int round = 0; round < 4; ++round) {
    f.send(first, framed("first " + std::to_string(round)));
    f.send(longer, whole.substr(sent, 70'000));
    sent = std::min(whole.size(), sent + 70'000);
    f.send(last, framed("last " + std::to_string(round)));
    f.loop.run(0);
    f.loop.run(0);
  }
  f.loop.run(0);
  REQUIRE(f.frames[longer].size() == 2);
  CHECK(f.frames[longer].back() == text);
  CHECK(f.frames[first].back() == "first 3");
  CHECK(f.frames[last].back() == "last 3");
  CHECK(f.frames[first].size() == 5);
  CHECK(f.frames[last].size() == 5);
}

}  // namespace quorate::server
