#include "quorate/recipes/discovery.h"

#include <charconv>
#include <mutex>
#include <random>

#include "client-lib/src/recipes/steps.h"
#include "client-lib/src/runtime.h"
#include "quorate/recipes/tree_cache.h"

namespace quorate::client {

namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '%' && c != '=') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* begin = text.data() + i + 1;
    if (std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

/// False when the line is none of ours.
bool take_line(ServiceInstance& instance, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const auto key = unescape(line.substr(0, equals));
  const auto value = unescape(line.substr(equals + 1));
  if (!key || !value) return false;
  if (*key == "address") instance.address = *value;
  if (key->starts_with("meta.")) instance.metadata[key->substr(5)] = *value;
  if (*key != "port") return true;
  const char* end = value->data() + value->size();
  const auto [stop, fault] = std::from_chars(value->data(), end, instance.port);
  return fault == std::errc() && stop == end;
}

}  // namespace

std::string encode_instance(const ServiceInstance& instance) {
  std::string text =
      "address=" + escape(instance.address) + "\n" + "port=" + std::to_string(instance.port) + "\n";
  for (const auto& [key, value] : instance.metadata) {
    text += "meta." + escape(key) + "=" + escape(value) + "\n";
  }
  return text;
}

std::optional<ServiceInstance> decode_instance(const std::string& service, const std::string& id,
                                               const std::string& text) {
  ServiceInstance instance;
  instance.service = service;
  instance.id = id;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (!take_line(instance, std::string_view(text).substr(at, end - at))) return std::nullopt;
    at = end + 1;
  }
  if (instance.address.empty()) return std::nullopt;
  return instance;
}

ServiceRegistration::ServiceRegistration(Client& client, const std::string& base,
                                         ServiceInstance instance)
    : node_(client, join_path(join_path(base, instance.service), instance.id),
            encode_instance(instance)) {}

void ServiceRegistration::start_announce(std::chrono::milliseconds limit,
                                         Client::DoneHandler handler) {
  if (!started_) node_.start();
  started_ = true;
  node_.start_wait(limit, std::move(handler));
}

// ---- Provider
// --------------------------------------------------------------------------------------

class ServiceProvider::State {
 public:
  State(std::shared_ptr<Runtime> runtime, std::string folder, std::string service,
        Selection selection, Listener changed)
      : runtime_(std::move(runtime)),
        folder_(std::move(folder)),
        service_(std::move(service)),
        selection_(selection),
        changed_(std::move(changed)),
        random_(runtime_->draw()) {}

  /// Strand.
  void on_event(const TreeEvent& event) {
    if (event.type == TreeEvent::Type::Loaded || parent_of(event.path) != folder_) return;
    const std::string id = name_of_node(event.path);
    {
      const std::lock_guard guard(mutex_);
      auto instance = event.type == TreeEvent::Type::Removed
                          ? std::nullopt
                          : decode_instance(service_, id, event.node.data);
      if (instance) {
        instances_[id] = std::move(*instance);
      } else {
        instances_.erase(id);
        paused_.erase(id);
      }
    }
    if (changed_) changed_(all());
  }

  std::vector<ServiceInstance> all() const {
    const std::lock_guard guard(mutex_);
    std::vector<ServiceInstance> out;
    for (const auto& [id, instance] : instances_) out.push_back(instance);
    return out;
  }

  std::optional<ServiceInstance> pick() {
    const std::lock_guard guard(mutex_);
    const auto now = runtime_->now();
    std::erase_if(paused_, [&](const auto& entry) { return entry.second <= now; });
    std::vector<const ServiceInstance*> able;
    for (const auto& [id, instance] : instances_) {
      if (!paused_.contains(id)) able.push_back(&instance);
    }
    if (able.empty()) {
      for (const auto& [id, instance] : instances_) able.push_back(&instance);
    }
    if (able.empty()) return std::nullopt;
    const ServiceInstance& chosen = *able[choose(able)];
    last_ = chosen.id;
    return chosen;
  }

  void note_failure(const std::string& id, std::chrono::milliseconds pause) {
    const std::lock_guard guard(mutex_);
    if (instances_.contains(id)) paused_[id] = runtime_->now() + pause;
  }

  std::unique_ptr<TreeCache> cache;

 private:
  std::size_t choose(const std::vector<const ServiceInstance*>& able) {
    if (selection_ == Selection::Random) {
      return std::uniform_int_distribution<std::size_t>(0, able.size() - 1)(random_);
    }
    for (std::size_t i = 0; i < able.size(); ++i) {
      if (selection_ == Selection::Sticky && able[i]->id == last_) return i;
      if (selection_ == Selection::RoundRobin && able[i]->id > last_) return i;
    }
    return 0;
  }

  const std::shared_ptr<Runtime> runtime_;
  const std::string folder_;
  const std::string service_;
  const Selection selection_;
  const Listener changed_;
  mutable std::mutex mutex_;  ///< Any thread picks; posting could not answer at once.
  std::map<std::string, ServiceInstance> instances_;
  std::map<std::string, Timer::TimePoint> paused_;
  std::string last_;
  std::mt19937_64 random_;
};

ServiceProvider::ServiceProvider(Client& client, const std::string& base, std::string service,
                                 Selection selection, Listener changed) {
  const std::string folder = join_path(base, service);
  state_ = std::make_shared<State>(runtime_of(client), folder, std::move(service), selection,
                                   std::move(changed));
  TreeCache::Listener told = [weak = std::weak_ptr<State>(state_)](const TreeEvent& event) {
    if (auto state = weak.lock()) state->on_event(event);
  };
  state_->cache = std::make_unique<TreeCache>(client, folder, std::move(told));
}

ServiceProvider::~ServiceProvider() = default;

void ServiceProvider::start() {
  state_->cache->start();
}
void ServiceProvider::start_wait(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  state_->cache->start_wait(limit, std::move(handler));
}
std::optional<ServiceInstance> ServiceProvider::pick() {
  return state_->pick();
}
std::vector<ServiceInstance> ServiceProvider::all() const {
  return state_->all();
}
void ServiceProvider::note_failure(const std::string& id, std::chrono::milliseconds pause) {
  state_->note_failure(id, pause);
}
bool ServiceProvider::fresh() const {
  return state_->cache->fresh();
}

}  // namespace quorate::client
