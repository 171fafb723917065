#include "examples/leader_follower/say.h"

#include <cstdio>

namespace leader_follower {

namespace {

// One call each: lines of two threads do not mix.
void write_line(std::FILE* out, const Options& options, const std::string& text) {
  std::fprintf(out, "%s: %s\n", options.id.c_str(), text.c_str());
  std::fflush(out);
}

}  // namespace

void say(const Options& options, const std::string& text) {
  write_line(stdout, options, text);
}

void complain(const Options& options, const std::string& text) {
  write_line(stderr, options, text);
}

}  // namespace leader_follower
