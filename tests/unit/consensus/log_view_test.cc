#include "consensus/log_view.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace quorate::consensus {
namespace {

Zxid z(std::uint32_t epoch, std::uint32_t counter) {
  return Zxid::make(epoch, counter);
}
LogRecord record(std::uint32_t epoch, std::uint32_t counter) {
  return {z(epoch, counter), SharedBytes(Bytes(10))};
}
LogView tail_of_three() {
  return LogView({500, 1000}, z(1, 1), {record(1, 2), record(1, 3), record(2, 1)}, z(1, 2));
}

}  // namespace

TEST_CASE("a log goes on by one, or with the first txn of a higher epoch (R6)") {
  struct Row {
    Zxid last, next;
    bool continues;
  };
  for (const Row& row :
       {Row{z(1, 1), z(1, 2), true}, Row{z(1, 1), z(1, 3), false}, Row{z(1, 1), z(1, 1), false},
        Row{z(1, 9), z(2, 1), true}, Row{z(1, 9), z(3, 1), true}, Row{z(1, 9), z(2, 2), false},
        Row{z(2, 0), z(2, 1), true}, Row{z(2, 1), z(1, 2), false}, Row{Zxid{0}, z(0, 1), true},
        Row{z(1, 0xffffffff), z(2, 0), false}}) {
    CHECK(continues(row.last, row.next) == row.continues);
  }
}

TEST_CASE("what recovery found is durable, and unapplied behind the checkpoint") {
  LogView log = tail_of_three();
  log.check();
  CHECK(log.synced() == z(2, 1));
  CHECK(log.applied() == z(1, 2));
  CHECK(log.committed() == z(1, 2));
  CHECK(log.take_appliable().empty());
}

TEST_CASE(
    "the position behind any zxid is found, in all epochs, also where there is no such record") {
  std::vector<LogRecord> records;
  for (std::uint32_t counter = 5; counter <= 9; ++counter) records.push_back(record(1, counter));
  for (std::uint32_t epoch : {2, 4}) {
    for (std::uint32_t counter = 1; counter <= 3; ++counter) {
      records.push_back(record(epoch, counter));
    }
  }
  for (std::size_t count = 0; count <= records.size(); ++count) {
    const std::vector<LogRecord> some(records.begin(),
                                      records.begin() + static_cast<std::ptrdiff_t>(count));
    const LogView log({500, 10000}, z(1, 4), some, z(1, 4));
    for (std::uint32_t epoch = 0; epoch <= 5; ++epoch) {
      for (std::uint32_t counter = 0; counter <= 12; ++counter) {
        const Zxid zxid = z(epoch, counter);
        const auto behind = std::count_if(some.begin(), some.end(),
                                          [zxid](const LogRecord& one) { return one.zxid > zxid; });
        CHECK(log.index_after(zxid) == count - static_cast<std::size_t>(behind));
      }
    }
  }
}

TEST_CASE("applied is the smaller of committed and durable") {
  LogView log = tail_of_three();
  log.append(record(2, 2));
  log.commit(z(2, 2));
  CHECK(log.take_appliable().size() == 2);
  CHECK(log.applied() == z(2, 1));
  log.mark_synced(z(2, 2));
  CHECK(log.take_appliable().front().zxid == z(2, 2));
  log.check();
}

TEST_CASE("a cut ends exactly on the zxid named, and never below what is applied (R18, R20)") {
  LogView log = tail_of_three();
  CHECK_FALSE(log.truncate(z(1, 4)));
  CHECK_FALSE(log.truncate(z(1, 1)));
  CHECK(log.last() == z(2, 1));
  CHECK(log.truncate(z(1, 3)));
  CHECK(log.last() == z(1, 3));
  CHECK(log.synced() == z(1, 3));
  log.check();
}

TEST_CASE("the window forgets applied records only, and none that a transfer needs") {
  LogView log({2, 1000}, Zxid{0}, {}, Zxid{0});
  for (std::uint32_t i = 1; i <= 5; ++i) log.append(record(1, i));
  CHECK(log.records().size() == 5);
  log.mark_synced(z(1, 5));
  log.commit(z(1, 4));
  log.hold_from(z(1, 1));
  (void)log.take_appliable();
  CHECK(log.base() == z(1, 1));
  log.hold_from(std::nullopt);
  CHECK(log.base() == z(1, 3));
  CHECK(log.records().size() == 2);
  log.check();
}

TEST_CASE("the window is limited in bytes, too") {
  LogView log({500, 25}, Zxid{0}, {record(1, 1), record(1, 2), record(1, 3)}, z(1, 3));
  CHECK(log.records().size() == 2);
  CHECK(log.base() == z(1, 1));
}

TEST_CASE("a tree from elsewhere replaces everything") {
  LogView log = tail_of_three();
  log.reset(z(4, 7));
  log.check();
  CHECK(log.last() == z(4, 7));
  CHECK(log.applied() == z(4, 7));
  CHECK(log.records().empty());
}

}  // namespace quorate::consensus
