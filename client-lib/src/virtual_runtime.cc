// A client's timers and connections in a VirtualWorld.
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <set>
#include <utility>

#include "client-lib/src/completion.h"
#include "client-lib/src/runtime.h"

namespace quorate::client {

namespace {

using WorldPtr = std::shared_ptr<VirtualWorld>;

// ---- What an execution context takes with it
/// Keeps handlers that will come to its strand. Real timers and sockets keep theirs inside the
/// context, which destroys them when it ends; without that a handler and what it keeps alive would
/// keep each other for ever.
class Holder {
 public:
  explicit Holder(const asio::any_io_executor& strand);
  virtual ~Holder();
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  /// The context ends: destroys the handlers, with which this object may go, and lets go of the
  /// strand.
  virtual void let_go() = 0;

 private:
  std::shared_ptr<std::set<Holder*>> all_;  ///< Of the context; one thread runs all of a world.
};

class Holders final : public asio::execution_context::service {
 public:
  using key_type = Holders;
  static inline asio::execution_context::id id;

  explicit Holders(asio::execution_context& context) : service(context) {}
  const std::shared_ptr<std::set<Holder*>> all = std::make_shared<std::set<Holder*>>();

 private:
  void shutdown() override {
    while (!all->empty()) all->extract(all->begin()).value()->let_go();
  }
};

Holder::Holder(const asio::any_io_executor& strand)
    : all_(asio::use_service<Holders>(asio::query(strand, asio::execution::context)).all) {
  all_->insert(this);
}
Holder::~Holder() {
  all_->erase(this);
}

// ---- Timer

/// Turns of the world know it, but do not keep it.
class Wait final : public Holder, public std::enable_shared_from_this<Wait> {
 public:
  Wait(WorldPtr world, asio::any_io_executor strand)
      : Holder(strand), world_(std::move(world)), strand_(std::move(strand)) {}

  void start(Timer::TimePoint when, Timer::Handler handler) {
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
    if (when == Timer::TimePoint::max()) return;
    world_->at(when, [weak = weak_from_this(), round = round_] {
      if (auto self = weak.lock()) self->end(round, {});
    });
  }

  void cancel() { end(round_, asio::error::operation_aborted); }
  void let_go() override {
    strand_ = {};
    const Timer::Handler gone(std::move(handler_));
  }

 private:
  void end(std::uint64_t round, ErrorCode error) {
    if (round != round_ || !handler_) return;
    Timer::Handler handler(std::move(handler_));
    post_completion(std::move(handler), strand_, error);
  }

  const WorldPtr world_;
  asio::any_io_executor strand_;
  std::uint64_t round_ = 0;
  Timer::Handler handler_;
};

class VirtualTimer final : public Timer {
 public:
  VirtualTimer(WorldPtr world, const asio::any_io_executor& strand)
      : wait_(std::make_shared<Wait>(std::move(world), strand)) {}
  ~VirtualTimer() override { wait_->cancel(); }
  void start_wait(TimePoint when, Handler handler) override {
    wait_->start(when, std::move(handler));
  }
  void cancel() override { wait_->cancel(); }

 private:
  const std::shared_ptr<Wait> wait_;
};

// ---- Link

/// Bytes that nobody has asked for wait, as in a kernel.
class VirtualLink final : public Link,
                          public VirtualEnd,
                          public Holder,
                          public std::enable_shared_from_this<VirtualLink> {
 public:
  VirtualLink(WorldPtr world, asio::any_io_executor strand, Host host)
      : Link(std::move(host)),
        Holder(strand),
        world_(std::move(world)),
        strand_(std::move(strand)) {}

  // ---- From the client
  void open(std::uint64_t, LinkListenerPtr told) override {
    opening_ = std::move(told);
    connection_ = world_->connect(host().name, host().port, shared_from_this());
  }
  void read(LinkListenerPtr told) override {
    reading_ = std::move(told);
    serve();
  }
  void write(LinkListenerPtr told) override {
    world_->send(connection_, writing);
    tell([told](Link& link) { told->on_written(link, {}); });
  }
  void close() override {
    if (closed_) return;
    forget();
    world_->close(connection_);
  }

  // ---- From the world
  void connected(bool ok) override {
    auto told = std::exchange(opening_, nullptr);
    if (!told) return;
    ErrorCode error;
    if (!ok) error = asio::error::connection_refused;
    tell([told, error](Link& link) { told->on_open(link, error); });
  }
  void arrived(ByteView bytes) override {
    append(waiting_, bytes);
    serve();
  }
  void ended() override {
    ended_ = true;
    if (opening_) return connected(false);
    serve();
  }
  void let_go() override {
    const auto self = shared_from_this();
    strand_ = {};
    close();
  }
  void forget() override {
    closed_ = true;
    const auto opening = std::exchange(opening_, nullptr),
               reading = std::exchange(reading_, nullptr);
  }

 private:
  /// What the client is told comes in a turn of its own, as from a reactor.
  template <class Tell>
  void tell(Tell what) {
    asio::post(strand_, [self = shared_from_this(), what = std::move(what)] {
      if (!self->closed_) what(*self);
    });
  }

  void serve() {
    if (!reading_ || (waiting_.empty() && !ended_)) return;
    auto told = std::exchange(reading_, nullptr);
    ErrorCode error;
    if (waiting_.empty()) error = asio::error::eof;
    tell([told, error, bytes = std::exchange(waiting_, {})](Link& link) {
      told->on_bytes(link, error, bytes);
    });
  }

  const WorldPtr world_;
  asio::any_io_executor strand_;
  VirtualWorld::Connection connection_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  Bytes waiting_;
  LinkListenerPtr opening_, reading_;
};

// ---- Runtime

class VirtualRuntime final : public Runtime {
 public:
  explicit VirtualRuntime(WorldPtr world) : world_(std::move(world)) {}

  Timer::TimePoint now() override { return world_->now(); }
  std::uint64_t draw() override { return world_->draw(); }
  std::unique_ptr<Timer> make_timer(const asio::any_io_executor& strand) override {
    return std::make_unique<VirtualTimer>(world_, strand);
  }
  std::shared_ptr<Link> make_link(const asio::any_io_executor& strand, const Host& host,
                                  const TlsContext&, bool) override {
    return std::make_shared<VirtualLink>(world_, strand, host);
  }
  VirtualWorld* world() override { return world_.get(); }

 private:
  const WorldPtr world_;
};

}  // namespace

std::shared_ptr<Runtime> make_virtual_runtime(std::shared_ptr<VirtualWorld> world) {
  return std::make_shared<VirtualRuntime>(std::move(world));
}

}  // namespace quorate::client
