// What the replica asks of the outside: six small interfaces; real, simulated, fake. No socket, no
// file, no Asio here. No port calls back into the replica from inside a call: answers come later,
// through the on_... functions of Replica, on the replica's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/event.h"
#include "consensus/membership.h"
#include "consensus/messages.h"
#include "consensus/ready.h"
#include "server/replica/sasl.h"
#include "znode/snapshot.h"

namespace quorate::server {

/// Log, epochs and checkpoint. Jobs of the log are carried out strictly in order; a failed write or
/// fsync ends the process (fatal), so there is no error answer for them.
class Disk {
 public:
  virtual ~Disk() = default;

  /// writes[i] has number first + i. Answered by Replica::on_synced(n) once all up to n are
  /// durable; many may be covered by one answer (group commit).
  virtual void write(std::uint64_t first, std::vector<consensus::LogWrite> writes) = 0;

  /// Renews the checkpoint by one atomic, synced batch, handed over in portions; a portion that
  /// `begins` makes one that was not ended void. From scratch: the portions fill a new store, which
  /// takes the place of the old one with the last. Runs beside the log, never delays it. The last
  /// portion is answered by Replica::on_checkpointed(zxid); log segments it has made superfluous
  /// are purged. A full disk is waited out, without an answer. When the store cannot be used any
  /// more, also between batches, Replica::on_checkpoint_lost() asks for one from scratch.
  virtual void checkpoint(znode::CheckpointBatch portion) = 0;
  /// Bytes of portions (also of install()) that wait to be written: the replica stops encoding
  /// above its limit.
  virtual std::size_t checkpoint_backlog() const { return 0; }
  /// How much has changed since the checkpoint under way began, as a share of what makes the next
  /// one due: above 1 the writing is behind, and its rate limit rises.
  virtual void hurry_checkpoint(double /*due*/) {}

  /// Reads the SNAP stream of the current checkpoint, from one consistent view of it, piece by
  /// piece: one call, one piece (at most about 256 KiB), answered by Replica::on_snapshot_piece().
  /// The first call for a link begins; drop_snapshot() or the last piece ends.
  virtual void read_snapshot(LinkId link) = 0;
  virtual void drop_snapshot(LinkId link) = 0;

  /// Makes a checkpoint from scratch, handed over in portions, and an empty log behind it the
  /// current generation, by one atomic rename, durably; everything older is removed afterwards. The
  /// last portion is ordered with write(), and answered by Replica::on_installed(link, zxid); an
  /// error, as of a full disk, may be answered earlier: what was there before is untouched then.
  virtual void install(LinkId link, znode::CheckpointBatch portion) = 0;
  /// What install() has been given of a tree that will never be whole is void, and not answered any
  /// more. No checkpoint() comes between the first portion and this.
  virtual void drop_install(LinkId /*link*/) {}

  /// False: so much waits to be written that no new requests should be taken.
  virtual bool has_room() const { return true; }
};

/// Connections to the other servers.
class Links {
 public:
  virtual ~Links() = default;

  /// Who the others are and where they listen, at start and whenever it changes. Links that exist
  /// stay: consensus decides about those of servers that are named no more.
  virtual void set_members(const consensus::Membership& members) = 0;

  /// Election port. Holds one vote per peer; a newer one replaces it.
  virtual void vote(ServerId to, const consensus::Notification& notification) = 0;

  /// Quorum port: keep trying to connect to `peer` until it works (Replica::on_link_up) or
  /// cancel().
  virtual void open(ServerId peer) = 0;
  virtual void cancel(ServerId peer) = 0;
  /// Ends the link; Replica::on_link_down follows (also for a link already ended: at most once
  /// each).
  virtual void close(LinkId link) = 0;
  virtual void send(LinkId link, const consensus::QuorumPacket& packet) = 0;
  /// The raw stream behind a SNAP packet.
  virtual void send_raw(LinkId link, SharedBytes bytes) = 0;
  /// Bytes that wait to be sent. Above its limit the link is closed: a slow learner never grows
  /// this server's memory without bound.
  virtual std::size_t queued_bytes(LinkId link) const = 0;
  /// End of a batch: everything queued may leave now.
  virtual void flush() = 0;
};

/// Client connections.
class Clients {
 public:
  virtual ~Clients() = default;

  /// Queues whole frames (length included).
  virtual void send(ConnectionId connection, ByteView frames) = 0;
  /// Closes after what is queued has been sent. Replica::on_client_closed does not follow.
  virtual void close(ConnectionId connection) = 0;
  /// Back pressure: stop and resume reading requests.
  virtual void pause(ConnectionId connection) = 0;
  virtual void resume(ConnectionId connection) = 0;
  virtual void flush() = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_ms() const = 0;   ///< Monotonic.
  virtual std::int64_t wall_ms() const = 0;  ///< Since 1970; for txn times only.
};

/// Log lines and metrics.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_event(const consensus::Event& event) = 0;
  /// Something an operator should know: `severity` 'I', 'W' or 'E', key=value text.
  virtual void note(char severity, const std::string& text) = 0;
  /// A line of the audit log; none is ever left out.
  virtual void audit(const std::string& /*line*/) {}
};

struct Ports {
  Disk& disk;
  Links& links;
  Clients& clients;
  Clock& clock;
  Observer& observer;
  SaslLogin* sasl = nullptr;  ///< None: no login is configured.
};

}  // namespace quorate::server
