// A server as the admin commands see it, of which a test sets every figure.
#pragma once

#include <memory>
#include <utility>

#include "server/admin/facts.h"

namespace quorate::server {

struct FakeAdminSource : AdminSource {
  AdminFacts now;
  ServerMetrics metrics;
  int resets = 0, connection_resets = 0;
  unsigned wanted = 0;  ///< Of all questions so far.

  FakeAdminSource() {
    now.status.serving = true;
    now.status.mode = "standalone";
    now.connection_count = 3;
    now.trace_mask = kDefaultTraceMask;
  }
  AdminFacts facts(unsigned wants) override {
    wanted |= wants;
    AdminFacts out = now;
    if ((wants & kMetrics) != 0) out.metrics = std::make_shared<ServerMetrics>(metrics);
    return out;
  }
  void reset_statistics() override { ++resets; }
  void reset_connection_statistics() override { ++connection_resets; }
  void set_trace_mask(std::int64_t mask) override { now.trace_mask = mask; }
  Admission admit(const AdminCaller&) override { return Admission::NotAuthenticated; }
  bool copy_tree(std::shared_ptr<TreeSink>) override { return false; }
  void restore(TreeToRestore given) override {
    given.done({RestoreFault::NotServing, Zxid{}, std::move(given.tree)});
  }
  CommandCounts& command_counts() override { return metrics.commands; }
};

}  // namespace quorate::server
