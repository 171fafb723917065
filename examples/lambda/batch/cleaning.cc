#include "examples/lambda/batch/cleaning.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace lambda_app {

namespace {

/// "batch-run-7" or "batch-view-7-...": 7.
std::optional<std::uint64_t> run_in(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [stop, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool ends = stop == name.data() + name.size() || *stop == '-';
  return fault == std::errc() && ends ? std::optional(number) : std::nullopt;
}

}  // namespace

std::vector<std::string> garbage(const std::vector<std::string>& names, const Generation& served,
                                 std::uint64_t active) {
  std::vector<std::string> old;
  for (const std::string& name : names) {
    if (const auto run = run_in(name, "batch-run-")) {
      if (*run <= served.run || *run < active) old.push_back(name);
    } else if (const auto view = run_in(name, "batch-view-")) {
      const bool kept = name == served.file || name == served.previous_file;
      if (!kept && (*view <= served.run || *view < active)) old.push_back(name);
    }
  }
  return old;
}

std::vector<std::uint64_t> old_runs(const std::vector<std::uint64_t>& runs,
                                    const Generation& served, std::uint64_t active) {
  std::vector<std::uint64_t> old;
  for (const std::uint64_t run : runs) {
    if (run < served.run || (run != served.run && run < active)) old.push_back(run);
  }
  return old;
}

}  // namespace lambda_app
