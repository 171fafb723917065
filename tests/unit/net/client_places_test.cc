#include "server/net/client_places.h"

#include <doctest/doctest.h>

namespace quorate::server {

TEST_CASE("places: an id never finds the one who has its slot next") {
  ClientPlaces places(1, 0, 0);
  const ConnectionId first = places.take("10.0.0.1", 1);
  places.give_back(first);
  const ConnectionId second = places.take("10.0.0.2", 2);
  CHECK(slot_of(first) == slot_of(second));
  CHECK(places.find(first) == nullptr);
  REQUIRE(places.find(second) != nullptr);
  CHECK(places.address(*places.find(second)) == "10.0.0.2");
}

TEST_CASE("places: with threads they take turns, and none is the event loop's") {
  ClientPlaces places(3, 0, 0);
  CHECK(thread_of(places.take("a", 1)) == 1);
  CHECK(thread_of(places.take("a", 2)) == 2);
  CHECK(thread_of(places.take("a", 3)) == 1);
}

TEST_CASE("places: limits count what is neither closed nor closing") {
  ClientPlaces places(1, /*per_address_max=*/2, /*total_max=*/3);
  const ConnectionId one = places.take("a", 1);
  (void)places.take("a", 2);
  CHECK_FALSE(places.admits("a"));
  CHECK(places.admits("b"));
  (void)places.take("b", 3);
  CHECK_FALSE(places.admits("c"));
  places.discount(*places.find(one));
  CHECK(places.admits("a"));
  CHECK(places.count() == 2);
  places.give_back(one);
  CHECK(places.count() == 2);
  CHECK(places.counted().size() == 2);
}

TEST_CASE("places: an address is held once, however many connections come from it") {
  AddressTable table;
  const AddressTable::Index index = table.add("10.0.0.1");
  for (int i = 0; i < 99; ++i) CHECK(table.add("10.0.0.1") == index);
  CHECK(table.distinct() == 1);
  CHECK(table.count("10.0.0.1") == 100);
  for (int i = 0; i < 100; ++i) table.drop(index);
  CHECK(table.distinct() == 0);
  CHECK(table.add("10.0.0.2") == index);
}

}  // namespace quorate::server
