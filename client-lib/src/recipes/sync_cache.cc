#include "quorate/recipes/sync_cache.h"

#include "client-lib/src/blocking.h"
#include "quorate/recipes/discovery.h"
#include "quorate/recipes/node_cache.h"
#include "quorate/recipes/partitioner.h"
#include "quorate/recipes/pushed_config.h"
#include "quorate/recipes/tree_cache.h"

namespace quorate::client {

// ---- Caches

SyncNodeCache::SyncNodeCache(SyncClient& client, std::string path,
                             std::function<void(const CachedNode&)> changed)
    : cache_(
          std::make_unique<NodeCache>(client.async_face(), std::move(path), std::move(changed))) {
  cache_->start();
}
SyncNodeCache::~SyncNodeCache() = default;
CachedNode SyncNodeCache::value() const {
  return cache_->value();
}
bool SyncNodeCache::fresh() const {
  return cache_->fresh();
}

SyncTreeCache::SyncTreeCache(SyncClient& client, std::string path,
                             std::function<void(const TreeEvent&)> changed)
    : client_(client),
      cache_(
          std::make_unique<TreeCache>(client.async_face(), std::move(path), std::move(changed))) {
  cache_->start();
}
SyncTreeCache::~SyncTreeCache() = default;
Status SyncTreeCache::wait(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "tree cache",
                   [&](auto handler) { cache_->start_wait(limit, std::move(handler)); });
}
CachedNode SyncTreeCache::value(const std::string& path) const {
  return cache_->value(path);
}
std::vector<std::string> SyncTreeCache::children(const std::string& path) const {
  return cache_->children(path);
}
std::map<std::string, CachedNode> SyncTreeCache::snapshot() const {
  return cache_->snapshot();
}
bool SyncTreeCache::fresh() const {
  return cache_->fresh();
}

// ---- Discovery

SyncServiceRegistration::SyncServiceRegistration(SyncClient& client, const std::string& base,
                                                 ServiceInstance instance)
    : client_(client),
      registration_(
          std::make_unique<ServiceRegistration>(client.async_face(), base, std::move(instance))) {}
SyncServiceRegistration::~SyncServiceRegistration() = default;
Status SyncServiceRegistration::announce(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "announce",
                   [&](auto handler) { registration_->start_announce(limit, std::move(handler)); });
}
void SyncServiceRegistration::update(const ServiceInstance& instance) {
  registration_->update(instance);
}
void SyncServiceRegistration::withdraw() {
  registration_->withdraw();
}
bool SyncServiceRegistration::announced() const {
  return registration_->announced();
}

SyncServiceProvider::SyncServiceProvider(SyncClient& client, const std::string& base,
                                         std::string service, Selection selection)
    : client_(client),
      provider_(std::make_unique<ServiceProvider>(client.async_face(), base, std::move(service),
                                                  selection)) {
  provider_->start();
}
SyncServiceProvider::~SyncServiceProvider() = default;
Status SyncServiceProvider::wait(std::chrono::milliseconds limit) {
  return wait_done(client_.async_face(), "service provider",
                   [&](auto handler) { provider_->start_wait(limit, std::move(handler)); });
}
std::optional<ServiceInstance> SyncServiceProvider::pick() {
  return provider_->pick();
}
std::vector<ServiceInstance> SyncServiceProvider::all() const {
  return provider_->all();
}
void SyncServiceProvider::note_failure(const std::string& id, std::chrono::milliseconds pause) {
  provider_->note_failure(id, pause);
}
bool SyncServiceProvider::fresh() const {
  return provider_->fresh();
}

// ---- Partitioner

SyncPartitioner::SyncPartitioner(SyncClient& client, std::string path,
                                 std::vector<std::string> shards, std::string id,
                                 ShardEvents events)
    : partitioner_(std::make_unique<Partitioner>(client.async_face(), std::move(path),
                                                 std::move(shards), std::move(id),
                                                 std::move(events))) {
  partitioner_->start();
}
SyncPartitioner::~SyncPartitioner() = default;
void SyncPartitioner::stop() {
  partitioner_->stop();
}
bool SyncPartitioner::owns(const std::string& shard) const {
  return partitioner_->owns(shard);
}
std::map<std::string, std::int64_t> SyncPartitioner::owned() const {
  return partitioner_->owned();
}

// ---- Configuration

SyncPushedConfig::SyncPushedConfig(SyncClient& client, std::string path,
                                   std::function<bool(const ConfigSnapshot&)> accept)
    : client_(client),
      config_(
          std::make_unique<PushedConfig>(client.async_face(), std::move(path), std::move(accept))) {
  config_->start();
}
SyncPushedConfig::~SyncPushedConfig() = default;
ConfigSnapshot SyncPushedConfig::current() const {
  return config_->current();
}
bool SyncPushedConfig::stale() const {
  return config_->stale();
}
Reply<std::int32_t> SyncPushedConfig::publish(std::string text, std::int32_t seen) {
  return wait_for<std::int32_t>(client_.async_face(), "publish", [&](auto handler) {
    config_->start_publish(std::move(text), seen, std::move(handler));
  });
}

}  // namespace quorate::client
