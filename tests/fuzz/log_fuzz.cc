// A log with any of its bytes changed: it opens with a rising prefix of what it was, or is refused.
#include <algorithm>
#include <vector>

#include "base/ensure.h"
#include "server/storage/log_store.h"
#include "tests/fuzz/input.h"
#include "tests/support/sim_files.h"

using namespace quorate;
using namespace quorate::server;

namespace {

constexpr int kRecords = 8;

LogOptions small_segments() {
  LogOptions options;
  options.directory = "/log";
  options.segment_bytes = 2048;
  options.chunk_bytes = 1024;
  options.nonce_seed = 42;
  return options;
}

consensus::LogRecord record(int number) {
  Bytes bytes(static_cast<std::size_t>(number) * 40, static_cast<std::byte>(number));
  return {Zxid::make(1, static_cast<std::uint32_t>(number)), SharedBytes(std::move(bytes))};
}

void write_log(test::SimFiles& files) {
  auto log = LogStore::create(files, small_segments(), Zxid{0});
  ENSURE(log.has_value());
  for (int number = 1; number <= kRecords; ++number) {
    const consensus::LogRecord one = record(number);
    const consensus::LogRecord* group[] = {&one};
    ENSURE(!(*log)->append(group));
    ENSURE(!(*log)->sync());
    // Recovery meets segments made ahead as well, used and not used yet.
    const auto wanted = (*log)->due_preparation();
    if (wanted && number % 3 != 0) {
      ENSURE(!(*log)->prepared(*wanted, prepare_segment(files, *wanted)));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  test::SimFiles files(/*seed=*/1);
  write_log(files);
  const std::vector<std::string> names = files.files_below("/log");
  while (!input.empty()) {
    const std::string& name = names[input.u8() % names.size()];
    const std::uint64_t length = std::max<std::size_t>(files.contents(name).size(), 1);
    const std::uint64_t offset = input.u16() % length;
    if (offset < files.contents(name).size()) files.flip(name, offset, input.u8());
  }
  std::vector<Zxid> seen;
  LogProblem problem;
  const auto log = LogStore::open(
      files, small_segments(),
      [&](const consensus::LogRecord& one) {
        ENSURE(seen.empty() || seen.back() < one.zxid);
        seen.push_back(one.zxid);
      },
      problem);
  ENSURE(log != nullptr || problem.kind != LogProblem::Kind::None);
  // What it has opened it can go on with: nothing it cut off comes back.
  if (log != nullptr) {
    const consensus::LogRecord more{Zxid::make(2, 1), SharedBytes(Bytes(50))};
    const consensus::LogRecord* group[] = {&more};
    ENSURE(!log->append(group));
    ENSURE(!log->sync());
    seen.push_back(more.zxid);
  }
  if (log != nullptr) {
    std::vector<Zxid> again;
    LogProblem none;
    ENSURE(LogStore::open(
               files, small_segments(),
               [&](const consensus::LogRecord& one) { again.push_back(one.zxid); },
               none) != nullptr);
    ENSURE(again == seen);
  }
  return 0;
}
