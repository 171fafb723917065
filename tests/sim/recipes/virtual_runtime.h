// The world as the client library sees it in the simulator: the virtual clock, network and chance.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "client-lib/src/runtime.h"
#include "tests/sim/network.h"
#include "tests/sim/recipes/wire.h"

namespace quorate::sim {

class Process;

/// "s3" for server 3: what connect strings of the simulator are made of.
std::string host_name(HostId server);

class VirtualTimer final : public client::Timer {
 public:
  VirtualTimer(Process& process, const client::asio::any_io_executor& strand);
  ~VirtualTimer() override { cancel(); }
  void start_wait(TimePoint when, Handler handler) override;
  void cancel() override;

 private:
  class Wait;  ///< Events of the scheduler know it, but do not keep it.
  std::shared_ptr<Wait> wait_;
};

/// One connection of the virtual network. Bytes that nobody has asked for wait, as in a kernel.
class VirtualLink final : public client::Link, public std::enable_shared_from_this<VirtualLink> {
 public:
  VirtualLink(Process& process, client::asio::any_io_executor strand, client::Host host);

  // ---- From the client
  void open(std::uint64_t seed, client::LinkListenerPtr told) override;
  void read(client::LinkListenerPtr told) override;
  void write(client::LinkListenerPtr told) override;
  void close() override;

  // ---- From the network
  void connected(bool ok);
  void arrived(ByteView bytes);
  void ended();

 private:
  void serve();
  template <class Tell>
  void tell(Tell what);

  Process& process_;
  const client::asio::any_io_executor strand_;
  ConnId conn_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  Bytes waiting_;
  client::LinkListenerPtr opening_, reading_;
  Wire wire_;
};

/// Of one life of one process.
class VirtualRuntime final : public client::Runtime {
 public:
  VirtualRuntime(Process& process, Random random) : process_(process), random_(random) {}

  client::Timer::TimePoint now() override;
  std::uint64_t draw() override { return random_.next(); }
  std::unique_ptr<client::Timer> make_timer(const client::asio::any_io_executor& strand) override;
  std::shared_ptr<client::Link> make_link(const client::asio::any_io_executor& strand,
                                          const client::Host& host, const client::TlsContext& tls,
                                          bool verify_host) override;

 private:
  Process& process_;
  Random random_;
};

}  // namespace quorate::sim
