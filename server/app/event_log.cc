#include "server/app/event_log.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

#include "server/log/log.h"

namespace quorate::server {
namespace {

using consensus::EventKind;

/// The first word of a line: what a person greps for and what the rate limit counts.
std::string word_of(EventKind kind) {
  std::string word;
  for (const char c : std::string(consensus::name_of(kind))) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !word.empty()) word += '-';
    word += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return word;
}

char severity_of(EventKind kind) {
  switch (kind) {
    case EventKind::ServiceLost:
    case EventKind::LearnerLost:
    case EventKind::PeerMisbehaved:
    case EventKind::SnapshotNeeded:
    case EventKind::Diverged:
    case EventKind::BlankServer:
      return 'W';
    case EventKind::ConfigUnreadable:
      return 'E';
    default:
      return 'I';
  }
}

}  // namespace

void EventLog::on_event(const consensus::Event& event) {
  std::string text = word_of(event.kind);
  if (event.peer.value >= 0) text += " peer=" + to_string(event.peer);
  if (event.epoch != 0) text += " epoch=" + std::to_string(event.epoch);
  if (event.zxid.value != 0) text += " zxid=" + to_string(event.zxid);
  if (!event.detail.empty()) text += " detail=\"" + event.detail + '"';
  log::write(severity_of(event.kind), text);
}

void EventLog::note(char severity, const std::string& text) {
  log::write(severity, text);
}

void EventLog::audit(const std::string& line) {
  log::audit(line);
}

std::string user_of_this_process() {
  std::array<char, 4096> space{};
  passwd entry{};
  passwd* found = nullptr;
  const uid_t id = ::geteuid();
  if (::getpwuid_r(id, &entry, space.data(), space.size(), &found) == 0 && found != nullptr) {
    return entry.pw_name;
  }
  return std::to_string(id);
}

}  // namespace quorate::server
