#include "client-lib/src/balance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>

using namespace quorate;
using namespace quorate::client;

namespace {

std::vector<Host> hosts(int from, int to) {
  std::vector<Host> out;
  for (int i = from; i <= to; ++i) out.push_back({"server" + std::to_string(i), 2181});
  return out;
}

/// Clients per new server after the change, when `per_server` were on each old one.
std::map<std::string, int> spread(const std::vector<Host>& before, const std::vector<Host>& after,
                                  int per_server, int& moved) {
  Random random(11);
  std::map<std::string, int> load;
  moved = 0;
  for (const Host& host : before) {
    for (int i = 0; i < per_server; ++i) {
      const Move move = plan_move(before, after, host, random);
      CHECK(move.order.size() == after.size());
      moved += move.leave ? 1 : 0;
      ++load[move.leave ? after[move.order.front()].name : host.name];
    }
  }
  return load;
}

}  // namespace

TEST_CASE("rebalancing: every server ends up with its share, and no more move than must") {
  struct Row {
    const char* given;
    std::vector<Host> before, after;
    int moved;  ///< Of 9000 clients, about.
  };
  for (const Row& row : {Row{"three become five", hosts(1, 3), hosts(1, 5), 3'600},
                         Row{"five become three", hosts(1, 5), hosts(1, 3), 3'600},
                         Row{"one is replaced", hosts(1, 3), hosts(2, 4), 3'000},
                         Row{"all are replaced", hosts(1, 3), hosts(4, 6), 9'000},
                         Row{"replaced by more", hosts(1, 3), hosts(3, 7), 7'200},
                         Row{"nothing changes", hosts(1, 3), hosts(1, 3), 0}}) {
    CAPTURE(row.given);
    int moved = 0;
    const int each = 9'000 / static_cast<int>(row.before.size());
    const auto load = spread(row.before, row.after, each, moved);
    CHECK(load.size() == row.after.size());
    const double share = 9'000.0 / static_cast<double>(row.after.size());
    for (const auto& [name, clients] : load) {
      CAPTURE(name);
      CHECK(clients > share * 0.85);
      CHECK(clients < share * 1.15);
    }
    CHECK(moved >= row.moved * 0.9);
    CHECK(moved <= row.moved * 1.1);
  }
}

TEST_CASE("rebalancing: who stays counts on from the present host; who has none starts anywhere") {
  Random random(3);
  for (int i = 0; i < 50; ++i) {
    const Move move = plan_move(hosts(1, 3), hosts(1, 3), Host{"server2", 2181}, random);
    CHECK_FALSE(move.leave);
    CHECK(move.order.front() == 1);
  }
  CHECK_FALSE(plan_move(hosts(1, 3), hosts(4, 6), std::nullopt, random).leave);
}
