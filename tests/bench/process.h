// What /proc knows of the servers under load and of this program.
#pragma once

#include <vector>

namespace quorate::bench {

/// User and system seconds of a process so far; 0 when it cannot be read.
double cpu_seconds(int pid);
long rss_kib(int pid);
long peak_rss_kib(int pid);

double cpu_seconds(const std::vector<int>& pids);
long rss_kib(const std::vector<int>& pids);

/// CPU of the servers and of this program since it was made.
class CpuMeter {
 public:
  explicit CpuMeter(const std::vector<int>& pids);
  double servers() const { return cpu_seconds(pids_) - servers_; }
  double own() const;

 private:
  const std::vector<int>& pids_;
  double servers_, own_;
};

/// As many open files as the system allows; how many that is.
long raise_file_limit();

}  // namespace quorate::bench
