#include "server/sasl/peer_login.h"

#include <algorithm>
#include <array>
#include <utility>

namespace quorate::server {
namespace {

constexpr std::int64_t kMagic = 0x5f2435013501edcc;
constexpr std::int32_t kInProgress = 0, kSuccess = 1, kError = -1;
constexpr std::size_t kHeadBytes = 8 + 4 + 4;
/// Java's own limit for the mechanism.
constexpr std::int32_t kTokenMax = 4096;
/// A login has two packets of each side.
constexpr int kPacketsMax = 5;

std::array<std::byte, 8> magic_bytes() {
  std::array<std::byte, 8> bytes{};
  store_be(bytes.data(), kMagic);
  return bytes;
}

void put(Bytes& out, std::int32_t status, const Buffer& token) {
  std::array<std::byte, kHeadBytes> head{};
  store_be(head.data(), kMagic);
  store_be(head.data() + 8, status);
  store_be(head.data() + 12, token ? static_cast<std::int32_t>(token->size()) : -1);
  append(out, head);
  if (token) append(out, as_bytes(*token));
}

}  // namespace

std::string FailedLogin::line() const {
  const std::string where = std::string(" port=") + port + " address=" + address +
                            (server ? " server=" + to_string(*server) : "");
  if (harmless()) return "quorum-sasl-ended" + where;
  return std::string(opened ? "quorum-sasl-failed" : "quorum-sasl-refused") + where + " reason=\"" +
         (reason.empty() ? "the connection ends" : reason) +
         "\" remedy=\"compare the keys quorum.auth.* of both servers, and user and password in the "
         "sections QuorumLearner and QuorumServer of their JAAS files\"";
}

PeerLogin::PeerLogin(SaslLogin& account, Bytes& out)
    : connects_(true), required_(true), conversation_(account.begin()) {
  put(out, kInProgress, conversation_->step("").token);
}

PeerLogin::PeerLogin(SaslLogin& users, bool required)
    : connects_(false), required_(required), conversation_(users.begin()) {}

PeerLogin::State PeerLogin::fail(std::string what) {
  fault_ = std::move(what);
  return State::Failed;
}

/// Takes the next packet from the front of what has come.
PeerLogin::Found PeerLogin::next(Packet& packet) {
  const auto magic = magic_bytes();
  const std::size_t known = std::min(in_.size(), magic.size());
  if (!std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(known), in_.begin())) {
    return Found::Fault;
  }
  if (in_.size() < kHeadBytes) return Found::Nothing;
  const auto size = load_be<std::int32_t>(in_.data() + 12);
  if (size < -1 || size > kTokenMax) return Found::Fault;
  const std::size_t end = kHeadBytes + static_cast<std::size_t>(std::max(size, 0));
  if (in_.size() < end) return Found::Nothing;
  packet.status = load_be<std::int32_t>(in_.data() + 8);
  packet.token = as_text(ByteView(in_).subspan(kHeadBytes, end - kHeadBytes));
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(end));
  return Found::Packet;
}

PeerLogin::State PeerLogin::take(ByteView bytes, Bytes& out) {
  append(in_, bytes);
  State state = State::UnderWay;
  while (state == State::UnderWay) {
    Packet packet;
    const Found found = next(packet);
    if (found == Found::Nothing) return State::UnderWay;
    if (found == Found::Fault) {
      const bool plain = !connects_ && !begun_;
      if (plain && !required_) return State::Done;
      return fail(plain ? "it does not log in" : "what came is no packet of a login");
    }
    begun_ = true;
    if (++packets_ > kPacketsMax) return fail("the login has no end");
    state = connects_ ? go_on(packet, out) : answer(packet, out);
  }
  return state;
}

/// Where others log in.
PeerLogin::State PeerLogin::answer(const Packet& packet, Bytes& out) {
  SaslStep step = conversation_->step(packet.token);
  if (step.kind == SaslStep::Kind::Challenge) {
    put(out, kInProgress, step.token);
    return State::UnderWay;
  }
  if (step.kind == SaslStep::Kind::LoggedIn) {
    put(out, kSuccess, step.token);
    user_ = std::move(step.text);
    return State::Done;
  }
  put(out, kError, std::string());
  return fail(std::move(step.text));
}

/// Where we log in. The other side is believed only what it proves: that it knows the password.
PeerLogin::State PeerLogin::go_on(const Packet& packet, Bytes& out) {
  if (packet.status != kInProgress && packet.status != kSuccess) {
    return fail("the other side refuses the login");
  }
  SaslStep step = conversation_->step(packet.token);
  if (step.kind == SaslStep::Kind::LoggedIn && packet.status == kSuccess) {
    user_ = std::move(step.text);
    return State::Done;
  }
  if (step.kind == SaslStep::Kind::Challenge && packet.status == kInProgress) {
    put(out, kInProgress, step.token);
    return State::UnderWay;
  }
  if (step.kind != SaslStep::Kind::LoggedIn && step.kind != SaslStep::Kind::Challenge) {
    return fail("the other side has not proved that it knows the password; " + step.text);
  }
  return fail("the other side does not keep to the order of a login");
}

}  // namespace quorate::server
