// bench-echo: the least that a server on this wire can do, as a yardstick. It answers every frame
// with as many bytes as asked for, looks nothing up and decodes nothing but the operation.
//
// With --sync FILE every round of the loop is appended to FILE and synced before it is answered:
// the least that a durable write or session can cost. A setData is told to every connection that
// asked for a watch: the least that a fan-out can cost.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "tests/bench/prewritten.h"
#include "tests/bench/process.h"
#include "znode/proto/frame.h"
#include "znode/proto/records.h"

namespace quorate::bench {
namespace {

struct Client {
  explicit Client(int fd_) : fd(fd_) {}

  int fd;
  FrameReader frames{64 << 20};
  bool greeted = false, watches = false, writing = false;
  Bytes out;
  std::size_t sent = 0;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench-echo: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

class Echo {
 public:
  Echo(int port, std::size_t answer, const char* sync_file) : answer_(answer), buffer_(256 * 1024) {
    raise_file_limit();
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Accepted ones inherit it.
    if (listen(listener_, 4096) != 0) fail("listen");
    epoll_ = epoll_create1(0);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    if (sync_file == nullptr) return;
    file_ = open(sync_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file_ < 0) fail(sync_file);
    if (!prewrite(file_)) fail("write");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), int(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[std::size_t(i)];
        if (event.data.fd == listener_) {
          accept_all();
        } else if (event.events & ~std::uint32_t{EPOLLOUT}) {
          read(event.data.fd);
        } else if (clients_.contains(event.data.fd)) {
          touched_.push_back(event.data.fd);
        }
      }
      if (file_ >= 0 && !appended_.empty()) sync();
      for (int fd : touched_) flush(fd);
      touched_.clear();
    }
  }

 private:
  void watch(int fd, std::uint32_t what, int how) {
    epoll_event event{.events = what, .data = {.fd = fd}};
    epoll_ctl(epoll_, how, fd, &event);
  }
  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      clients_[fd] = std::make_unique<Client>(fd);
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }
  void drop(int fd) {
    ::close(fd);
    clients_.erase(fd);
  }
  void read(int fd) {
    const auto at = clients_.find(fd);
    if (at == clients_.end()) return;
    Client& client = *at->second;
    const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(fd);
    const ByteView input(buffer_.data(), std::size_t(got));
    if (client.frames.feed(input, [&](ByteView frame) { return answer(client, frame); })) {
      return drop(fd);
    }
    touched_.push_back(fd);
  }
  bool answer(Client& client, ByteView frame) {
    if (file_ >= 0) append(appended_, frame);
    if (!client.greeted) {
      client.greeted = true;
      ConnectResponse hello;
      hello.timeout_ms = 30000;
      hello.session_id = SessionId{client.fd + 1};
      hello.password = std::string(kPasswordSize, '\0');
      append_frame(client.out, [&](JuteWriter& out) { encode(out, hello); });
      return true;
    }
    JuteReader in(frame);
    RequestHeader header;
    decode(in, header);
    if (header.type == OpCode::GetData && !frame.empty() && frame.back() != std::byte{0}) {
      client.watches = true;
    }
    if (header.type == OpCode::SetData) tell_watchers();
    append_frame(client.out, [&](JuteWriter& out) {
      encode(out, ReplyHeader{header.xid, Zxid{++replies_}, Code::Ok});
      client.out.resize(client.out.size() + answer_);
    });
    return true;
  }
  void tell_watchers() {
    for (const auto& [fd, client] : clients_) {
      if (!client->watches) continue;
      client->watches = false;
      append_frame(client->out, [&](JuteWriter& out) {
        encode(out, ReplyHeader{-1, Zxid{-1}, Code::Ok});
        out.i32(static_cast<std::int32_t>(EventType::NodeDataChanged));
        out.i32(3);  // Connected.
        out.string("/bench/watched");
      });
      touched_.push_back(fd);
    }
  }
  void sync() {
    if (at_ + off_t(appended_.size()) > off_t(kPrewrittenBytes)) at_ = 0;
    if (pwrite(file_, appended_.data(), appended_.size(), at_) < 0) fail("write");
    if (fdatasync(file_) != 0) fail("fdatasync");
    at_ += off_t(appended_.size());
    appended_.clear();
  }
  void flush(int fd) {
    const auto at = clients_.find(fd);
    if (at == clients_.end()) return;
    Client& client = *at->second;
    while (client.sent < client.out.size()) {
      const ssize_t done =
          send(fd, client.out.data() + client.sent, client.out.size() - client.sent, MSG_NOSIGNAL);
      if (done < 0 && errno == EAGAIN) {
        if (!client.writing) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        client.writing = true;
        return;
      }
      if (done < 0) return drop(fd);
      client.sent += std::size_t(done);
    }
    client.out.clear();
    client.sent = 0;
    if (client.writing) watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    client.writing = false;
  }

  std::size_t answer_;
  Bytes buffer_, appended_;
  int listener_ = -1, epoll_ = -1, file_ = -1;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;
  std::vector<int> touched_;
  std::int64_t replies_ = 0;
  off_t at_ = 0;
};

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: bench-echo PORT ANSWER_BYTES [--sync FILE]\n"
                 "Answers each frame on 127.0.0.1:PORT with ANSWER_BYTES behind a reply header\n"
                 "(a getData of 128 bytes is answered with 200); runs until it is ended.\n");
    return 2;
  }
  const bool sync = argc >= 5 && std::strcmp(argv[3], "--sync") == 0;
  quorate::bench::Echo(std::atoi(argv[1]), std::size_t(std::atol(argv[2])),
                       sync ? argv[4] : nullptr)
      .run();
}
