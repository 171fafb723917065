// One kappa application inside a test: a server of Quorate, an embedded bus, a folder.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "examples/kappa/generations.h"
#include "examples/kappa/view_state.h"
#include "examples/pipeline/embedded_bus.h"
#include "quorate/sync_client.h"
#include "quorate/testing/server.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/kappa/hits.h"
#include "tests/unit/pipeline/result_text.h"

namespace kappa_test {

namespace qc = quorate::client;

inline constexpr std::chrono::seconds kPatience{60};

struct Connection : qc::SyncClient {
  explicit Connection(const quorate::testing::Server& server) : SyncClient(options_of(server)) {
    const auto connected = connect();
    REQUIRE_MESSAGE(connected.ok(), connected.message);
  }
  ~Connection() { close(); }

  static qc::ConnectOptions options_of(const quorate::testing::Server& server) {
    qc::ConnectOptions options(server.connect_string());
    options.connect_timeout = kPatience;
    options.session_timeout = std::chrono::seconds(30);
    return options;
  }
};

struct Application {
  explicit Application(pipeline::PartitionNumber count = 2) : partitions(count) {
    auto opened = pipeline::EmbeddedBus::open({folder.path() + "/bus"});
    REQUIRE(opened);
    bus = std::move(*opened);
    pipeline::TopicOptions topic;
    topic.partitions = partitions;
    REQUIRE(bus->create_topic("hits", topic));
  }

  kappa_app::Places places() const {
    kappa_app::Places places;
    places.connect = server.connect_string();
    places.folder = folder.path();
    return places;
  }

  static kappa_app::Generation generation(kappa_app::GenerationNumber number,
                                          std::int64_t gap_ms = 1'800'000) {
    kappa_app::Generation generation;
    generation.number = number;
    generation.options.session_gap_ms = gap_ms;
    return generation;
  }

  /// Hits [from, to) to the partitions of their visitors.
  void append(std::uint64_t from, std::uint64_t to) {
    for (const pipeline::Event& hit : hits(from, to)) {
      std::string value;
      encode(hit.view(), value);
      const pipeline::Record record{hit.view().visitor, value};
      REQUIRE(append_by_key(*bus, "hits", std::span(&record, 1)));
    }
  }

  /// What a worker of `number` commits that has come as far as the log goes, but for `behind`
  /// records of the first partition. The view itself is empty.
  void commit_all(qc::SyncClient& client, kappa_app::GenerationNumber number, std::int64_t token,
                  pipeline::Offset behind = 0) {
    for (pipeline::PartitionNumber partition = 0; partition < partitions; ++partition) {
      auto checkpoint = open_checkpoint(client, places().group(number), partition);
      REQUIRE(checkpoint);
      REQUIRE((*checkpoint)->claim(token));
      const pipeline::Offset end = bus->marks("hits", partition)->high;
      const std::string view(pipeline::kInlineStateBytesMax + 1, 'v');
      REQUIRE((*checkpoint)->commit({end - (partition == 0 ? behind : 0), view}));
    }
  }

  const pipeline::PartitionNumber partitions;
  quorate::test::TemporaryFolder folder;
  quorate::testing::Server server;
  std::unique_ptr<pipeline::EmbeddedBus> bus;
};

}  // namespace kappa_test
