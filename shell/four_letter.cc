#include "shell/four_letter.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>

namespace quorate::shell {

namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

  bool wait(short events, Clock::time_point end) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    pollfd poll_fd{fd_, events, 0};
    return left.count() > 0 && ::poll(&poll_fd, 1, static_cast<int>(left.count())) == 1;
  }

 private:
  int fd_;
};

std::string connect_fault(const Socket& sock, const addrinfo& address, Clock::time_point end) {
  if (sock.fd() < 0) return std::strerror(errno);
  if (::connect(sock.fd(), address.ai_addr, address.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return std::strerror(errno);
  if (!sock.wait(POLLOUT, end)) return "no answer in time";
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(sock.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : std::strerror(error);
}

std::string read_all(const Socket& sock, Clock::time_point end, std::string& fault) {
  constexpr std::size_t kMax = 64u << 20;
  std::string answer;
  char part[16384];
  while (answer.size() < kMax) {
    if (!sock.wait(POLLIN, end)) {
      fault = "no answer in time";
      return answer;
    }
    const ssize_t size = ::recv(sock.fd(), part, sizeof part, 0);
    if (size <= 0) break;
    answer.append(part, static_cast<std::size_t>(size));
  }
  if (answer.empty()) fault = "the connection was closed without an answer";
  return answer;
}

}  // namespace

std::string four_letter(const std::string& server, const std::string& word,
                        std::chrono::milliseconds limit, std::string& fault) {
  const auto end = Clock::now() + limit;
  const std::size_t colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port = colon == std::string::npos ? "2181" : server.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    fault = gai_strerror(code);
    return "";
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const Socket sock(::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    fault = connect_fault(sock, *each, end);
    if (!fault.empty()) continue;
    if (::send(sock.fd(), word.data(), word.size(), MSG_NOSIGNAL) < 0) {
      fault = std::strerror(errno);
      continue;
    }
    std::string answer = read_all(sock, end, fault);
    if (answer.find("is not executed because it is not in the whitelist") != std::string::npos) {
      fault = word + " is not in 4lw.commands.whitelist";
      return "";
    }
    return answer;
  }
  return "";
}

std::map<std::string, std::string> answer_fields(const std::string& answer) {
  std::map<std::string, std::string> fields;
  std::istringstream in(answer);
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    const std::size_t colon = line.find(": ");
    const std::size_t equals = line.find('=');
    if (tab != std::string::npos) {
      fields[line.substr(0, tab)] = line.substr(tab + 1);
    } else if (colon != std::string::npos) {
      fields[line.substr(0, colon)] = line.substr(colon + 2);
    } else if (equals != std::string::npos) {
      fields[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return fields;
}

}  // namespace quorate::shell
