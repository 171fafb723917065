#include "examples/pipeline/generator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <queue>
#include <string_view>
#include <vector>

namespace pipeline {

namespace {

/// SplitMix64 (Steele, Lea, Flood, 2014): whole numbers only, so that no machine's mathematics
/// library has a say in what is drawn.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  bool chance(double share) { return static_cast<double>(next() >> 11) < share * 0x1p53; }

 private:
  std::uint64_t state_;
};

constexpr std::array<std::string_view, 7> kSections = {
    "/blog/", "/blog/tags/", "/docs/", "/docs/guide/", "/images/", "/shop/items/", "/"};
constexpr std::array<std::string_view, 5> kAgents = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/103.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1 Version/15.4 Safari/605.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:102.0) Gecko/20100101 Firefox/102.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Links (2.21; \\\"text\\\"; 80x25)"};
constexpr std::array<std::string_view, 3> kBots = {
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +http://bot.example/)", "feedfetcher/1.3", "-"};
constexpr std::array<std::string_view, 3> kSearch = {
    "https://search.example/?q=quorum", "https://links.example/", "https://news.example/item/7"};

std::string page_path(std::uint64_t page) {
  if (page == 0) return "/";
  std::string path(kSections[page % kSections.size()]);
  path += page % 5 == 0 ? "d" + std::to_string(page % 11) + "/p" : "p";
  path += std::to_string(page);
  if (page % 3 == 0) path += ".html";
  return path;
}

std::string address_of(std::uint64_t visitor) {
  char text[48];
  if (visitor % 10 == 9) {
    std::snprintf(text, sizeof text, "2001:db8::%x:%x",
                  static_cast<unsigned>(visitor >> 16 & 0xffff),
                  static_cast<unsigned>(visitor & 0xffff));
  } else {
    std::snprintf(text, sizeof text, "%u.%u.%u.%u", static_cast<unsigned>(10 + visitor % 200),
                  static_cast<unsigned>(visitor >> 16 & 255),
                  static_cast<unsigned>(visitor >> 8 & 255), static_cast<unsigned>(visitor & 255));
  }
  return text;
}

struct Visit {
  std::uint64_t visitor = 0;
  bool bot = false;
  std::uint64_t hits_left = 0;
  std::int64_t next_ms = 0;
  std::string referrer;
  std::size_t slot = 0;
};

enum class Kind { Plain, Late, Duplicate };

struct Held {
  std::int64_t release_ms = 0;
  std::uint64_t number = 0;  ///< Makes the order of equal moments certain.
  Kind kind = Kind::Late;
  std::string line;
};

struct LaterFirst {
  bool operator()(const Visit& a, const Visit& b) const {
    return a.next_ms != b.next_ms ? a.next_ms > b.next_ms : a.slot > b.slot;
  }
  bool operator()(const Held& a, const Held& b) const {
    return a.release_ms != b.release_ms ? a.release_ms > b.release_ms : a.number > b.number;
  }
};

struct Hit {
  std::int64_t time_ms = 0;
  std::string address, path, referrer;
  std::string_view agent;
  int status = 200;
  std::uint64_t bytes = 0;
  bool head = false;
};

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

void write_combined(const Hit& hit, std::string& to) {
  using namespace std::chrono;
  // A tenth of the servers are set to another zone.
  const int zone_minutes = hit.bytes % 10 == 3 ? 330 : 0;
  const sys_seconds time{seconds(hit.time_ms / 1'000 + zone_minutes * 60)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(
      text, sizeof text, " - - [%02u/%s/%04d:%02d:%02d:%02d +%02d%02d] \"%s ",
      static_cast<unsigned>(date.day()),
      std::string(kMonths.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3)).c_str(),
      static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      zone_minutes / 60, zone_minutes % 60, hit.head ? "HEAD" : "GET");
  to += hit.address + text + hit.path + " HTTP/1.1\" " + std::to_string(hit.status) + ' ';
  to += hit.bytes == 0 ? "-" : std::to_string(hit.bytes);
  to += " \"" + (hit.referrer.empty() ? "-" : hit.referrer) + "\" \"";
  to += hit.agent;
  to += "\"\n";
}

void write_json(const Hit& hit, std::string& to) {
  to += "{\"time_ms\":" + std::to_string(hit.time_ms) + ",\"visitor\":\"" + hit.address +
        "\",\"path\":\"" + hit.path + "\",\"status\":" + std::to_string(hit.status) +
        ",\"bytes\":" + std::to_string(hit.bytes);
  if (!hit.referrer.empty()) to += ",\"referrer\":\"" + hit.referrer + '"';
  to += ",\"agent\":\"";
  to += hit.agent;  // Its escapes are JSON's, too.
  to += "\"}\n";
}

}  // namespace

