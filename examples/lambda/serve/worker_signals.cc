#include "examples/lambda/serve/worker_signals.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace lambda_app {

using pipeline::web_error;
using pipeline::WebResponse;

namespace {

std::string link_of(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : "";
}

/// The first argument of a process.
std::string command_of(const std::string& proc) {
  std::ifstream file(proc + "/cmdline", std::ios::binary);
  const std::string line{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t begin = line.find('\0');
  if (begin == std::string::npos) return "";
  return line.substr(begin + 1, line.find('\0', begin + 1) - begin - 1);
}

/// Why `worker`'s process must not be signalled, or "".
std::string fault_of(const Worker& worker) {
  if (worker.pid <= 1 || worker.pid > INT_MAX) return "its process number makes no sense";
  if (worker.pid == ::getpid()) return "it is the process that answers you";
  const std::string proc = "/proc/" + std::to_string(worker.pid);
  struct stat info {};
  if (::stat(proc.c_str(), &info) != 0) return "its process is not on this machine, or gone";
  if (info.st_uid != ::geteuid()) return "its process is of another user";
  const std::string own = link_of("/proc/self/exe");
  if (own.empty() || link_of(proc + "/exe") != own || command_of(proc) != worker.role) {
    return "its process runs another program";
  }
  return "";
}

/// A handle of the process, checked after it was opened: from then on it cannot become another.
struct Handle {
  explicit Handle(const Worker& worker) {
    fd = static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(worker.pid), 0));
    if (fd < 0) fault = std::strerror(errno);
    if (const std::string why = fault_of(worker); !why.empty()) fault = why;
  }
  ~Handle() {
    if (fd >= 0) ::close(fd);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  int release() { return std::exchange(fd, -1); }

  int fd = -1;
  std::string fault;
};

WebResponse done(const std::string& name, const char* what) {
  WebResponse response;
  response.body = nlohmann::json{{"worker", name}, {"done", what}}.dump() + "\n";
  return response;
}

WebResponse refused(const std::string& name, const std::string& why) {
  return web_error(409, name + " is left alone: " + why);
}

}  // namespace

WebResponse WorkerSignals::kill(const std::string& name, const Worker& worker) {
  Handle process(worker);
  if (!process.fault.empty()) return refused(name, process.fault);
  if (::syscall(SYS_pidfd_send_signal, process.fd, SIGKILL, nullptr, 0) != 0) {
    return refused(name, std::strerror(errno));
  }
  return done(name, "killed");
}

WebResponse WorkerSignals::pause(const std::string& name, const Worker& worker) {
  if (parked_.holds(name)) return refused(name, "it is paused already");
  Handle process(worker);
  if (!process.fault.empty()) return refused(name, process.fault);
  const std::string fault = parked_.park(name, process.release(), pause_);
  return fault.empty() ? done(name, "paused") : refused(name, fault);
}

}  // namespace lambda_app
