#include "examples/kappa/view_handler.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "examples/pipeline/embedded_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/kappa/hits.h"
#include "tests/unit/pipeline/result_text.h"

using namespace kappa_app;
using Clock = ViewHandler::Clock;

namespace {

/// One partition's handler, and the records that it is given.
class Handled {
 public:
  Handled() {
    auto opened = pipeline::EmbeddedBus::open({folder_.path() + "/bus", false});
    REQUIRE(opened);
    bus_ = std::move(*opened);
    REQUIRE(bus_->create_topic("views", {}));
    setting.generation.number = 1;
    setting.code = find_code(setting.generation.code);
    setting.bus = bus_.get();
    setting.views_topic = "views";
    setting.commit_interval = std::chrono::hours(1);
    setting.delta_interval = std::chrono::hours(1);
    handler = ViewHandler::make(setting, 0, 1, {});
    REQUIRE(handler);
  }

  /// The next hit; as if `behind` more were on the bus.
  void hit(Offset behind) {
    std::string value;
    encode(kappa_test::hit(next_).view(), value);
    pipeline::Batch batch;
    batch.records.push_back({next_, /*append_ms=*/1, {}, value});
    batch.next = ++next_;
    batch.high_water = batch.next + behind;
    handler->handle(batch);
  }
  bool commit_is_due() const {
    const auto at = handler->commit_at();
    return at && *at <= Clock::now();
  }
  Offset deltas() const { return bus_->marks("views", 0)->high; }

  HandlerSetting setting;
  std::unique_ptr<ViewHandler> handler;

 private:
  quorate::test::TemporaryFolder folder_;
  std::unique_ptr<pipeline::EmbeddedBus> bus_;
  Offset next_ = 0;
};

}  // namespace

TEST_CASE("view handler: the first commit is due when it has caught up, the next in its turn") {
  Handled one;
  one.hit(/*behind=*/5);
  CHECK_FALSE(one.commit_is_due());
  one.hit(/*behind=*/0);
  CHECK(one.commit_is_due());
  one.handler->state();
  one.handler->committed(2);
  one.hit(/*behind=*/0);
  CHECK_FALSE(one.commit_is_due());
}

TEST_CASE("view handler: having caught up while a commit is on its way, it wants another one") {
  Handled one;
  one.hit(/*behind=*/5);
  one.handler->state();
  one.hit(/*behind=*/0);
  CHECK(one.commit_is_due());
  one.handler->committed(1);
  CHECK(one.commit_is_due());
}

TEST_CASE("view handler: a state is told before it is committed, and what comes behind it later") {
  Handled one;
  one.hit(0);
  const auto first = decode_view_summary(one.handler->state());
  REQUIRE(first);
  CHECK(one.deltas() == 1);
  one.hit(0);
  one.handler->committed(1);
  CHECK(one.deltas() == 1);
  const auto second = decode_view_summary(one.handler->state());
  REQUIRE(second);
  CHECK(one.deltas() == 2);
  CHECK(second->events() == first->events() + 1);
  CHECK(one.setting.counts.unsent == 0);
}
