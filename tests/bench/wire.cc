#include "tests/bench/wire.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/ensure.h"

namespace quorate::bench {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kConnectionsPerAddress = 10000;

sockaddr_in resolve(const std::string& host_and_port) {
  const auto colon = host_and_port.rfind(':');
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host_and_port.substr(0, colon).c_str(),
                                host_and_port.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) give_up("cannot resolve " + host_and_port + ": " + gai_strerror(error));
  sockaddr_in address{};
  std::memcpy(&address, found->ai_addr, sizeof address);
  freeaddrinfo(found);
  return address;
}

const sockaddr_in& address_of(const Settings& settings, int number) {
  static const std::vector<sockaddr_in> addresses = [&settings] {
    std::vector<sockaddr_in> found;
    for (const std::string& host : settings.hosts) found.push_back(resolve(host));
    return found;
  }();
  return addresses[std::size_t(number) % addresses.size()];
}

}  // namespace

Loop::Loop(Listener& listener)
    : listener_(listener), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kReadBytes) {
  ENSURE(epoll_ >= 0);
}

Loop::~Loop() {
  ::close(epoll_);
}

void Loop::run_once(Clock::time_point until) {
  for (std::size_t i = 0; i < to_flush_.size(); ++i) to_flush_[i]->flush();
  to_flush_.clear();
  std::array<epoll_event, 256> events;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now());
  const auto ns = std::max<std::int64_t>(left.count(), 0);
  const timespec wait{ns / 1'000'000'000, ns % 1'000'000'000};
  const int count = epoll_pwait2(epoll_, events.data(), int(events.size()), &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    Wire& wire = *static_cast<Wire*>(events[std::size_t(i)].data.ptr);
    if (wire.fd_ < 0) continue;
    if (events[std::size_t(i)].events & EPOLLOUT) wire.flush();
    if (wire.fd_ >= 0 && (events[std::size_t(i)].events & ~std::uint32_t{EPOLLOUT})) wire.read();
  }
  for (std::size_t i = 0; i < to_flush_.size(); ++i) to_flush_[i]->flush();
  to_flush_.clear();
}

void Loop::run_until(Clock::time_point until) {
  while (Clock::now() < until) run_once(until);
}

Wire::Wire(Loop& loop, const Settings& settings, int number) : loop_(loop), number_(number) {
  sockaddr_in to = address_of(settings, number);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) give_up(std::string("socket: ") + std::strerror(errno));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if ((ntohl(to.sin_addr.s_addr) >> 24) == 127 && number >= kConnectionsPerAddress) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f000001U + std::uint32_t(number / kConnectionsPerAddress));
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) {
      give_up(std::string("bind: ") + std::strerror(errno));
    }
  }
  ConnectRequest hello;
  hello.timeout_ms = 30000;
  hello.password = std::string(kPasswordSize, '\0');
  hello.read_only = false;
  append_frame(out_, [&](JuteWriter& writer) { encode(writer, hello); });
  if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    lose(std::strerror(errno));
  } else {
    say_hello();
  }
}

/// On the loopback a connection stands when connect() returns, whatever that says: then the hello
/// leaves at once, which saves a round of the loop and two system calls each. Elsewhere it waits.
void Wire::say_hello() {
  const ssize_t done = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
  if (done < 0 && errno != EAGAIN) return lose(std::strerror(errno));
  connecting_ = writing_ = done < 0;
  if (done >= 0) out_.clear();  // A few bytes into an empty queue: all or nothing.
  epoll_event event{.events = writing_ ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = this}};
  epoll_ctl(loop_.epoll_, EPOLL_CTL_ADD, fd_, &event);
}

Wire::~Wire() {
  if (to_flush_) std::erase(loop_.to_flush_, this);
  if (fd_ >= 0) ::close(fd_);
}

template <class Fill>
void Wire::begin(OpCode op, Clock::time_point since, Fill&& fill) {
  const std::int32_t xid = op == OpCode::Ping ? -2 : ++last_xid_;
  append_frame(out_, [&](JuteWriter& out) {
    encode(out, RequestHeader{xid, op});
    fill(out);
  });
  if (op != OpCode::Ping) flying_.push_back({xid, op, since});
  need_flush();
}

void Wire::create(const std::string& path, const std::string& data) {
  const CreateRequest request{path, data, open_acl(), 0};
  begin(OpCode::Create, Clock::now(), [&](JuteWriter& out) { encode(out, request); });
}

void Wire::get(const std::string& path, bool watch, Clock::time_point due) {
  const PathWatchRequest request{path, watch};
  begin(OpCode::GetData, due, [&](JuteWriter& out) { encode(out, request); });
}

void Wire::set(const std::string& path, const std::string& data, Clock::time_point due) {
  const SetDataRequest request{path, data, kAnyVersion};
  begin(OpCode::SetData, due, [&](JuteWriter& out) { encode(out, request); });
}

void Wire::sync() {
  const PathRequest request{"/"};
  begin(OpCode::Sync, Clock::now(), [&](JuteWriter& out) { encode(out, request); });
}

void Wire::count_nodes() {
  const PathRequest request{"/"};
  begin(OpCode::GetAllChildrenNumber, Clock::now(), [&](JuteWriter& out) { encode(out, request); });
}

void Wire::ping() {
  begin(OpCode::Ping, Clock::now(), [](JuteWriter&) {});
}

void Wire::need_flush() {
  if (to_flush_ || writing_) return;
  to_flush_ = true;
  loop_.to_flush_.push_back(this);
}

void Wire::flush() {
  to_flush_ = false;
  if (fd_ < 0) return;
  if (connecting_) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return lose(std::strerror(error));
    connecting_ = false;
  }
  while (sent_ < out_.size()) {
    const ssize_t done = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (done < 0 && errno == EAGAIN) return watch_for_writing(true);
    if (done < 0) return lose(std::strerror(errno));
    sent_ += std::size_t(done);
  }
  out_.clear();
  sent_ = 0;
  watch_for_writing(false);
}

void Wire::watch_for_writing(bool wanted) {
  if (writing_ == wanted) return;
  writing_ = wanted;
  epoll_event event{.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = this}};
  epoll_ctl(loop_.epoll_, EPOLL_CTL_MOD, fd_, &event);
}

void Wire::read() {
  const ssize_t got = ::recv(fd_, loop_.buffer_.data(), loop_.buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return lose(got == 0 ? "closed by the server" : std::strerror(errno));
  const ByteView input(loop_.buffer_.data(), std::size_t(got));
  if (frames_.feed(input, [this](ByteView frame) { return on_frame(frame); })) {
    give_up("a reply with an impossible length");
  }
}

void Wire::lose(const std::string& why) {
  ::close(fd_);
  fd_ = -1;
  loop_.listener_.on_lost(*this, why);
}

bool Wire::on_frame(ByteView frame) {
  if (!has_session()) {
    auto answer = decode_all<ConnectResponse>(frame);
    if (!answer || answer->timeout_ms <= 0) give_up("no session");
    session_ = answer->session_id;
    loop_.listener_.on_session(*this);
    return true;
  }
  JuteReader in(frame);
  ReplyHeader header;
  decode(in, header);
  if (header.xid == -1) loop_.listener_.on_event(*this);
  if (header.xid < 0) return true;
  if (flying_.empty() || flying_.front().xid != header.xid) give_up("replies out of order");
  const Flying done = flying_.front();
  flying_.pop_front();
  loop_.listener_.on_reply(*this, done, header.err, in.rest());
  return true;
}

}  // namespace quorate::bench
