#include "tests/bench/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
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
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(after_name + 2));
  std::string field;
  long long user = 0, system = 0;
  for (int i = 3; fields >> field && i <= 15; ++i) {
    if (i == 14) user = std::stoll(field);
    if (i == 15) system = std::stoll(field);
  }
  return double(user + system) / double(sysconf(_SC_CLK_TCK));
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
