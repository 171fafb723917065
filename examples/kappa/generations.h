// The generations of an application in Quorate, and the rules for changing which one answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "examples/kappa/generation.h"
#include "examples/kappa/places.h"
#include "examples/pipeline/bus.h"
#include "quorate/sync_client.h"

namespace kappa_app {

/// What is in <root>/active, and the version a write over it must name.
struct ActiveSeen {
  Active active;
  std::int32_t version = 0;
};

/// What is known of one generation's work.
struct Progress {
  std::vector<pipeline::Offset> committed;  ///< Per partition.
  std::vector<pipeline::Offset> ends;       ///< Of the log, when it was asked.

  std::vector<std::uint64_t> lag() const;
  std::uint64_t total_lag() const;
};

/// Any number of operators may do this at once: every change names the versions it was decided on,
/// and is refused (Fenced) when somebody else was faster. Functions block; any thread but the
/// client's. Faults beside those named: Connection, Damaged.
class Generations {
 public:
  /// Both must outlive this object.
  Generations(qc::SyncClient& client, Places places);

  const Places& places() const { return places_; }
  qc::SyncClient& client() { return client_; }

  /// Makes the znode. Fine if it is there with the same options; BadArgument: with others, or it is
  /// retired.
  pipeline::Result<> declare(const Generation& generation);
  /// BadArgument: there is no such generation.
  pipeline::Result<Generation> find(GenerationNumber number);
  pipeline::Result<std::vector<Generation>> all();  ///< In order of number, the retired ones, too.
  pipeline::Result<std::vector<Worker>> workers();  ///< Those with a session now.

  /// Generation 0 before the first switch.
  pipeline::Result<ActiveSeen> active();
  /// Makes `to` the one that answers, and the one before its previous, in one transaction: only
  /// over `seen`, and only while `to` is not retired. Fenced: another operator was faster.
  pipeline::Result<Active> activate(const ActiveSeen& seen, GenerationNumber to);

  /// How far its workers are. Waits, by watches, until they have committed all that the log held at
  /// the time of the call, or `patience` is over.
  pipeline::Result<Progress> progress(pipeline::Bus& bus, GenerationNumber number,
                                      std::chrono::milliseconds patience);

  /// Marks it retired, so that its workers end; from then on its number is used up. BadArgument: it
  /// is the active one. What was `previous` is no longer.
  pipeline::Result<> retire(GenerationNumber number);
  /// Waits until no worker of it has a session. False when `patience` was over first.
  pipeline::Result<bool> wait_for_end_of_workers(GenerationNumber number,
                                                 std::chrono::milliseconds patience);
  /// Removes its znodes, checkpoint files and deltas; of a retired one only. Its definition stays.
  pipeline::Result<> remove_leftovers(pipeline::Bus& bus, GenerationNumber number);

 private:
  struct Found {
    Generation generation;
    std::int32_t version = 0;
  };
  pipeline::Result<Found> look_up(GenerationNumber number);
  pipeline::Result<> make_znode(const std::string& path, const std::string& data);
  pipeline::Result<> remove_tree(const std::string& path);

  qc::SyncClient& client_;
  const Places places_;
};

struct SwitchOrder {
  GenerationNumber to = 0;
  /// How many records it may be behind, all partitions together, to count as caught up.
  std::uint64_t lag_max = 1'000;
  /// How long to wait until it has caught up with the log as it is now; 0: not at all.
  std::chrono::milliseconds patience{0};
};

struct Switched {
  Active active;
  Progress progress;  ///< Of the generation that answers now, when it was decided.
};

/// activate() for one that has caught up. BadArgument: it is behind, retired, unknown, or answers
/// already. Fenced: another operator has switched since this call began.
pipeline::Result<Switched> switch_to(Generations& generations, pipeline::Bus& bus,
                                     const SwitchOrder& order);
/// The same to the previous one; `order.to` is not looked at. BadArgument also: there is none.
pipeline::Result<Switched> roll_back(Generations& generations, pipeline::Bus& bus,
                                     SwitchOrder order);

}  // namespace kappa_app
