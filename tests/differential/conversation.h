// Several sessions, each with both servers at once, and the comparison of all that comes back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/generator.h"
#include "tests/differential/item.h"
#include "tests/differential/link.h"
#include "tests/differential/rules.h"

namespace quorate::differential {

inline constexpr int kOracle = 0, kOurs = 1;

/// What went wrong, for a person. Empty: nothing.
using Difference = std::string;

/// One client session that exists on both servers.
struct Slot {
  struct Side {
    std::unique_ptr<Link> link;
    std::int64_t session = 0;
    Buffer password;
  };
  Side side[2];
  bool has_session = false;

  bool connected() const {
    return side[0].link && side[1].link && !side[0].link->closed() && !side[1].link->closed();
  }
};

/// All traffic goes in steps: one session speaks, everything it asked is answered, and then every
/// session is pinged. So what a server sends to whom within one step does not depend on chance, and
/// is compared exactly.
class Conversation {
 public:
  Conversation(const Address& oracle, const Address& ours, Normaliser& rules)
      : addresses_{oracle, ours}, rules_(rules) {}

  Slot& slot(int index) { return slots_[index]; }
  bool verbose = false;
  std::uint64_t requests_sent() const { return requests_sent_; }

  // ---- Steps ----------------------------------------------------------------------------------
  Difference exchange(int slot, const std::vector<Request>& requests, Generator& generator);
  /// As exchange() of closeSession; the session is over.
  Difference close_session(int slot, Generator& generator);
  /// Bytes that are not answered; both must treat the connection alike.
  Difference garbage(int slot, ByteView bytes, Generator& generator);
  /// To ours alone, which must refuse with Unimplemented.
  Difference refused_by_ours(int slot, const Request& request, bool closes, Generator& generator);

  /// A new session, with `eager` sent behind the connect request without waiting.
  Difference connect(int slot, const ConnectShape& shape, const std::vector<Request>& eager,
                     Generator& generator);
  /// The old session on a new connection; `steal`: while the old connection is still open.
  Difference reattach(int slot, const ConnectShape& shape, bool steal, Generator& generator);
  /// Refused: the password is wrong. The old connection ends as well.
  Difference wrong_password(int slot, const ConnectShape& shape, Generator& generator);
  /// A connect request from nobody in particular: `session` as given, nothing kept.
  Difference stranger(const ConnectShape& shape, std::int64_t session, std::int64_t beyond);
  /// As stranger(), with bytes that are no connect request.
  Difference broken_handshake(ByteView bytes);

  /// Raw replies of the oracle to the last exchange.
  const std::vector<Bytes>& oracle_replies() const { return oracle_replies_; }

 private:
  using Links = std::unique_ptr<Link>[2];
  Bytes connect_packet(const ConnectShape& shape, int side, std::int64_t session,
                       const Buffer& password, std::int64_t beyond = 0) const;
  Difference handshake(int slot, Links& links, bool may_refuse);
  Difference compare_handshake(Links& links, Item (&answers)[2]);
  Difference settle(int slot, std::vector<Request> requests, bool unordered, Generator& generator);
  Difference barrier(const std::string& what);
  Difference compare_slot(int slot, const std::vector<Request>& requests, bool unordered,
                          Generator& generator);
  Difference compare_item(int slot, const Request* request, Item& oracle, Item& ours,
                          Generator& generator);
  std::vector<Item> take_items(int slot, int side, const std::vector<Request>& requests);
  void drop(int slot);

  Address addresses_[2];
  Normaliser& rules_;
  Pairing pairing_;
  Slot slots_[kSlots];
  std::vector<Bytes> oracle_replies_;
  std::uint64_t requests_sent_ = 0;
};

}  // namespace quorate::differential
