// Caches, which must equal the tree in the end, and a node of one's own, which must be one's own.
#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/ephemeral_node.h"
#include "quorate/recipes/node_cache.h"
#include "quorate/recipes/tree_cache.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;
namespace asio = boost::asio;

namespace {

constexpr const char* kTree = "/tree";
constexpr const char* kNode = "/tree/a";

std::string some_path(Life& life) {
  std::string path = std::string(kTree) + "/" + std::string(1, "abc"[life.random.below(3)]);
  if (life.random.percent(60)) path += std::string("/") + "xyz"[life.random.below(3)];
  return path;
}

asio::awaitable<void> change_tree(LifePtr life) {
  for (int number = 0; goes_on(life); ++number) {
    const Micros pause = some_time(*life, 200 * kMillisecond);
    co_await sleep(life, pause);
    if (!goes_on(life)) co_return;
    std::string path = life->random.percent(10) ? kTree : some_path(*life);
    const std::uint64_t dice = life->random.below(100);
    Buffer data(life->name + "-" + std::to_string(number));
    client::ErrorCode error;
    if (dice < 40) {
      const bool passing = path != kTree && life->random.percent(20);
      client::CreateOptions options(passing ? client::CreateMode::Ephemeral
                                            : client::CreateMode::Persistent);
      auto [refused, made] =
          co_await life->face->async_create(path, std::move(data), std::move(options), kAwait);
      error = refused;
    } else if (dice < 80) {
      auto [refused, stat] =
          co_await life->face->async_set_data(path, std::move(data), client::kAnyVersion, kAwait);
      error = refused;
    } else {
      auto [refused] = co_await life->face->async_remove(path, client::kAnyVersion, kAwait);
      error = refused;
    }
    if (life->over || is_end(error)) co_return;
  }
}

std::string compare(const std::string& path, const ModelNode& node,
                    const client::CachedNode& seen) {
  if (!seen.exists) return path + " is missing";
  if (seen.data != node.data.value_or("")) return path + " has other data";
  if (seen.stat.czxid != node.czxid || seen.stat.mzxid != node.mzxid) {
    return path + " has the Stat of another node";
  }
  return {};
}

void list_model(const Model& model, const std::string& path,
                std::map<std::string, const ModelNode*>& all) {
  const ModelNode* node = model.now(path);
  if (node == nullptr) return;
  all[path] = node;
  for (const std::string& child : *node->children) list_model(model, path + "/" + child, all);
}

struct Caches {
  Caches(client::Client& client) : tree(client, kTree), node(client, kNode) {}
  client::TreeCache tree;
  client::NodeCache node;

  /// What differs from the committed tree.
  std::string differs(const Model& model) const {
    std::map<std::string, const ModelNode*> all;
    list_model(model, kTree, all);
    const auto seen = tree.snapshot();
    for (const auto& [path, known] : all) {
      const auto found = seen.find(path);
      const client::CachedNode none;
      std::string wrong = compare(path, *known, found == seen.end() ? none : found->second);
      if (!wrong.empty()) return "its tree cache: " + wrong;
    }
    if (seen.size() != all.size()) return "its tree cache has nodes that are not there";
    if (!tree.fresh() || !node.fresh()) return "a cache of it is not fresh";
    const client::CachedNode value = node.value();
    const ModelNode* known = model.now(kNode);
    if (value.exists != (known != nullptr)) return "its node cache has another state";
    const std::string wrong = known == nullptr ? "" : compare(kNode, *known, value);
    return wrong.empty() ? "" : "its node cache: " + wrong;
  }
};

}  // namespace

asio::awaitable<void> work_caches(LifePtr life) {
  auto caches = std::make_shared<Caches>(*life->face);
  caches->tree.start();
  caches->node.start();
  life->at_end.push_back([&world = life->world, weak = std::weak_ptr<Caches>(caches)] {
    const auto kept = weak.lock();
    return kept ? kept->differs(world.checks.model()) : std::string();
  });
  beside(life, change_tree(life));
  co_await rest_of(life);
}

asio::awaitable<void> work_member(LifePtr life) {
  const std::string path = "/members/p" + std::to_string(life->process.number());
  client::EphemeralNode node(*life->face, path, "member");
  node.start();
  while (!life->over) {
    const Micros pause = some_time(*life, 100 * kMillisecond);
    co_await sleep(life, pause);
    if (life->over || !life->process.current() || !node.present()) continue;
    const ModelNode* known = life->world.checks.model().now(path);
    if (known != nullptr && known->owner == life->face->session_id().value) continue;
    life->promises.fail(life->name + " says that its node is there, but it is " +
                        (known == nullptr ? "gone" : "another's"));
  }
}

}  // namespace quorate::sim
