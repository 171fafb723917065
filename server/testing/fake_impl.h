// What a FakeEnsemble is made of: network, replica, and the script between the two.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quorate/testing/fake.h"
#include "server/testing/fake_network.h"
#include "server/testing/fake_replica.h"
#include "server/testing/fake_requests.h"
#include "znode/proto/frame.h"

namespace quorate::testing {

class FakeEnsemble::Impl final : public FakeNetwork, public ReplicaListener {
 public:
  enum class Kind { LoseRequest, LoseReply, DelayReply, Answer, Before, After };
  struct Fault {
    Kind kind;
    Request request;
    std::chrono::milliseconds span{0};
    client::Code code = client::Code::Ok;
    std::function<void()> action;
    int seen = 0;
  };

  explicit Impl(const FakeOptions& options);

  void add(Fault fault) { faults.push_back(std::move(fault)); }
  void shut_down();
  /// Connections break; the other kind of replica takes over.
  void set_read_only(bool yes);
  void set_running(int server, bool runs);
  std::optional<Connection> connection_of(SessionId session) const;
  std::vector<std::string> outstanding() const;
  std::string connect_string() const;
  void cut_all();
  using FakeNetwork::break_off;
  int connection_count() const { return static_cast<int>(standing().size()); }

  std::vector<const void*> driven;  ///< Loops of the test's own.
  std::deque<Fault> faults;
  std::deque<RequestRecord> history;
  std::map<Op, int> counts;
  const std::int32_t frame_max;
  FakeReplica replica;

 private:
  /// What is known of one connection at its server.
  struct Talk {
    explicit Talk(std::int32_t frame_max) : in(frame_max), out(64 << 20) {}
    FrameReader in, out;
    bool asked = false, answered = false;  ///< The handshake.
    bool muted = false;                    ///< Its replies do not leave.
    SessionId session;
    std::deque<std::pair<std::int32_t, std::size_t>> open;  ///< xid, and which of the history.
  };
  using TalkPtr = std::shared_ptr<Talk>;

  // ---- FakeNetwork
  void on_accepted(Connection connection) override;
  void on_received(Connection connection, ByteView bytes) override;
  void on_gone(Connection connection) override;
  std::string describe_rest() const override;
  // ---- ReplicaListener
  void on_frames(ConnectionId connection, ByteView frames) override;
  void on_closed(ConnectionId connection) override;

  void tick();
  bool answer_word(Connection connection, const Talk& talk, ByteView bytes);
  AskedFor take_in(Talk& talk, ByteView frame);
  void note(Talk& talk, const AskedFor& asked);
  void note_answer(Talk& talk, ByteView frame);
  bool concerns(const Request& request, const AskedFor& asked, SessionId session) const;
  std::optional<Fault> strike(const AskedFor& asked, SessionId session);
  void on_frame(Connection connection, const TalkPtr& talk, ByteView frame);
  void carry_out(Connection connection, ByteView frame);
  void suffer(const Fault& fault, Connection connection, const TalkPtr& talk, const AskedFor& asked,
              ByteView frame);
  void refuse(Connection connection, Talk& talk, std::int32_t xid, client::Code code);

  bool read_only_ = false;
  std::size_t forgotten_ = 0;  ///< Of the history.
  std::map<Connection, TalkPtr> talks_;
};

}  // namespace quorate::testing
