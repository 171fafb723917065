// Bodies of windows.h's template.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "examples/pipeline/windows.h"

namespace pipeline {

template <class Key, class State>
bool Windows<Key, State>::refuse(const Key& key, std::int64_t time_ms) {
  ++late_count_;
  if (late_) late_(key, time_ms, watermark_);
  return false;
}

template <class Key, class State>
template <class Fold>
bool Windows<Key, State>::add(const Key& key, std::int64_t time_ms, Fold&& fold) {
  if (options_.kind == WindowKind::Session) {
    return add_to_session(key, time_ms, std::forward<Fold>(fold));
  }
  bool taken = false;
  for (const WindowSpan& span : windows_of(time_ms, options_)) {
    if (gone(span)) continue;
    Entry& entry = open_[Place(span, key)];
    fold(entry.state);
    entry.changed = true;
    taken = true;
  }
  return taken || refuse(key, time_ms);
}

template <class Key, class State>
template <class Fold>
bool Windows<Key, State>::add_to_session(const Key& key, std::int64_t time_ms, Fold&& fold) {
  std::map<std::int64_t, WindowSpan>& spans = sessions_[key];
  WindowSpan grown = windows_of(time_ms, options_).front();
  // Those that touch the event's own span; neither overlaps another, so they lie side by side.
  auto first = spans.upper_bound(grown.end_ms);
  auto last = first;
  while (first != spans.begin() && std::prev(first)->second.end_ms >= grown.begin_ms) --first;
  if (first == last && gone(grown)) {
    if (spans.empty()) sessions_.erase(key);
    return refuse(key, time_ms);
  }
  Entry merged;
  for (auto at = first; at != last; ++at) {
    auto old = open_.extract(Place(at->second, key));
    Entry& entry = old.mapped();
    merged.state.merge(entry.state);
    merged.told = merged.told || entry.told;
    merged.replaces.insert(merged.replaces.end(), entry.replaces.begin(), entry.replaces.end());
    if (entry.told) merged.replaces.push_back(at->second);
    grown.begin_ms = std::min(grown.begin_ms, at->second.begin_ms);
    grown.end_ms = std::max(grown.end_ms, at->second.end_ms);
  }
  spans.erase(first, last);
  // A span that stays as it was is corrected, not replaced.
  std::erase(merged.replaces, grown);
  fold(merged.state);
  merged.changed = true;
  spans[grown.begin_ms] = grown;
  open_.emplace(Place(grown, key), std::move(merged));
  return true;
}

template <class Key, class State>
std::vector<typename Windows<Key, State>::Closed> Windows<Key, State>::advance(
    std::int64_t watermark) {
  watermark_ = std::max(watermark_, watermark);
  std::vector<Closed> closed;
  for (auto at = open_.begin(); at != open_.end() && at->first.first.begin_ms < watermark_;) {
    const auto& [span, key] = at->first;
    Entry& entry = at->second;
    const bool ends = gone(span);
    if (span.end_ms <= watermark_ && entry.changed) {
      closed.push_back({key, span, entry.state, entry.told ? Pane::Correction : Pane::OnTime,
                        std::exchange(entry.replaces, {})});
      entry.told = true;
      entry.changed = false;
    }
    if (!ends) {
      ++at;
      continue;
    }
    if (const auto spans = sessions_.find(key); spans != sessions_.end()) {
      spans->second.erase(span.begin_ms);
      if (spans->second.empty()) sessions_.erase(spans);
    }
    at = open_.erase(at);
  }
  return closed;
}

}  // namespace pipeline
