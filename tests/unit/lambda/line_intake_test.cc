#include "examples/lambda/line_intake.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "examples/lambda/line_source.h"
#include "examples/pipeline/embedded_bus.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/pipeline/result_text.h"

using namespace lambda_app;
using namespace pipeline;

namespace {

constexpr PartitionNumber kPartitions = 3;

struct Intake {
  explicit Intake(LineIntake::Options options = {}, std::vector<std::string> groups = {}) {
    auto opened = EmbeddedBus::open({folder.path() + "/bus", false});
    REQUIRE(opened);
    bus = std::move(*opened);
    TopicOptions topic;
    topic.partitions = kPartitions;
    REQUIRE(bus->create_topic("hits", topic));
    BackpressureOptions behind;
    behind.topic = "hits";
    behind.groups = std::move(groups);
    auto pressed = Backpressure::open(*bus, behind);
    REQUIRE(pressed);
    pressure = std::move(*pressed);
    options.bad_file = folder.path() + "/bad";
    auto made = LineIntake::open(*pressure, options, [this] { ++told; });
    REQUIRE(made);
    intake = std::move(*made);
  }
  std::vector<Event> events() {
    std::vector<Event> all;
    for (PartitionNumber partition = 0; partition < kPartitions; ++partition) {
      const auto batch = bus->read("hits", {partition, 0}, {1'000'000, 64u << 20});
      REQUIRE(batch);
      for (const StoredRecord& record : batch->records) {
        const auto event = decode_event(record.value);
        REQUIRE(event);
        CHECK(record.key == event->visitor);
        CHECK(partition_of(event->visitor, kPartitions) == partition);
        all.emplace_back(*event);
      }
    }
    return all;
  }
  std::string bad_lines() const {
    std::ostringstream text;
    text << std::ifstream(folder.path() + "/bad").rdbuf();
    return text.str();
  }

  quorate::test::TemporaryFolder folder;
  std::unique_ptr<EmbeddedBus> bus;
  std::unique_ptr<Backpressure> pressure;
  std::unique_ptr<LineIntake> intake;
  int told = 0;
};

std::string line(int number) {
  return "10.0.0." + std::to_string(number % 7) + " - - [17/May/2015:10:05:03 +0000] \"GET /p" +
         std::to_string(number) + " HTTP/1.1\" 200 5 \"-\" \"-\"\n";
}

std::string lines(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += line(i);
  return text;
}

/// What a source hands on, whole.
struct Kept {
  TakeLines take() {
    return [this](std::string_view more, std::uint64_t offset) -> Result<> {
      CHECK(offset == text.size());
      CHECK(more.ends_with('\n'));
      text += more;
      ++calls;
      return {};
    };
  }
  std::string text;
  int calls = 0;
};

}  // namespace

TEST_CASE(
    "intake: good lines are on the bus, by visitor, and bad ones aside, when take() returns") {
  LineIntake::Options options;
  options.batch = 10;
  Intake intake(options);
  CHECK(intake.intake->take(lines(0, 25) + "noise\n\n" + lines(25, 26), "log", 100));
  CHECK(intake.events().size() == 26);
  CHECK(intake.told == 3);
  const IntakeCounts counts = intake.intake->counts();
  CHECK(counts.lines == 28);
  CHECK(counts.events == 26);
  CHECK(counts.bad == 2);
  CHECK(counts.unsent == 0);
  CHECK(intake.bad_lines() == "no-visitor\tlog\t" + std::to_string(100 + lines(0, 25).size()) +
                                  "\tnoise\nempty\tlog\t" +
                                  std::to_string(106 + lines(0, 25).size()) + "\t\n");
  CHECK(intake.intake->bad_kinds() == R"({"empty":1,"no-visitor":1})");
}

TEST_CASE("intake: a body without a line end, and lines from many threads, are all taken") {
  Intake intake;
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&intake, sender] {
      for (int i = 0; i < 50; ++i) {
        std::string text = lines(sender * 1'000 + i * 4, sender * 1'000 + i * 4 + 4);
        text.pop_back();
        CHECK(intake.intake->take(text, "http", 0));
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  CHECK(intake.events().size() == 800);
}

TEST_CASE("intake: who waits for room is let go by a stop, and what was not sent is counted") {
  Intake intake({}, {"nobody has told of this group"});
  Result<> ended;
  std::thread sender([&] { ended = intake.intake->take(lines(0, 5), "log", 0); });
  intake.intake->stop();
  intake.pressure->close();
  sender.join();
  REQUIRE_FALSE(ended);
  CHECK(ended.error().kind == FaultKind::Closed);
  CHECK(intake.intake->counts().unsent == 5);
  CHECK(intake.events().empty());
}

TEST_CASE("sources: a file is handed on whole, with its last line completed") {
  const quorate::test::TemporaryFolder folder;
  const std::string file = folder.path() + "/log";
  const std::string text = lines(0, 4'000) + "last";
  std::ofstream(file) << text;
  Stopper stopper;
  Kept kept;
  CHECK(read_file_lines(file, /*rate=*/0, stopper, kept.take()));
  CHECK(kept.text == text + "\n");
  CHECK(kept.calls >= 4);
  const auto missing = read_file_lines(folder.path() + "/no", 0, stopper, kept.take());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("/no: ") != std::string::npos);
}

TEST_CASE("sources: what a pipe has brought is handed on before more comes; a stop ends the wait") {
  const quorate::test::TemporaryFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int writer = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(writer >= 0);
  REQUIRE(::write(writer, "one\ntwo\nthr", 11) == 11);
  Stopper stopper;
  std::string text;
  // The writer stays open: without the stop this would wait for ever.
  CHECK(read_file_lines(pipe, 0, stopper, [&](std::string_view more, std::uint64_t) -> Result<> {
    text += more;
    stopper.stop();
    return {};
  }));
  CHECK(text == "one\ntwo\n");
  ::close(writer);
}

TEST_CASE("sources: the generator gives as many lines as it was asked for, the same for a seed") {
  Stopper stopper;
  Kept kept;
  CHECK(generate_lines({}, 2'345, /*rate=*/0, stopper, kept.take()));
  CHECK(kept.text == generate_log(2'345));
  stopper.stop();
  Kept none;
  CHECK(generate_lines({}, 0, /*rate=*/10, stopper, none.take()));
  CHECK(none.text.empty());
}

TEST_CASE("sources: a pace hands on a fiftieth of a second's lines at once") {
  CHECK(Pace(0).portion(1'000) == 1'000);
  CHECK(Pace(5).portion(1'000) == 1);
  CHECK(Pace(5'000).portion(1'000) == 100);
  CHECK(Pace(1e9).portion(1'000) == 1'000);
}
