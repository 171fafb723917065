// Who works on what, read from the znodes of the application. No I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "examples/lambda/places.h"
#include "examples/lambda/registration.h"

namespace lambda_app {

using pipeline::PartitionNumber;

/// The znodes as somebody mirrors them: a TreeCache, or a map in tests.
struct ZnodeMirror {
  std::function<std::vector<std::string>(const std::string& path)> children;
  std::function<std::string(const std::string& path)> data;  ///< "" where there is none.
};

struct RunProgress {
  std::uint64_t run = 0;
  std::string state;  ///< As batch/run_records.h writes it: "running".
  std::int64_t started_ms = 0;
  std::uint64_t tasks = 0;
  std::uint64_t done = 0;
};

struct ClusterView {
  std::map<std::string, Worker> workers;  ///< By name: "<role>-<id>".
  /// By group: ids of the members that hold each partition; "" for none.
  std::map<std::string, std::vector<std::string>> holders;
  std::string batch_leader;  ///< Id; "" for none.
  std::size_t requests = 0;  ///< For a batch run.
  std::vector<RunProgress> runs;
  std::map<std::string, Refused> refused;  ///< By name of worker.
};

/// The name of the child that is first in the line of a lock or an election: "" for none.
std::string first_in_line(const std::vector<std::string>& children);

ClusterView cluster_view(const ZnodeMirror& znodes, const Common& common,
                         PartitionNumber partitions);

/// What happened between two views, as a person would say it.
struct Happening {
  std::string
      kind;  ///< "worker", "shard", "leader", "run", "refused", "generation", "alert", "action"
  std::string text;
};
std::vector<Happening> what_happened(const ClusterView& before, const ClusterView& after);

}  // namespace lambda_app
