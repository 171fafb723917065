// Keeps a client's list of servers the one of the ensemble's own configuration.
//
// Reads and watches /zookeeper/config, whatever the chroot. While it does not say of each server
// where clients find it, it adds servers to those that the user named and takes none away; when it
// says so of none, nothing happens. A new list is taken only when one of its
// servers has been reached at the address that it names: what a configuration says is what the
// servers call each other, which is not always where clients find them (0.0.0.0, names inside of a
// cluster, a balancer in front of all). Who shall move, by ZooKeeper's rule, moves when the server
// to go to has been reached, and stays when none can be. The hosts that the user named remain as a
// last resort (SessionCore::set_hosts, spares). A configuration that may not be read is asked for
// again on the next connection and when an identity is added.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client-lib/src/balance.h"
#include "client-lib/src/ensemble_config.h"
#include "client-lib/src/runtime.h"
#include "quorate/types.h"
#include "quorate/watch.h"

namespace quorate::client {

class Connection;

/// Of one Connection, on its strand; keeps neither alive.
class EnsembleFollower final : public WatchSink,
                               public LinkListener,
                               public std::enable_shared_from_this<EnsembleFollower> {
 public:
  explicit EnsembleFollower(Connection& connection);

  void on_session(SessionState state);
  /// A request to prove an identity has been sent: what is asked now is asked with it.
  void on_identity();
  void on_config(ErrorCode error, std::string_view text);
  /// The user has given other hosts.
  void on_other_hosts();
  /// The session is over.
  void stop();
  /// The connection is gone.
  void disown() { connection_ = nullptr; }

 private:
  // ---- Watch, link to a server that may be moved to
  void deliver(const WatchEvent& event) override;
  void on_open(Link& link, ErrorCode error) override;
  void on_bytes(Link&, ErrorCode, ByteView) override {}
  void on_written(Link&, ErrorCode) override {}

  void ask();
  void ask_later();
  void plan();
  void reach_next();
  void reached();
  void give_up_reaching();
  bool may_stay() const;
  bool strayed() const;
  std::chrono::milliseconds patience() const;

  Connection* connection_;  ///< Null when it is over.
  const std::unique_ptr<Timer> pause_;
  bool asking_ = false;
  bool watching_ = false;  ///< The server will tell of a change.
  bool taken_ = false;     ///< The list in use is the configuration's.
  std::optional<std::uint64_t> version_;

  // ---- A list on its way to be taken
  std::vector<Host> hosts_;         ///< Empty: none is.
  std::optional<Host> planned_at_;  ///< Where the client was when the plan was made.
  Move move_;
  std::size_t trying_ = 0;  ///< Index into move_.order.
  std::shared_ptr<Link> link_;
  const std::unique_ptr<Timer> limit_;  ///< Of the link.
};

}  // namespace quorate::client
