#include "examples/lambda/serve/batch_view.h"

#include "examples/pipeline/state_file.h"

namespace lambda_app {

using pipeline::Fault;
using pipeline::FaultKind;
using pipeline::Result;
using pipeline::Summary;

namespace {

using SummaryPointer = std::shared_ptr<const Summary>;

/// Null if there is no such file.
Result<SummaryPointer> load(const std::string& folder, const std::string& name) {
  const Result<std::optional<std::string>> bytes = pipeline::read_file(folder, name);
  if (!bytes) return bytes.error();
  if (!*bytes) return SummaryPointer();
  std::optional<Summary> summary = Summary::decode(**bytes);
  if (!summary) return Fault{FaultKind::Damaged, folder + "/" + name + " is no batch view"};
  return std::make_shared<const Summary>(std::move(*summary));
}

}  // namespace

Result<BatchPointer> load_batch(const Generation& generation, const std::string& folder,
                                const BatchPointer& loaded) {
  auto view = std::make_shared<BatchView>();
  view->generation = generation;
  Result<SummaryPointer> exact = load(folder, generation.file);
  if (!exact) return exact.error();
  if (!*exact) {
    return Fault{FaultKind::Storage, folder + "/" + generation.file + ", the batch view of run " +
                                         std::to_string(generation.run) + ", is gone"};
  }
  view->exact = std::move(*exact);
  view->sketch = pipeline::sketch_of(*view->exact);
  if (generation.previous_run == 0) {
    view->previous = std::make_shared<const Summary>(view->exact->options());
  } else if (loaded && loaded->generation.run == generation.previous_run) {
    view->previous = loaded->exact;
  } else if (!generation.previous_file.empty()) {
    // Its absence costs the drift gauge, not the answers.
    if (Result<SummaryPointer> previous = load(folder, generation.previous_file)) {
      view->previous = std::move(*previous);
    }
  }
  return BatchPointer(std::move(view));
}

}  // namespace lambda_app
