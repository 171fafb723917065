#include "quorate/recipes/group_membership.h"

#include <algorithm>

#include "client-lib/src/recipes/members.h"
#include "client-lib/src/recipes/steps.h"

namespace quorate::client {

namespace {

/// Children of the group. When it does not exist: nobody, and the watch is on its creation.
asio::awaitable<Answer<GetChildrenReply>> list_group(JobPtr job, std::string path,
                                                     Watcher watcher) {
  while (true) {
    Answer<GetChildrenReply> listing = co_await list(job, path, watcher);
    if (listing.error != ErrorCode(Code::NoNode)) co_return std::move(listing);
    Answer<Stat> group = co_await look(job, path, watcher);
    if (group.error == ErrorCode(Code::NoNode)) co_return GetChildrenReply();
    if (group.error) co_return group.error;
  }
}

std::vector<Member> members_of(const std::map<std::string, GetDataReply>& nodes) {
  std::vector<Member> members;
  for (const auto& [name, node] : nodes) {
    members.push_back(Member{node.data.value_or(""), name, node.stat.czxid});
  }
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.joined_at < b.joined_at; });
  return members;
}

}  // namespace

asio::awaitable<Answer<std::vector<Member>>> read_members(JobPtr job, std::string path,
                                                          Watcher watcher) {
  Answer<GetChildrenReply> listing = co_await list_group(job, path, std::move(watcher));
  if (listing.error) co_return listing.error;
  std::vector<std::string> names = std::move(listing.value.children);
  std::erase_if(names,
                [](const std::string& name) { return name.find(kPartyMark) == std::string::npos; });
  Answer<std::map<std::string, GetDataReply>> nodes =
      co_await read_all(job, path, std::move(names));
  if (nodes.error) co_return nodes.error;
  co_return members_of(nodes.value);
}

class GroupMembership::Watching {
 public:
  static asio::awaitable<void> run(JobPtr job, std::string path, Listener changed) {
    auto bell = std::make_shared<Bell>(job->client());
    std::vector<Member> told;
    for (bool first = true; true; first = false) {
      Watcher watcher = ringing(bell);
      auto members = co_await read_members(job, path, std::move(watcher));
      if (members.error) co_return;
      if (first || members.value != told) {
        told = std::move(members.value);
        changed(told);
      }
      co_await Bell::wait(bell);
      if (job->why()) co_return;
    }
  }

  explicit Watching(JobPtr j) : job(std::move(j)) {}
  ~Watching() { job->post_cancel(asio::error::operation_aborted); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

  const JobPtr job;
};

GroupMembership::GroupMembership(Client& client, std::string path, std::string id)
    : client_(client),
      path_(std::move(path)),
      node_(new_guid(client) + kPartyMark),
      own_(std::make_unique<EphemeralNode>(client, join_path(path_, node_), std::move(id))) {}

GroupMembership::~GroupMembership() = default;

void GroupMembership::start_join(std::chrono::milliseconds limit, Client::DoneHandler handler) {
  if (!started_) own_->start();
  started_ = true;
  own_->start_wait(limit, std::move(handler));
}

void GroupMembership::leave() {
  own_->stop();
}

bool GroupMembership::joined() const {
  return own_->present();
}

void GroupMembership::start_members(MembersHandler handler) {
  auto job = std::make_shared<Job>(client_);
  run_job<std::vector<Member>>(job, {}, std::move(handler),
                               [job, path = path_] { return read_members(job, path); });
}

void GroupMembership::watch(Listener changed) {
  auto job = std::make_shared<Job>(client_);
  watching_ = std::make_shared<Watching>(job);
  run_service(job, [job, path = path_, changed = std::move(changed)] {
    return Watching::run(job, path, changed);
  });
}

void GroupMembership::unwatch() {
  watching_.reset();
}

}  // namespace quorate::client
