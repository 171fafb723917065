#include "server/log/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace quorate::server::log {
namespace {

/// Kinds of events are few words of ours; should one hold an id by mistake, memory stays bounded.
constexpr std::size_t kEventsMax = 1000;

class Lines {
 public:
  Lines() { set(std::make_shared<spdlog::sinks::stderr_sink_mt>(), /*debug=*/false); }

  void set(spdlog::sink_ptr sink, bool debug) {
    logger_ = std::make_shared<spdlog::logger>("quorate", std::move(sink));
    logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    logger_->set_level(debug ? spdlog::level::debug : spdlog::level::info);
    logger_->flush_on(spdlog::level::info);
  }

  void write(spdlog::level::level_enum level, std::string_view text) {
    if (!logger_->should_log(level)) return;
    std::uint64_t suppressed = 0;
    {
      std::lock_guard lock(mutex_);
      auto now = std::chrono::steady_clock::now().time_since_epoch();
      auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
      if (!limit_.admit(text, now_ms, suppressed)) return;
    }
    if (suppressed == 0) {
      logger_->log(level, spdlog::string_view_t(text.data(), text.size()));
    } else {
      std::string longer = std::string(text) + " suppressed=" + std::to_string(suppressed);
      logger_->log(level, spdlog::string_view_t(longer.data(), longer.size()));
    }
  }

  void write_always(std::string_view text) {
    logger_->log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
  }

  void flush() { logger_->flush(); }

 private:
  std::shared_ptr<spdlog::logger> logger_;
  std::mutex mutex_;  // Guards limit_: any thread logs, and lines are too rare to post them.
  RateLimit limit_;
};

Lines& lines() {
  static Lines lines;
  return lines;
}

}  // namespace

struct RateLimit::Impl {
  struct Event {
    std::int64_t second = 0;
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  std::map<std::string, Event, std::less<>> events;
};

RateLimit::RateLimit() : impl_(std::make_unique<Impl>()) {}
RateLimit::~RateLimit() = default;

bool RateLimit::admit(std::string_view text, std::int64_t now_ms, std::uint64_t& suppressed) {
  std::string_view word = text.substr(0, text.find(' '));
  auto at = impl_->events.find(word);
  if (at == impl_->events.end()) {
    if (impl_->events.size() >= kEventsMax) impl_->events.clear();
    at = impl_->events.emplace(std::string(word), Impl::Event{}).first;
  }
  Impl::Event& event = at->second;
  if (event.second != now_ms / 1000) {
    event.second = now_ms / 1000;
    event.lines = 0;
  }
  if (event.lines >= kLinesPerSecond) {
    ++event.suppressed;
    return false;
  }
  ++event.lines;
  suppressed = event.suppressed;
  event.suppressed = 0;
  return true;
}

void open(std::string_view path, bool debug) {
  if (!path.empty()) {
    try {
      lines().set(std::make_shared<spdlog::sinks::basic_file_sink_mt>(std::string(path)), debug);
      return;
    } catch (const spdlog::spdlog_ex& refused) {
      // Lines are worth more in the wrong place than nowhere.
      error("log_file_refused path=" + std::string(path) + " error=\"" + refused.what() + "\"");
    }
  }
  lines().set(std::make_shared<spdlog::sinks::stderr_sink_mt>(), debug);
}

void discard() {
  lines().set(std::make_shared<spdlog::sinks::null_sink_mt>(), /*debug=*/false);
}

void debug(std::string_view text) {
  lines().write(spdlog::level::debug, text);
}
void info(std::string_view text) {
  lines().write(spdlog::level::info, text);
}
void warn(std::string_view text) {
  lines().write(spdlog::level::warn, text);
}
void error(std::string_view text) {
  lines().write(spdlog::level::err, text);
}

void write(char severity, std::string_view text) {
  switch (severity) {
    case 'I':
      return info(text);
    case 'W':
      return warn(text);
    case 'E':
      return error(text);
    default:
      return debug(text);
  }
}

void audit(std::string_view line) {
  lines().write_always("audit " + std::string(line));
}

void flush() {
  lines().flush();
}

}  // namespace quorate::server::log