class Generator::State {
 public:
  explicit State(GeneratorOptions wanted) : options_(wanted), random_(wanted.seed) {
    options_.pages = std::max(options_.pages, 1u);
    options_.visitors_at_once = std::max(options_.visitors_at_once, 1u);
    std::uint64_t sum = 0;
    for (std::uint64_t page = 1; page <= options_.pages; ++page) {
      sum += (1ull << 32) / page;
      popularity_.push_back(sum);
    }
    pause_ms_ = std::max<std::int64_t>(
        // Bots ask four times as often as people.
        1, static_cast<std::int64_t>(1'000.0 * options_.visitors_at_once * (1 + 3 * options_.bots) /
                                     std::max(options_.events_per_second, 0.001)));
    now_ms_ = options_.start_ms;
    for (std::size_t slot = 0; slot < options_.visitors_at_once; ++slot) {
      visits_.push(begin_visit(slot, now_ms_));
    }
  }

  void next(std::string& to) {
    ++drawn_.lines;
    if (random_.chance(options_.bad_lines)) {
      ++drawn_.bad;
      return write_bad(to);
    }
    while (true) {
      if (!held_.empty() && held_.top().release_ms <= visits_.top().next_ms) return release(to);
      if (Held hit = draw(); hit.kind == Kind::Plain) {
        to += hit.line;
        return;
      } else {
        held_.push(std::move(hit));
      }
    }
  }

  std::int64_t now_ms() const { return now_ms_; }
  const Drawn& drawn() const { return drawn_; }

 private:
  void release(std::string& to) {
    const Held& held = held_.top();
    ++(held.kind == Kind::Late ? drawn_.late : drawn_.duplicates);
    to += held.line;
    held_.pop();
  }

  /// Zipf: the page at rank k with a chance that goes with 1 / k.
  std::uint64_t draw_page() {
    const std::uint64_t at = random_.below(popularity_.back());
    return static_cast<std::uint64_t>(std::upper_bound(popularity_.begin(), popularity_.end(), at) -
                                      popularity_.begin());
  }

