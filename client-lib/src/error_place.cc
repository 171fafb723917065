#include "client-lib/src/error_place.h"

#include <boost/assert/source_location.hpp>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

namespace quorate::client {

namespace {

constexpr std::size_t kPlacesMax = 4096;
constexpr std::size_t kPathBytesMax = 512;

/// Tells our locations from those that Asio leaves in codes of its own.
const char* const kMark = "";

struct KnownPlace {
  explicit KnownPlace(std::string place)
      : text(std::move(place)), location(text.c_str(), /*line=*/1, kMark) {}
  std::string text;
  boost::source_location location;
};

/// Never freed: a code may be looked at when statics are gone.
class Places {
 public:
  const boost::source_location* find(const char* operation, std::string_view path) {
    // Failures come from any thread: each client has its own strand.
    const std::lock_guard lock(mutex_);
    std::string text(operation);
    if (!path.empty() && path.size() <= kPathBytesMax) (text += ' ') += path;
    if (auto known = index_.find(text); known != index_.end()) return known->second;
    if (places_.size() >= kPlacesMax) {
      text = operation;
      if (auto known = index_.find(text); known != index_.end()) return known->second;
    }
    const KnownPlace& place = places_.emplace_back(std::move(text));
    index_.emplace(place.text, &place.location);
    return &place.location;
  }

 private:
  std::mutex mutex_;
  std::deque<KnownPlace> places_;  ///< Elements stay where they are.
  std::unordered_map<std::string_view, const boost::source_location*> index_;
};

}  // namespace

ErrorCode at_place(ErrorCode error, const char* operation, std::string_view path) {
  static Places* const places = new Places;
  error.assign(error, places->find(operation, path));
  return error;
}

std::string describe(const ErrorCode& error) {
  const bool ours = error.has_location() && error.location().function_name() == kMark;
  if (!ours) return error.message();
  return std::string(error.location().file_name()) + ": " + error.message();
}

}  // namespace quorate::client
