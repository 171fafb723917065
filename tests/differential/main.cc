// quorate-differential: see usage() below and docs/testing.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "tests/differential/run.h"

namespace {

using namespace quorate::differential;

struct Arguments {
  Address oracle, ours;
  std::uint64_t first = 1, last = 1;
  RunOptions run;
};

int usage() {
  std::fputs(
      "quorate-differential --oracle PORT --ours PORT [option...]\n"
      "  --seeds A..B        one run per seed (1..1)\n"
      "  --requests N        per seed, about (1000)\n"
      "  --replay SEED       that seed alone, every step shown\n"
      "  --upto STEP         stop behind this step\n"
      "  --skip OP,OP...     operations to leave out, by number\n"
      "  --quota             also nodes that are quotas\n"
      "  --whole             no record that does not decode (3.9 gives such a write no zxid)\n"
      "Both servers listen on 127.0.0.1 and are fresh. Exit code 1: they differ.\n",
      stderr);
  return 2;
}

std::uint16_t port_of(const char* text) {
  return static_cast<std::uint16_t>(std::strtoul(text, nullptr, 10));
}

bool take_seeds(Arguments& arguments, const char* text) {
  char* end = nullptr;
  arguments.first = arguments.last = std::strtoull(text, &end, 10);
  if (std::strncmp(end, "..", 2) == 0) arguments.last = std::strtoull(end + 2, &end, 10);
  return *end == '\0' && arguments.first <= arguments.last;
}

void take_skip(Arguments& arguments, const char* text) {
  while (*text != '\0') {
    char* end = nullptr;
    arguments.run.skip.insert(static_cast<std::int32_t>(std::strtol(text, &end, 10)));
    text = *end == ',' ? end + 1 : end;
    if (*end != ',' && *end != '\0') return;
  }
}

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--quota" || word == "--whole") {
      (word == "--quota" ? arguments.run.quota : arguments.run.whole) = true;
      continue;
    }
    if (++i == count) return false;
    const char* value = words[i];
    if (word == "--oracle") {
      arguments.oracle.port = port_of(value);
    } else if (word == "--ours") {
      arguments.ours.port = port_of(value);
    } else if (word == "--seeds" || word == "--replay") {
      if (!take_seeds(arguments, value)) return false;
      arguments.run.verbose = word == "--replay";
    } else if (word == "--requests") {
      arguments.run.requests = std::strtoull(value, nullptr, 10);
    } else if (word == "--upto") {
      arguments.run.upto = std::strtoull(value, nullptr, 10);
    } else if (word == "--skip") {
      take_skip(arguments, value);
    } else {
      return false;
    }
  }
  return arguments.oracle.port != 0 && arguments.ours.port != 0;
}

int compare(Arguments& arguments) {
  Normaliser rules;
  Conversation conversation(arguments.oracle, arguments.ours, rules);
  bool same = true;
  for (std::uint64_t seed = arguments.first; seed <= arguments.last && same; ++seed) {
    arguments.run.seed = seed;
    const Difference found = run_seed(conversation, rules, arguments.run);
    same = found.empty();
    if (same) continue;
    std::printf("DIFFERENCE seed %llu, %s\n", static_cast<unsigned long long>(seed), found.c_str());
  }
  rules.print();
  std::printf("%llu requests to each server: %s\n",
              static_cast<unsigned long long>(conversation.requests_sent()),
              same ? "no difference" : "a difference");
  return same ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) return usage();
  try {
    return compare(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quorate-differential: %s\n", error.what());
    return 2;
  }
}
