#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "examples/pipeline/aggregate.h"
#include "examples/pipeline/dead_letters.h"
#include "examples/pipeline/generator.h"
#include "examples/pipeline/log_parser.h"
#include "examples/pipeline/program/answers_json.h"
#include "examples/pipeline/program/read_lines.h"
#include "examples/pipeline/tool/commands.h"

namespace pipeline_program {

using nlohmann::json;
using namespace pipeline;

namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

/// What `parse` and `aggregate` have in common.
struct Reading {
  explicit Reading(Arguments& arguments) : bad_file(arguments.text("--bad")) {
    if (arguments.flag("--by-position")) identity = Identity::Position;
  }

  /// Parses all files; `on_event` gets the good lines, `letters` the others.
  template <class OnEvent>
  std::string read(const std::vector<std::string>& files, OnEvent&& on_event) {
    if (!bad_file.empty()) {
      auto opened = DeadLetters::open(bad_file);
      if (!opened) return opened.error().message;
      letters = std::move(*opened);
    }
    for (const std::string& file : files) {
      LogParser parser({identity, file});
      const std::string fault = read_lines(file, [&](std::string_view line, std::uint64_t offset) {
        ++lines;
        if (const auto event = parser.parse(line, offset)) {
          on_event(*event);
        } else {
          letters.add(event.error(), file, offset, line);
        }
      });
      if (!fault.empty()) return fault;
    }
    const auto flushed = letters.flush();
    return flushed ? "" : flushed.error().message;
  }

  json bad_counts() const {
    json counts = {{"total", letters.total()}};
    for (std::size_t i = 0; i < kBadLineKinds; ++i) {
      const auto reason = static_cast<BadLine>(i);
      if (letters.count(reason) > 0) counts[name_of(reason)] = letters.count(reason);
    }
    return counts;
  }

  Identity identity = Identity::Content;
  std::string bad_file;
  DeadLetters letters;
  std::uint64_t lines = 0;
};

template <class Visitors>
int aggregate_as(Arguments& arguments) {
  const std::vector<std::string>& files = arguments.files();
  Reading reading(arguments);
  SummaryOptions options;
  options.session_gap_ms = static_cast<std::int64_t>(arguments.number("--gap-ms", 30 * 60 * 1000));
  options.prefix_depth = static_cast<unsigned>(arguments.number("--depth", 2, 16));
  const std::size_t top = arguments.number("--top", 10);
  const std::size_t parts = arguments.number("--parts", 1);
  const bool stats = arguments.flag("--stats");
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (files.empty()) return refuse("aggregate needs a FILE");
  if (parts == 0 || parts > 1'000) return refuse("--parts: from 1 to 1000");

  std::vector<BasicAggregator<Visitors>> aggregators(parts, BasicAggregator<Visitors>(options));
  const std::clock_t begin = std::clock();
  const std::string fault = reading.read(files, [&](const EventView& event) {
    // All hits of a visitor in one part: duplicates meet.
    aggregators[parts == 1 ? 0 : visitor_hash(event.visitor) % parts].add(event);
  });
  const double cpu_seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (!fault.empty()) return fail(fault);
  if (stats) {
    // CPU time: what a core does, whatever else the machine is busy with.
    std::fprintf(stderr, "%llu lines in %.3f s of one core: %.0f lines/s\n",
                 static_cast<unsigned long long>(reading.lines), cpu_seconds,
                 static_cast<double>(reading.lines) / cpu_seconds);
  }

  BasicSummary<Visitors> summary(options);
  std::uint64_t duplicates = 0;
  for (const auto& aggregator : aggregators) {
    if (!summary.merge(aggregator.summary())) return fail("parts of one summary do not fit");
    duplicates += aggregator.refused();
  }
  print(dump({{"lines", reading.lines},
              {"bad", reading.bad_counts()},
              {"duplicates", duplicates},
              {"events", summary.events()},
              {"answers", all_answers(summary, top)}}));
  return 0;
}

}  // namespace

int generate(Arguments& arguments) {
  const std::uint64_t lines = arguments.number("--lines", 10'000);
  GeneratorOptions options;
  options.seed = arguments.number("--seed", options.seed);
  options.events_per_second = arguments.share("--rate", options.events_per_second);
  options.pages =
      static_cast<std::uint32_t>(arguments.number("--pages", options.pages, 10'000'000));
  options.visitors_at_once = static_cast<std::uint32_t>(
      arguments.number("--visitors", options.visitors_at_once, 10'000'000));
  options.bots = arguments.share("--bots", options.bots);
  options.bad_lines = arguments.share("--bad-lines", options.bad_lines);
  options.duplicates = arguments.share("--duplicates", options.duplicates);
  options.late = arguments.share("--late", options.late);
  options.json = arguments.flag("--json");
  if (!arguments.fault().empty()) return refuse(arguments.fault());

  Generator generator(options);
  std::string text;
  for (std::uint64_t i = 0; i < lines; ++i) {
    generator.next(text);
    if (text.size() > 1u << 20) {
      print(text);
      text.clear();
    }
  }
  print(text);
  return std::fflush(stdout) == 0 ? 0 : fail("standard output does not take it");
}

int parse(Arguments& arguments) {
  const std::vector<std::string>& files = arguments.files();
  Reading reading(arguments);
  if (!arguments.fault().empty()) return refuse(arguments.fault());
  if (files.empty()) return refuse("parse needs a FILE");
  const std::string fault = reading.read(files, [](const EventView& event) {
    const json object = {{"id", event.id},
                         {"time_ms", event.time_ms},
                         {"visitor", event.visitor},
                         {"path", event.path},
                         {"status", event.status},
                         {"bytes", event.bytes},
                         {"referrer", event.referrer},
                         {"agent", event.agent}};
    print(object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  });
  if (!fault.empty()) return fail(fault);
  std::fprintf(stderr, "%llu lines; bad: %s\n", static_cast<unsigned long long>(reading.lines),
               reading.bad_counts().dump().c_str());
  return 0;
}

int aggregate(Arguments& arguments) {
  return arguments.flag("--sketch") ? aggregate_as<HyperLogLog>(arguments)
                                    : aggregate_as<ExactVisitors>(arguments);
}

}  // namespace pipeline_program
