// Port Links over real sockets: the face of election and quorum port to the replica.
#pragma once

#include <functional>
#include <utility>

#include "server/net/election_links.h"
#include "server/net/member_addresses.h"
#include "server/net/peer_links.h"
#include "server/replica/ports.h"

namespace quorate::server {

class SocketLinks : public Links {
 public:
  /// `others`: what else depends on who the members are.
  using OnMembers = std::function<void(const consensus::Membership&)>;
  SocketLinks(PeerLinks& peers, ElectionLinks& election, OnMembers others)
      : peers_(peers), election_(election), others_(std::move(others)) {}

  void set_members(const consensus::Membership& members) override {
    peers_.set_members(known_members(members));
    election_.set_members(known_members(members));
    if (others_) others_(members);
  }
  void vote(ServerId to, const consensus::Notification& notification) override {
    election_.vote(to, notification);
  }
  void open(ServerId peer) override { peers_.open(peer); }
  void cancel(ServerId peer) override { peers_.cancel(peer); }
  void close(LinkId link) override { peers_.close(link); }
  void send(LinkId link, const consensus::QuorumPacket& packet) override {
    peers_.send(link, packet);
  }
  void send_raw(LinkId link, SharedBytes bytes) override { peers_.send_raw(link, bytes); }
  std::size_t queued_bytes(LinkId link) const override { return peers_.queued_bytes(link); }
  void flush() override { peers_.flush(); }

 private:
  PeerLinks& peers_;
  ElectionLinks& election_;
  const OnMembers others_;
};

}  // namespace quorate::server