  std::int64_t draw_pause(const Visit& visit) {
    return static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(visit.bot ? pause_ms_ / 2 : pause_ms_ * 2)) + 1);
  }

  Visit begin_visit(std::size_t slot, std::int64_t from_ms) {
    Visit visit;
    visit.slot = slot;
    visit.bot = random_.chance(options_.bots);
    // Some come back, mostly after more than the usual session gap.
    if (!past_.empty() && random_.chance(0.3)) {
      visit.visitor = past_[random_.below(past_.size())];
    } else {
      visit.visitor = random_.next() >> 20;
      if (past_.size() < 4'096) {
        past_.push_back(visit.visitor);
      } else {
        past_[random_.below(past_.size())] = visit.visitor;
      }
    }
    visit.hits_left = 1 + random_.below(visit.bot ? 60 : 12);
    if (!visit.bot && random_.chance(0.4)) visit.referrer = kSearch[random_.below(kSearch.size())];
    visit.next_ms = from_ms + draw_pause(visit);
    return visit;
  }

  Held draw() {
    Visit visit = visits_.top();
    visits_.pop();
    now_ms_ = visit.next_ms;
    const Hit hit = draw_hit(visit);
    if (--visit.hits_left == 0) {
      visits_.push(begin_visit(visit.slot, now_ms_));
    } else {
      if (!visit.bot) visit.referrer = "https://site.example" + hit.path;
      visit.next_ms += draw_pause(visit);
      visits_.push(visit);
    }
    Held held{now_ms_, ++number_, Kind::Plain, {}};
    options_.json ? write_json(hit, held.line) : write_combined(hit, held.line);
    if (random_.chance(options_.duplicates)) {
      held_.push({now_ms_ + draw_delay(), ++number_, Kind::Duplicate, held.line});
    }
    if (random_.chance(options_.late)) {
      held.kind = Kind::Late;
      held.release_ms += draw_delay();
    }
    return held;
  }

  std::int64_t draw_delay() {
    return static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(options_.late_by_ms, 1))));
  }

  Hit draw_hit(const Visit& visit) {
    const std::uint64_t page = draw_page();
    Hit hit;
    hit.time_ms = now_ms_;
    hit.address = address_of(visit.visitor);
    hit.path = page_path(page);
    if (random_.chance(0.1)) hit.path += "?ref=" + std::to_string(random_.below(20));
    hit.referrer = visit.referrer;
    hit.agent =
        visit.bot ? kBots[visit.visitor % kBots.size()] : kAgents[visit.visitor % kAgents.size()];
    hit.head = visit.bot && random_.chance(0.05);
    const std::uint64_t dice = random_.below(100);
    hit.status = page % 50 == 49 ? 404 : dice == 0 ? 500 : dice < 4 ? 301 : dice < 10 ? 304 : 200;
    hit.bytes = hit.head || hit.status == 304 ? 0 : 200 + page * 7'919 % 60'000;
    return hit;
  }

  void write_bad(std::string& to) {
    const std::string address = address_of(random_.next() >> 20);
    switch (random_.below(options_.json ? 3 : 7)) {
      case 0:
        to += "{\"visitor\":\"" + address + "\",\"path\":";
        break;
      case 1:
        to += "{\"visitor\":\"" + address + "\"}";
        break;
      case 2:
        to += "";
        break;
      case 3:
        to += address + " - - [17/May/2015:10:05:03 +0000] \"-\" 408 0 \"-\" \"-\"";
        break;
      case 4:
        to += address + " - - [31/Feb/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"";
        break;
      case 5:
        to += address + " - - [17/May/2015:10:05:03 +0000] \"\\x16\\x03\\x01\" 400 226";
        break;
      default:
        to += address + " - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 2xx 5";
        break;
    }
    to += '\n';
  }

  GeneratorOptions options_;
  Random random_;
  std::vector<std::uint64_t> popularity_;  ///< Running sums of 2^32 / rank.
  std::int64_t pause_ms_ = 0;
  std::int64_t now_ms_ = 0;
  std::uint64_t number_ = 0;
  std::priority_queue<Visit, std::vector<Visit>, LaterFirst> visits_;
  std::priority_queue<Held, std::vector<Held>, LaterFirst> held_;
  std::vector<std::uint64_t> past_;
  Drawn drawn_;
};

Generator::Generator(GeneratorOptions options) : state_(std::make_unique<State>(options)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;

void Generator::next(std::string& to) {
  state_->next(to);
}
std::int64_t Generator::now_ms() const {
  return state_->now_ms();
}
const Generator::Drawn& Generator::drawn() const {
  return state_->drawn();
}

std::string generate_log(std::uint64_t lines, const GeneratorOptions& options) {
  Generator generator(options);
  std::string text;
  for (std::uint64_t i = 0; i < lines; ++i) generator.next(text);
  return text;
}

}  // namespace pipeline
