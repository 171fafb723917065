// Which client connections there are, where each lives and where it comes from: what the event loop
// knows of them, 16 bytes each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "server/net/address_table.h"
#include "server/net/client_loop.h"

namespace quorate::server {

struct ClientPlace {
  std::uint32_t generation = 0;  ///< Of the connection that has the place; 31 bits.
  AddressTable::Index address = 0;
  std::uint16_t port = 0;
  bool taken = false;
  bool counted = false;  ///< For the limits: not closed and not closing.
  bool open = false;     ///< The replica knows it.
  bool paused = false;   ///< By the replica.
  bool held = false;     ///< Its answers must leave first.
};

/// Owned by the event loop.
class ClientPlaces {
 public:
  /// `homes`: 1, or 1 more than there are threads. Limits of 0 are none.
  ClientPlaces(std::size_t homes, std::int64_t per_address_max, std::int64_t total_max)
      : tables_(homes), per_address_max_(per_address_max), total_max_(total_max) {}

  bool admits(const std::string& address) const;
  /// A place for one more; with threads they take turns. id 0: none is left.
  ConnectionId take(const std::string& address, std::uint16_t port);
  /// nullptr when it has gone.
  ClientPlace* find(ConnectionId id);
  const std::string& address(const ClientPlace& place) const {
    return addresses_.text(place.address);
  }
  /// It is closing, or has ended: counts no more.
  void discount(ClientPlace& place);
  void give_back(ConnectionId id);

  std::size_t count() const { return count_; }
  std::vector<ConnectionId> counted() const;

 private:
  struct Table {
    std::vector<ClientPlace> places;
    std::vector<std::uint32_t> free;
  };
  std::vector<Table> tables_;
  AddressTable addresses_;
  const std::int64_t per_address_max_;
  const std::int64_t total_max_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace quorate::server
