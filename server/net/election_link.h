// One stream of the election port: who is there, then frames. Private to election_links.cc.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/net/election_links.h"
#include "znode/proto/frame.h"

namespace quorate::server {

class ElectionLinks::Link : public ByteStream::Owner, public std::enable_shared_from_this<Link> {
 public:
  Link(ElectionLinks& owner, PeerSocket socket)
      : from(socket.address()),
        owner_(owner),
        stream_(std::make_shared<ByteStream>(std::move(socket.socket), *this, owner.read_buffer_,
                                             kOutBytesMax, std::move(socket.tls))),
        frames_(consensus::kMaxNotificationFrame) {}
  ~Link() override { stream_->abandon(); }

  ByteStream& stream() { return *stream_; }

  /// Where others log in, once they have said who they are.
  void expect_login(const consensus::InitialMessage& message, SaslLogin& users, bool required) {
    said = message;
    login_ = std::make_unique<PeerLogin>(users, required);
  }
  /// Where we log in, behind what is already to be sent.
  void log_in_to(ServerId server, SaslLogin& account) {
    opened_to = server;
    Bytes out;
    login_ = std::make_unique<PeerLogin>(account, out);
    stream_->write(out);
  }
  bool logging_in() const { return login_ != nullptr; }
  /// It need not log in, and has said nothing that could be a login.
  bool may_be_plain() const { return login_ && login_->may_be_plain(); }
  void end_login() { login_.reset(); }

  const std::string from;                         ///< Address of the other side.
  std::optional<ServerId> peer;                   ///< Once it is the stream of that server.
  std::optional<consensus::InitialMessage> said;  ///< Who it says it is, from its login on.
  std::optional<ServerId> opened_to;              ///< Whom we log in to.
  bool spoke_tls = false;  ///< Instead of an initial message came what begins a TLS stream.
  const std::chrono::steady_clock::time_point opened_at = std::chrono::steady_clock::now();

 private:
  /// One vote at a time: a vote's frame is at most half of this.
  static constexpr std::size_t kOutBytesMax = 1u << 20;

  void on_bytes(ByteView bytes) override {
    const std::shared_ptr<Link> keep = shared_from_this();
    if (peer) return take_frames(bytes);
    if (login_) return log_in(keep, bytes);
    append(head_, bytes);
    spoke_tls = head_.front() == std::byte{0x16};
    ByteView rest = head_;
    auto message = consensus::take_initial_message(rest);
    if (!message) return owner_.refuse(keep);
    if (!*message) return;
    const Bytes head = std::move(head_);  // `rest` points into it.
    owner_.on_identified(keep, **message);
    if (rest.empty()) return;
    if (login_) return log_in(keep, rest);
    if (peer) take_frames(rest);
  }

  void log_in(const std::shared_ptr<Link>& keep, ByteView bytes) {
    Bytes out;
    const PeerLogin::State state = login_->take(bytes, out);
    if (!out.empty()) {
      stream_->write(out);
      stream_->flush();
    }
    if (state == PeerLogin::State::UnderWay) return;
    if (state == PeerLogin::State::Failed) return owner_.on_login_failed(keep, login_->fault());
    const Bytes rest = login_->rest();
    login_.reset();
    owner_.on_login_done(keep);
    if (peer && !rest.empty()) take_frames(rest);
  }

  void take_frames(ByteView bytes) {
    bool empty = false;
    const ErrorCode fault = frames_.feed(bytes, [&](ByteView body) {
      empty = body.empty();
      if (!empty) owner_.on_frame(*peer, body);
      return !empty;
    });
    // Lengths are 1..524288 (zab-protocol section 2.3); the stream is lost otherwise.
    if (!fault && !empty) return;
    stream_->abort();
    owner_.on_lost_stream(shared_from_this());
  }

  void on_end(const std::string&) override { owner_.on_link_end(shared_from_this()); }
  void on_drained() override { owner_.on_link_drained(shared_from_this()); }

  ElectionLinks& owner_;
  std::shared_ptr<ByteStream> stream_;
  FrameReader frames_;
  std::unique_ptr<PeerLogin> login_;  ///< Until it is over.
  Bytes head_;  ///< The initial message as far as it has come: at most what one read yields.
};

}  // namespace quorate::server
