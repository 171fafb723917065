// The metrics as Prometheus text, under ZooKeeper's names without zk_ (configuration.md section
// 10).
#pragma once

#include <string>

#include "server/admin/facts.h"

namespace quorate::server {

/// HELP, TYPE and samples of every row shown now, then process_*. Counters keep their plain name.
std::string prometheus_text(const AdminFacts& facts, bool standalone);

/// The samples alone, each name with the prefix zk_, a tab and the value: what mntr prints where
/// the Prometheus provider is configured.
std::string prometheus_mntr(const AdminFacts& facts, bool standalone);

}  // namespace quorate::server
