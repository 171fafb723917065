#include "server/net/client_places.h"

#include "base/ensure.h"

namespace quorate::server {

bool ClientPlaces::admits(const std::string& address) const {
  if (total_max_ > 0 && static_cast<std::int64_t>(count_) >= total_max_) return false;
  return per_address_max_ == 0 || addresses_.count(address) < per_address_max_;
}

ConnectionId ClientPlaces::take(const std::string& address, std::uint16_t port) {
  // The first table is the event loop's: used only when there is no other.
  const std::size_t home = tables_.size() == 1 ? 0 : 1 + next_++ % (tables_.size() - 1);
  Table& table = tables_[home];
  if (table.free.empty()) {
    if (table.places.size() == kSlotsMax) return {};
    table.free.push_back(static_cast<std::uint32_t>(table.places.size()));
    table.places.emplace_back();
  }
  const std::size_t slot = table.free.back();
  table.free.pop_back();
  ClientPlace& place = table.places[slot];
  const std::uint32_t generation = (place.generation + 1) & 0x7fffffff;
  place = {};
  place.generation = generation == 0 ? 1 : generation;
  place.address = addresses_.add(address);
  place.port = port;
  place.taken = place.counted = true;
  ++count_;
  return make_connection_id(place.generation, slot, home);
}

ClientPlace* ClientPlaces::find(ConnectionId id) {
  const std::size_t home = thread_of(id), slot = slot_of(id);
  if (home >= tables_.size() || slot >= tables_[home].places.size()) return nullptr;
  ClientPlace& place = tables_[home].places[slot];
  const bool same = place.taken && make_connection_id(place.generation, slot, home) == id;
  return same ? &place : nullptr;
}

void ClientPlaces::discount(ClientPlace& place) {
  if (!place.counted) return;
  place.counted = false;
  addresses_.drop(place.address);
  --count_;
}

void ClientPlaces::give_back(ConnectionId id) {
  ClientPlace* place = find(id);
  ENSURE(place != nullptr);
  discount(*place);
  place->taken = false;
  tables_[thread_of(id)].free.push_back(static_cast<std::uint32_t>(slot_of(id)));
}

std::vector<ConnectionId> ClientPlaces::counted() const {
  std::vector<ConnectionId> all;
  for (std::size_t home = 0; home < tables_.size(); ++home) {
    const auto& places = tables_[home].places;
    for (std::size_t slot = 0; slot < places.size(); ++slot) {
      if (!places[slot].counted) continue;
      all.push_back(make_connection_id(places[slot].generation, slot, home));
    }
  }
  return all;
}

}  // namespace quorate::server
