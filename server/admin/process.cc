#include "server/admin/process.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "server/admin/version.h"

namespace quorate::server {

std::int64_t open_descriptors() {
  // Since Linux 6.2 the folder's size is the number of its entries: no walk through 20,000 of them.
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) return folder.st_size;
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  return error ? 0 : std::distance(begin(entries), end(entries));
}

std::int64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::int64_t>(limit.rlim_cur) : 0;
}

ProcessFigures process_figures() {
  ProcessFigures out;
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  out.cpu_seconds = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  std::ifstream pages("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  if (pages >> all >> resident) {
    const std::int64_t page = ::sysconf(_SC_PAGESIZE);
    out.virtual_bytes = all * page;
    out.resident_bytes = resident * page;
  }
  // The start: field 22 of stat, in clock ticks since boot; the name before it may hold blanks.
  std::ifstream file("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at != std::string::npos) {
    timespec now{}, since_boot{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
    const double started =
        std::strtod(text.c_str() + at, nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    out.start_seconds = static_cast<double>(now.tv_sec - since_boot.tv_sec) + started;
  }
  return out;
}

std::uintmax_t bytes_below(const std::string& folder) {
  std::uintmax_t sum = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

std::vector<std::pair<std::string, std::string>> environment() {
  utsname system{};
  ::uname(&system);
  const char* user = std::getenv("USER");
  const char* home = std::getenv("HOME");
  const auto megabytes = [](std::int64_t pages) {
    return std::to_string(pages * ::sysconf(_SC_PAGESIZE) / (1 << 20)) + "MB";
  };
  std::error_code ignored;
  return {{"zookeeper.version", kVersionText},
          {"host.name", system.nodename},
          {"os.name", system.sysname},
          {"os.arch", std::string(system.machine) == "x86_64" ? "amd64" : system.machine},
          {"os.version", system.release},
          {"user.name", user != nullptr ? user : std::to_string(::getuid())},
          {"user.home", home != nullptr ? home : ""},
          {"user.dir", std::filesystem::current_path(ignored).string()},
          {"os.memory.free", megabytes(::sysconf(_SC_AVPHYS_PAGES))},
          {"os.memory.max", megabytes(::sysconf(_SC_PHYS_PAGES))},
          {"os.memory.total", megabytes(::sysconf(_SC_PHYS_PAGES))}};
}

}  // namespace quorate::server
