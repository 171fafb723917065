#include "server/replica/metrics.h"

namespace quorate::server {

void NamespaceTallies::add(std::string_view path, std::size_t bytes) {
  if (path.size() < 2 || path[0] != '/') return;
  const std::string_view name = path.substr(1, path.find('/', 1) - 1);
  if (name.size() > kNameBytesMax) return;
  auto at = rows_.find(name);
  if (at == rows_.end()) {
    if (rows_.size() >= kRowsMax) return;
    at = rows_.emplace(std::string(name), Tally{}).first;
  }
  at->second.add(static_cast<std::int64_t>(bytes));
}

void ReplicaMetrics::rotate() {
  for (Summary* one :
       {&read_latency, &update_latency, &propagation_latency, &proposal_latency,
        &commit_propagation_latency, &quorum_ack_latency, &election_time, &unavailable_time,
        &leader_unavailable_time, &follower_sync_time, &snapshot_time, &created_watches,
        &deleted_watches, &changed_watches, &children_watches}) {
    one->rotate();
  }
}

}  // namespace quorate::server
