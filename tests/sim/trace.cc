#include "tests/sim/trace.h"

#include <cstdio>

namespace quorate::sim {
namespace {

void print_time(Micros now) {
  std::printf("%4lld.%06lld ", static_cast<long long>(now / kSecond),
              static_cast<long long>(now % kSecond));
}

}  // namespace

void Trace::event(std::string_view what, std::initializer_list<std::int64_t> numbers) {
  ++events_;
  mix(static_cast<std::uint64_t>(scheduler_.now()));
  mix(what);
  for (std::int64_t number : numbers) mix(static_cast<std::uint64_t>(number));
  if (!print_) return;
  print_time(scheduler_.now());
  std::printf("%.*s", static_cast<int>(what.size()), what.data());
  for (std::int64_t number : numbers) {
    bool zxid = number > 0xffffffffLL || number < -1;
    std::printf(zxid ? " 0x%llx" : " %lld", static_cast<long long>(number));
  }
  std::printf("\n");
}

void Trace::note(std::string_view what, std::string_view text) {
  ++events_;
  mix(static_cast<std::uint64_t>(scheduler_.now()));
  mix(what);
  mix(text);
  if (!print_) return;
  print_time(scheduler_.now());
  std::printf("%.*s %.*s\n", static_cast<int>(what.size()), what.data(),
              static_cast<int>(text.size()), text.data());
}

void Trace::bytes(ByteView bytes) {
  mix(as_text(bytes));
}

void Trace::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x100000001b3ULL;
  hash_ ^= hash_ >> 29;
}

void Trace::mix(std::string_view text) {
  for (char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  mix(text.size());
}

}  // namespace quorate::sim
