// Blocking faces of caches, discovery, partitioner and pushed configuration. No Boost header. What
// a function promises is said of the one of the same name in the header named there. Each starts at
// once and goes before its client; listeners run on the client's I/O thread: they must neither
// block nor call back into blocking functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quorate/recipes/cached_node.h"
#include "quorate/recipes/config_snapshot.h"
#include "quorate/recipes/service_instance.h"
#include "quorate/recipes/shard_events.h"
#include "quorate/sync_client.h"

namespace quorate::client {

class NodeCache;
class Partitioner;
class PushedConfig;
class ServiceProvider;
class ServiceRegistration;
class TreeCache;

/// NodeCache (recipes/node_cache.h) for a SyncClient.
class SyncNodeCache {
 public:
  SyncNodeCache(SyncClient& client, std::string path,
                std::function<void(const CachedNode&)> changed = {});
  ~SyncNodeCache();

  CachedNode value() const;
  bool fresh() const;

 private:
  std::unique_ptr<NodeCache> cache_;
};

/// TreeCache (recipes/tree_cache.h) for a SyncClient.
class SyncTreeCache {
 public:
  SyncTreeCache(SyncClient& client, std::string path,
                std::function<void(const TreeEvent&)> changed = {});
  ~SyncTreeCache();

  Status wait(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  CachedNode value(const std::string& path) const;
  std::vector<std::string> children(const std::string& path) const;
  std::map<std::string, CachedNode> snapshot() const;
  bool fresh() const;

 private:
  SyncClient& client_;
  std::unique_ptr<TreeCache> cache_;
};

/// ServiceRegistration (recipes/discovery.h) for a SyncClient.
class SyncServiceRegistration {
 public:
  SyncServiceRegistration(SyncClient& client, const std::string& base, ServiceInstance instance);
  ~SyncServiceRegistration();

  Status announce(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  void update(const ServiceInstance& instance);
  void withdraw();
  bool announced() const;

 private:
  SyncClient& client_;
  std::unique_ptr<ServiceRegistration> registration_;
};

/// ServiceProvider (recipes/discovery.h) for a SyncClient.
class SyncServiceProvider {
 public:
  SyncServiceProvider(SyncClient& client, const std::string& base, std::string service,
                      Selection selection = Selection::RoundRobin);
  ~SyncServiceProvider();

  Status wait(std::chrono::milliseconds limit = std::chrono::milliseconds(0));
  std::optional<ServiceInstance> pick();
  std::vector<ServiceInstance> all() const;
  void note_failure(const std::string& id,
                    std::chrono::milliseconds pause = std::chrono::seconds(10));
  bool fresh() const;

 private:
  SyncClient& client_;
  std::unique_ptr<ServiceProvider> provider_;
};

/// Partitioner (recipes/partitioner.h) for a SyncClient.
class SyncPartitioner {
 public:
  SyncPartitioner(SyncClient& client, std::string path, std::vector<std::string> shards,
                  std::string id, ShardEvents events = {});
  ~SyncPartitioner();

  void stop();
  bool owns(const std::string& shard) const;
  std::map<std::string, std::int64_t> owned() const;

 private:
  std::unique_ptr<Partitioner> partitioner_;
};

/// PushedConfig (recipes/pushed_config.h) for a SyncClient.
class SyncPushedConfig {
 public:
  SyncPushedConfig(SyncClient& client, std::string path,
                   std::function<bool(const ConfigSnapshot&)> accept);
  ~SyncPushedConfig();

  ConfigSnapshot current() const;
  bool stale() const;
  Reply<std::int32_t> publish(std::string text, std::int32_t seen);

 private:
  SyncClient& client_;
  std::unique_ptr<PushedConfig> config_;
};

}  // namespace quorate::client
