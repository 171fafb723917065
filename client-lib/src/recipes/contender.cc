#include "client-lib/src/recipes/contender.h"

#include <algorithm>
#include <charconv>

#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

std::optional<Place> place_of(const std::string& name, std::string_view mark) {
  const std::size_t at = name.rfind(mark);
  if (at == std::string::npos) return std::nullopt;
  Place place{name, 0};
  const char* begin = name.data() + at + mark.size();
  const char* end = name.data() + name.size();
  const auto [stop, fault] = std::from_chars(begin, end, place.sequence);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return place;
}

/// Rings at each event, and says whether one was that the node is gone.
Watcher telling(BellPtr bell, std::shared_ptr<bool> gone) {
  std::function<void(const WatchEvent&)> told = [bell, gone](const WatchEvent& event) {
    if (event.type == EventType::NodeDeleted) *gone = true;
    bell->ring();
  };
  return Watcher(std::move(told));
}

}  // namespace

std::vector<Place> places_in_line(const std::vector<std::string>& children,
                                  const std::vector<std::string>& marks) {
  std::vector<Place> line;
  for (const std::string& name : children) {
    for (const std::string& mark : marks) {
      if (std::optional<Place> place = place_of(name, mark)) {
        line.push_back(std::move(*place));
        break;
      }
    }
  }
  std::sort(line.begin(), line.end(), [](const Place& a, const Place& b) {
    const auto ahead =
        static_cast<std::uint32_t>(a.sequence) - static_cast<std::uint32_t>(b.sequence);
    return static_cast<std::int32_t>(ahead) < 0;
  });
  return line;
}

Contender::Contender(const Client& client, const std::string& path, std::string id, LineRules rules)
    : OwnNode(client,
              Wish{path, new_guid(client) + rules.mark, /*sequential=*/true, std::move(id)}),
      rules_(std::move(rules)) {}

asio::awaitable<Answer<Hold>> Contender::acquire(std::shared_ptr<Contender> self, JobPtr job) {
  ErrorCode error = co_await enter(self, job);
  if (!error) error = co_await await_turn(self, job);
  if (error) {
    self->release();
    co_return error;
  }
  Hold hold(self);
  co_return std::move(hold);
}

asio::awaitable<ErrorCode> Contender::await_turn(std::shared_ptr<Contender> self, JobPtr job) {
  const std::string own = name_of_node(self->node());
  while (true) {
    const std::uint64_t then = self->suspensions();
    Answer<GetChildrenReply> listing = co_await list(job, self->folder());
    if (listing.error) co_return listing.error;
    const auto& children = listing.value.children;
    if (self->gone() || std::find(children.begin(), children.end(), own) == children.end()) {
      co_return ErrorCode(ClientErrc::NodeLost);
    }
    std::vector<std::string> barring;
    for (Place& place : places_in_line(children, self->rules_.barring)) {
      if (place.name != own) barring.push_back(std::move(place.name));
    }
    if (const ErrorCode fault = co_await rank(self, job, std::move(barring))) co_return fault;
    if (self->before_->empty()) {
      if (self->validate(then)) co_return ErrorCode();
      continue;  // Suspended meanwhile: the line has to be read anew.
    }
    // Only the one before us: when it leaves, one contender wakes, not the whole line. A read,
    // not exists: an exists watch on a node that is already gone would stay for ever.
    const std::string before = join_path(self->folder(), self->before_->rbegin()->second);
    auto left = std::make_shared<bool>(false);
    Watcher watcher = telling(self->bell(), left);
    Answer<GetChildrenReply> other = co_await list(job, before, std::move(watcher));
    if (other.error == ErrorCode(Code::NoNode)) continue;
    if (other.error) co_return other.error;
    co_await Bell::wait(self->bell());
    if (job->why()) co_return job->why();
    // It has left, and nobody else was before us: no need to look again, which would cost a round
    // trip in each hand-over. Whoever came meanwhile stands behind us, and that our own node is
    // gone would have been told before.
    if (*left && self->before_->size() == 1 && self->validate(then)) co_return ErrorCode();
  }
}

/// Brings before_ up to date with those that the line shows now. By czxid, so that neither the
/// overflow of the sequence counter nor a name made by hand changes the order; it is asked for
/// once, because whoever appears later came after us.
asio::awaitable<ErrorCode> Contender::rank(std::shared_ptr<Contender> self, JobPtr job,
                                           std::vector<std::string> barring) {
  if (!self->before_) {
    Answer<std::map<std::string, Stat>> stats =
        co_await look_at_all(job, self->folder(), std::move(barring));
    if (stats.error) co_return stats.error;
    self->before_.emplace();
    for (const auto& [name, stat] : stats.value) {
      if (stat.czxid < self->token()) self->before_->emplace(stat.czxid, name);
    }
    co_return ErrorCode();
  }
  const std::set<std::string> there(barring.begin(), barring.end());
  std::erase_if(*self->before_, [&](const auto& entry) { return !there.contains(entry.second); });
  co_return ErrorCode();
}

}  // namespace quorate::client
