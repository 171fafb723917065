// Who is there: groups and services. Nobody believes to be in while he is out, and in the end all
// know the same.
#include <algorithm>

#include "client-lib/src/recipes/job.h"
#include "quorate/recipes/discovery.h"
#include "quorate/recipes/group_membership.h"
#include "tests/sim/recipes/work.h"
#include "tests/sim/world.h"

namespace quorate::sim {

using client::kAwait;
using client::Member;
namespace asio = boost::asio;

namespace {

constexpr const char* kGroup = "/group";
constexpr const char* kServices = "/services";
constexpr const char* kService = "web";

/// While it says so its node is there, and our session's.
void check_own(const LifePtr& life, const std::string& path, const char* what) {
  const ModelNode* known = life->world.checks.model().now(path);
  if (known != nullptr && known->owner == life->face->session_id().value) return;
  life->promises.fail(life->name + " says that it is " + what + ", but " + path + " is " +
                      (known == nullptr ? "gone" : "another's"));
}

std::set<std::string> children_of(const World& world, const std::string& path) {
  const ModelNode* node = world.checks.model().now(path);
  return node == nullptr ? std::set<std::string>() : *node->children;
}

// ---- Group
// ---------------------------------------------------------------------------------------

/// What a listener was told last.
struct Told {
  bool any = false;
  std::vector<Member> members;
};

std::string differs(const World& world, const Told& told) {
  if (!told.any) return "its listener was never told who is in the group";
  std::set<std::string> names;
  for (const Member& member : told.members) names.insert(member.node);
  return names == children_of(world, kGroup) ? "" : "it knows another group than there is";
}

std::string wrong_with(const World& world, const std::vector<Member>& members) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    const ModelNode* node =
        world.checks.model().at(std::string(kGroup) + "/" + member.node, Zxid{member.joined_at});
    if (node == nullptr || !node->exists) return member.node + " has never joined";
    if (node->data != member.id) return member.node + " has joined with another id";
    if (i > 0 && members[i - 1].joined_at >= member.joined_at) return "not in order of joining";
  }
  return {};
}

asio::awaitable<void> list_group(LifePtr life, client::GroupMembership& group) {
  const bool before = group.joined();
  auto [error, members] = co_await group.async_members(kAwait);
  if (life->over || error) co_return;
  std::string wrong = wrong_with(life->world, members);
  const bool listed = std::any_of(members.begin(), members.end(), [&](const Member& member) {
    return member.node == group.node();
  });
  // In all the time: nobody deletes it, and a session sees its own writes.
  if (before && group.joined() && !listed) wrong = "it is joined, but not listed";
  if (!wrong.empty()) life->promises.fail(life->name + ": group: " + wrong);
}

asio::awaitable<void> in_group(LifePtr life) {
  client::GroupMembership group(*life->face, kGroup, life->name);
  const auto limit = some_limit(*life);
  auto [error] = co_await group.async_join(limit, kAwait);
  if (life->over || is_end(error)) co_return;
  if (!error) life->promises.progress("join", -1);
  const std::string path = std::string(kGroup) + "/" + group.node();
  const Micros leaves = some_end_of_stay(*life);
  while (!life->over && life->world.scheduler.now() < leaves) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (life->over) co_return;
    if (life->process.current() && group.joined()) check_own(life, path, "in the group");
    if (life->random.percent(30)) co_await list_group(life, group);
  }
}

}  // namespace

asio::awaitable<void> work_group(LifePtr life) {
  life->promises.progress("join", -1);
  auto told = std::make_shared<Told>();
  client::GroupMembership watching(*life->face, kGroup, "nobody");
  watching.watch([life = std::weak_ptr<Life>(life), told](const std::vector<Member>& members) {
    const LifePtr alive = life.lock();
    if (!alive || alive->over) return;
    *told = {true, members};
    const std::string wrong = wrong_with(alive->world, members);
    if (!wrong.empty()) alive->promises.fail(alive->name + ": told of the group: " + wrong);
  });
  life->at_end.push_back([&world = life->world, told] { return differs(world, *told); });
  while (goes_on(life)) {
    co_await in_group(life);
    const Micros pause = some_time(*life, 500 * kMillisecond);
    co_await sleep(life, pause);
  }
  co_await rest_of(life);
}

// ---- Services
// ------------------------------------------------------------------------------------

namespace {

client::ServiceInstance instance_of(Life& life, int version) {
  client::ServiceInstance instance;
  instance.service = kService;
  instance.id = "p" + std::to_string(life.process.number());
  instance.address = life.name;
  instance.port = 80;
  instance.metadata["version"] = std::to_string(version);
  return instance;
}

std::string differs(const World& world, const client::ServiceProvider& provider) {
  if (!provider.fresh()) return "its provider is not fresh";
  const std::string folder = std::string(kServices) + "/" + kService;
  std::vector<client::ServiceInstance> there;
  for (const std::string& id : children_of(world, folder)) {
    const ModelNode* node = world.checks.model().now(folder + "/" + id);
    auto instance = client::decode_instance(kService, id, node->data.value_or(""));
    if (instance) there.push_back(std::move(*instance));
  }
  return provider.all() == there ? "" : "its provider knows other instances than there are";
}

asio::awaitable<void> announce(LifePtr life) {
  int version = 0;
  client::ServiceRegistration own(*life->face, kServices, instance_of(*life, version));
  const auto limit = some_limit(*life);
  auto [error] = co_await own.async_announce(limit, kAwait);
  if (life->over || is_end(error)) co_return;
  if (!error) life->promises.progress("announcement", -1);
  const std::string path =
      std::string(kServices) + "/" + kService + "/" + instance_of(*life, version).id;
  const Micros withdraws = some_end_of_stay(*life);
  while (!life->over && life->world.scheduler.now() < withdraws) {
    const Micros pause = some_time(*life, 300 * kMillisecond);
    co_await sleep(life, pause);
    if (life->over) co_return;
    if (life->process.current() && own.announced()) check_own(life, path, "announced");
    if (goes_on(life) && life->random.percent(20)) own.update(instance_of(*life, ++version));
  }
}

}  // namespace

asio::awaitable<void> work_services(LifePtr life) {
  life->promises.progress("announcement", -1);
  auto provider = std::make_shared<client::ServiceProvider>(*life->face, kServices, kService);
  provider->start();
  life->at_end.push_back(
      [&world = life->world, weak = std::weak_ptr<client::ServiceProvider>(provider)] {
        const auto kept = weak.lock();
        return kept ? differs(world, *kept) : std::string();
      });
  while (goes_on(life)) {
    co_await announce(life);
    if (life->over) co_return;
    const auto picked = provider->pick();
    if (picked.has_value() == provider->all().empty()) {
      life->promises.fail(life->name + ": a provider hands out what it does not know");
    }
    const Micros pause = some_time(*life, 500 * kMillisecond);
    co_await sleep(life, pause);
  }
  co_await rest_of(life);
}

}  // namespace quorate::sim
