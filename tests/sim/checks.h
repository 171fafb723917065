// Every promise that is checked, on what servers do (observe() after each of their steps) and on
// what clients were told. A broken one throws Violation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/ensemble.h"
#include "consensus/event.h"
#include "server/replica/replica.h"
#include "tests/sim/disk.h"
#include "tests/sim/model.h"
#include "tests/sim/plan.h"

namespace quorate::sim {

struct World;
class Server;

/// One operation of a client, from sending to answer.
struct Operation {
  int client = 0;
  SessionId session;
  std::int32_t cxid = 0;
  WriteIntent intent;  ///< Reads use op and path only.
  bool write = false;
  bool watch = false;
  bool linearizable = false;  ///< A sync, or a read where these are promised.
  Zxid floor;                 ///< The last zxid that anybody had been shown when it began.
  Micros invoked = 0;
  Micros returned = -1;  ///< -1: no answer (yet); the outcome is unknown.
  Code code = Code::Ok;  ///< Of the answer.
  Zxid reply_zxid;
  // What became of a write.
  int commits = 0;
  Zxid zxid;
  Code committed_code = Code::Ok;
  std::string committed_path;
};

class Checks {
 public:
  explicit Checks(World& world);

  // ---- Servers
  // -----------------------------------------------------------------------------------
  void on_start(const Server& server, const server::Recovered& recovered);
  void on_crash(const Server& server);
  void on_event(int server, const consensus::Event& event);
  void on_note(int server, char severity, const std::string& text);
  /// A record is on its way into some server's log.
  void proposed(const consensus::LogRecord& record);
  /// After each step of a server: everything that can be seen of it.
  void observe(const Server& server);

  // ---- Clients
  // -----------------------------------------------------------------------------------
  /// Returns the number of the operation.
  std::size_t invoked(Operation operation);
  /// A reply arrived: judges it against the model at its zxid.
  void answered(std::size_t number, Code code, Zxid zxid, ByteView body);
  bool is_write(std::size_t number) const { return operations_[number].write; }
  void session_refused(int client, SessionId session, int server);
  /// A client was told something that shows the state as of `zxid`.
  void shown(Zxid zxid) { shown_ = std::max(shown_, zxid); }
  /// What a client sent at `sent` has been answered: its session was alive then.
  void heard(SessionId session, Micros sent);
  /// Nobody uses the session any more: it has to end by itself.
  void left(SessionId session);
  /// Its client is about to close it.
  void farewell(SessionId session) { farewells_.insert(session); }
  /// A server has opened a session (`fresh`), or taken it up, that may be known to it alone.
  void local_session(SessionId session, int server, bool fresh);
  void disturbed(const std::string& what);  ///< Something a healthy world never shows.

  const Model& model() const { return model_; }
  Zxid last_committed() const {
    return committed_.empty() ? Zxid{} : Zxid{committed_.rbegin()->first};
  }
  /// As the committed history has it.
  const consensus::Ensemble& config() const { return config_; }
  std::size_t committed_count() const { return committed_.size(); }
  std::size_t acknowledged() const { return acknowledged_; }
  /// The last acknowledged write of each client; liveness asks for progress.
  const std::map<int, Micros>& last_progress() const { return last_progress_; }

  // ---- End
  // ---------------------------------------------------------------------------------------
  void finish();

 private:
  struct Seen {
    Zxid applied;
    std::uint32_t accepted_epoch = 0, current_epoch = 0;
    std::uint64_t observations = 0;
  };

  /// Known to one server, for as long as its process lives; until the ensemble hears of it.
  struct LocalSession {
    int server = 0;
    int start = 0;          ///< Of that server: the how-many-th.
    Micros touched = 0;     ///< A moment not after the last touch.
    bool asked = false;     ///< Its client wants what only a session of the ensemble can have.
    bool proposed = false;  ///< Its createSession was, perhaps in vain.
    std::optional<Zxid> upgraded;
  };

  [[noreturn]] void broken(const std::string& what) const;
  Micros calm_from() const;
  void check_epochs(const Server& server, Seen& seen);
  void check_memory(const Server& server) const;
  void check_leadership(const Server& server);
  void check_applied(const Server& server, Seen& seen);
  void commit(const Server& server, Zxid zxid, const SharedBytes& bytes);
  void check_durable(Zxid zxid, const SharedBytes& bytes) const;
  void judge_members(const TxnHeader& header, const SharedBytes& bytes);
  void check_leads_by_right(const Server& server) const;
  void check_members(const Server& server) const;
  void judge_commit(const TxnHeader& header, JuteReader body);
  void judge_expiry(const TxnHeader& header);
  void judge_write(Operation& operation, Zxid zxid, ByteView body);
  void judge_read(const Operation& operation, Zxid zxid, ByteView body);
  void judge_stat(const Operation& operation, const ModelNode& node, const Stat& stat) const;
  void check_real_time_order() const;
  void check_sessions_left() const;
  void check_local_sessions_left(const Server& server) const;
  bool session_used(SessionId session) const;
  bool is_local(SessionId session) const;
  void judge_local_refusal(SessionId session, const LocalSession& known, int server) const;
  Code expected_code(const WriteIntent& intent, SessionId session, std::string& path) const;

  World& world_;
  Model model_;
  std::map<int, Seen> seen_;
  std::map<std::int64_t, SharedBytes> committed_;  ///< By zxid: the one committed history.
  std::map<std::int64_t, Micros> committed_at_;
  std::map<std::int64_t, std::uint64_t> digests_;
  std::map<std::uint32_t, int> leaders_;           ///< Established, by epoch.
  std::map<std::int64_t, SharedBytes> proposals_;  ///< By zxid: all that was ever logged anywhere.
  consensus::Ensemble config_;                     ///< In force, by the committed history.
  std::vector<Operation> operations_;
  std::map<std::pair<SessionId, std::int32_t>, std::size_t> by_cxid_;
  std::map<SessionId, std::int32_t> last_ok_cxid_;
  std::map<SessionId, Micros> last_touch_;  ///< A moment not after the last sure touch.
  std::map<SessionId, Micros> left_;
  std::map<SessionId, Zxid> session_zxid_;  ///< The last a session has been shown.
  Zxid shown_;                              ///< The last that any client has been shown.
  std::set<SessionId> closing_;             ///< Their end was proposed; perhaps never committed.
  std::map<SessionId, LocalSession> local_sessions_;
  std::map<int, int> starts_;  ///< By server.
  std::set<SessionId> farewells_;
  std::map<int, Micros> last_progress_;
  std::size_t acknowledged_ = 0;
};

}  // namespace quorate::sim
