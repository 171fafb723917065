// One peer of three under test; the test plays disk, clock and the other two.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consensus/peer.h"

namespace quorate::consensus {

inline constexpr ServerId kSelf{1};
inline constexpr LinkId kLink{7};

inline SharedBytes bytes_of_text(std::string_view text) {
  const auto view = as_bytes(text);
  return SharedBytes(Bytes(view.begin(), view.end()));
}

class OnePeer {
 public:
  explicit OnePeer(DurableState state = {}, int servers = 3, ServerId self = kSelf)
      : peer(options(servers, self), std::move(state), Random(1)) {
    tick(0);
  }
  static PeerOptions options(int servers, ServerId self) {
    PeerOptions options;
    options.self = self;
    std::vector<Member> members;
    for (int i = 1; i <= servers; ++i) members.push_back({{i}, "h", 1, 2, false, ""});
    options.ensemble = Ensemble(members);
    return options;
  }

  void step(Input input) {
    peer.step(std::move(input));
    peer.check_invariants();
    take();
  }
  void tick(std::int64_t ms) { step(Tick{now += ms}); }
  void sync() { step(LogSynced{written}); }
  void vote(ServerId from, PeerState state, ServerId leader, Zxid zxid, std::int64_t round,
            std::int64_t epoch) {
    step(ElectionMessage{from, {state, leader, zxid, round, epoch, 2, ""}});
  }
  void packet(PacketType type, Zxid zxid, std::optional<SharedBytes> data = {},
              LinkId link = kLink) {
    step(QuorumMessage{link, {type, zxid, std::move(data), std::nullopt}});
  }
  void proposal(Zxid zxid, std::string_view text = "x") {
    packet(PacketType::Proposal, zxid, bytes_of_text(text));
  }

  /// Follows server 3 of an established ensemble of `epoch`, up to its ACKEPOCH.
  void follow(std::uint32_t epoch) {
    vote({2}, PeerState::Following, {3}, Zxid{0}, 1, epoch);
    vote({3}, PeerState::Leading, {3}, Zxid{0}, 1, epoch);
    REQUIRE(peer.role() == Role::Following);
    step(LinkUp{kLink, ServerId{3}});
    packet(PacketType::LeaderInfo, Zxid::make(epoch, 0), encode_leader_info());
    sync();
    sends.clear();
  }

  /// What has been sent since the last call, e.g. "ACK 0x100000000".
  std::vector<std::string> sent() {
    std::vector<std::string> text;
    for (const Envelope& send : std::exchange(sends, {})) {
      text.push_back(std::string(name_of(send.packet.type)) + " " + to_string(send.packet.zxid));
    }
    return text;
  }
  bool happened(EventKind kind) const {
    return std::any_of(events.begin(), events.end(),
                       [kind](const Event& event) { return event.kind == kind; });
  }

  Peer peer;
  std::int64_t now = 1000;
  std::uint64_t written = 0;
  std::vector<LogWrite> writes;
  std::vector<LinkCommand> links;
  std::vector<VoteEnvelope> votes;
  std::vector<Envelope> sends;
  std::vector<LogRecord> commits;
  std::vector<Event> events;
  std::vector<Request> requests;
  std::vector<Transfer> transfers;
  std::vector<Revalidation> revalidations;
  std::size_t syncs_done = 0;

 private:
  template <class T>
  static void move_all(std::vector<T>& to, std::vector<T>& from) {
    for (T& item : from) to.push_back(std::move(item));
  }
  void take() {
    Ready ready = peer.take_ready();
    if (!ready.writes.empty()) written = ready.first_write + ready.writes.size() - 1;
    move_all(writes, ready.writes);
    move_all(links, ready.links);
    move_all(votes, ready.votes);
    move_all(sends, ready.sends);
    move_all(commits, ready.commits);
    move_all(events, ready.events);
    move_all(requests, ready.requests);
    move_all(transfers, ready.transfers);
    move_all(revalidations, ready.revalidations);
    syncs_done += ready.syncs_done;
  }
};

}  // namespace quorate::consensus
