#include "tests/bench/process.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace quorate::bench {
namespace {

long status_line(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stol(line.substr(key.size()));
  }
  return 0;
}

}  // namespace

double cpu_seconds(int pid) {
  // The same sum as in /proc/PID/stat, but not in whole ticks of 10 ms.
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

long rss_kib(int pid) {
  return status_line(pid, "VmRSS:");
}
long peak_rss_kib(int pid) {
  return status_line(pid, "VmHWM:");
}

double cpu_seconds(const std::vector<int>& pids) {
  double sum = 0;
  for (int pid : pids) sum += cpu_seconds(pid);
  return sum;
}

long rss_kib(const std::vector<int>& pids) {
  long sum = 0;
  for (int pid : pids) sum += rss_kib(pid);
  return sum;
}

CpuMeter::CpuMeter(const std::vector<int>& pids)
    : pids_(pids), servers_(cpu_seconds(pids)), own_(cpu_seconds(getpid())) {}

double CpuMeter::own() const {
  return cpu_seconds(getpid()) - own_;
}

long raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return long(limit.rlim_cur);
}

}  // namespace quorate::bench
