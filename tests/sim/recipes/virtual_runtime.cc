#include "tests/sim/recipes/virtual_runtime.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

#include "client-lib/src/completion.h"
#include "tests/sim/recipes/process.h"

namespace quorate::sim {

namespace asio = boost::asio;

std::string host_name(HostId server) {
  return "s" + std::to_string(server);
}

// ---- Timer
// ---------------------------------------------------------------------------------------

class VirtualTimer::Wait : public std::enable_shared_from_this<Wait> {
 public:
  Wait(Process& process, asio::any_io_executor strand)
      : process_(process), strand_(std::move(strand)) {}

  void start(TimePoint when, Handler handler) {
    cancel();
    ++round_;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([weak = weak_from_this(), round = round_](asio::cancellation_type) {
        if (auto self = weak.lock()) self->end(round, asio::error::operation_aborted);
      });
    }
    // Not by assignment: any_completion_handler's calls itself for ever in Boost 1.81.
    handler_.swap(handler);
    if (when == TimePoint::max()) return;
    process_.at(when, [weak = weak_from_this(), round = round_] {
      if (auto self = weak.lock()) self->end(round, {});
    });
  }

  void cancel() { end(round_, asio::error::operation_aborted); }

 private:
  void end(std::uint64_t round, client::ErrorCode error) {
    if (round != round_ || !handler_) return;
    Handler handler(std::move(handler_));
    client::post_completion(std::move(handler), strand_, error);
  }

  Process& process_;
  const asio::any_io_executor strand_;
  std::uint64_t round_ = 0;
  Handler handler_;
};

VirtualTimer::VirtualTimer(Process& process, const asio::any_io_executor& strand)
    : wait_(std::make_shared<Wait>(process, strand)) {}

void VirtualTimer::start_wait(TimePoint when, Handler handler) {
  wait_->start(when, std::move(handler));
}

void VirtualTimer::cancel() {
  wait_->cancel();
}

// ---- Link
// ----------------------------------------------------------------------------------------

VirtualLink::VirtualLink(Process& process, asio::any_io_executor strand, client::Host host)
    : Link(std::move(host)),
      process_(process),
      strand_(std::move(strand)),
      wire_(process.wire_log()) {}

/// What the client is told comes in a turn of its own, as from a reactor.
template <class Tell>
void VirtualLink::tell(Tell what) {
  asio::post(strand_, [self = shared_from_this(), what = std::move(what)] {
    if (!self->closed_) what(*self);
  });
}

void VirtualLink::open(std::uint64_t, client::LinkListenerPtr told) {
  opening_ = std::move(told);
  conn_ = process_.connect(shared_from_this(), std::atoi(host().name.c_str() + 1));
}

void VirtualLink::connected(bool ok) {
  auto told = std::exchange(opening_, nullptr);
  if (!told) return;
  client::ErrorCode error;
  if (!ok) error = asio::error::connection_refused;
  tell([told, error](Link& link) { told->on_open(link, error); });
}

void VirtualLink::read(client::LinkListenerPtr told) {
  reading_ = std::move(told);
  serve();
}

void VirtualLink::write(client::LinkListenerPtr told) {
  process_.send(conn_, wire_.leaves(writing));
  tell([told](Link& link) { told->on_written(link, {}); });
}

void VirtualLink::close() {
  if (std::exchange(closed_, true)) return;
  wire_.ended();
  opening_ = reading_ = nullptr;
  process_.close(conn_);
}

void VirtualLink::arrived(ByteView bytes) {
  const Bytes passed = wire_.arrives(bytes);
  append(waiting_, passed);
  serve();
}

void VirtualLink::ended() {
  ended_ = true;
  if (opening_) return connected(false);
  serve();
}

void VirtualLink::serve() {
  if (!reading_ || (waiting_.empty() && !ended_)) return;
  auto told = std::exchange(reading_, nullptr);
  client::ErrorCode error;
  if (waiting_.empty()) error = asio::error::eof;
  tell([told, error, bytes = std::exchange(waiting_, {})](Link& link) {
    told->on_bytes(link, error, bytes);
  });
}

// ---- Runtime
// -------------------------------------------------------------------------------------

client::Timer::TimePoint VirtualRuntime::now() {
  return process_.clock();
}

std::unique_ptr<client::Timer> VirtualRuntime::make_timer(const asio::any_io_executor& strand) {
  return std::make_unique<VirtualTimer>(process_, strand);
}

std::shared_ptr<client::Link> VirtualRuntime::make_link(const asio::any_io_executor& strand,
                                                        const client::Host& host,
                                                        const client::TlsContext&, bool) {
  return std::make_shared<VirtualLink>(process_, strand, host);
}

}  // namespace quorate::sim
