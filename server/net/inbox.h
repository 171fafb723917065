// What the network tells the one who joins it to the replica. Narrow and virtual, so that net knows
// no replica and its tests need none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/messages.h"
#include "server/replica/client_origin.h"

namespace quorate::server {

/// Called on the event loop only, never from inside a call of Links or Clients. After each batch of
/// calls comes one pump().
class Inbox {
 public:
  virtual ~Inbox() = default;

  // ---- Clients
  // -----------------------------------------------------------------------------------
  /// The answer to a four-letter word; nothing when `word` is none. Behind its four letters stands
  /// what has come with them, up to eight bytes.
  virtual std::optional<std::string> on_four_letter_word(std::string_view word) = 0;
  virtual void on_client_open(ConnectionId connection, ClientOrigin origin) = 0;
  /// False: so many answers wait to leave that no more requests of this one should come before the
  /// next pump().
  virtual bool on_client_frame(ConnectionId connection, ByteView frame) = 0;
  virtual void on_client_closed(ConnectionId connection) = 0;

  // ---- Peers
  // -------------------------------------------------------------------------------------
  virtual void on_notification(ServerId from, consensus::Notification notification) = 0;
  virtual void on_election_link(ServerId peer, bool reachable) = 0;
  virtual void on_link_up(LinkId link, std::optional<ServerId> opened_to) = 0;
  virtual void on_link_bytes(LinkId link, ByteView bytes) = 0;
  virtual void on_link_down(LinkId link) = 0;

  /// End of a batch.
  virtual void pump() = 0;
  /// A log line; `severity` 'I', 'W' or 'E', key=value text.
  virtual void note(char severity, const std::string& text) = 0;
};

}  // namespace quorate::server
