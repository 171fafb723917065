// The HTTP interface: questions in, JSON out.
#pragma once

#include <memory>
#include <mutex>

#include "examples/kappa/places.h"
#include "examples/kappa/serving.h"
#include "examples/pipeline/bus.h"
#include "examples/pipeline/web/web_server.h"
#include "quorate/sync_client.h"

namespace kappa_app {

/// GET /api/answer   ?from, to, prefix, top (program/query_text.h)
/// GET /api/series   the same and step
/// GET /api/status   what is served, how fresh it is, all generations
/// GET /             the status as a page
///
/// What was answered from which generation, and how far that was, is in every answer: two questions
/// with equal `generation` and `ends` have seen the same. Any thread.
class Api {
 public:
  /// All must outlive this object.
  Api(Serving& serving, pipeline::Bus& bus, Places places);

  pipeline::WebResponse answer(const pipeline::WebRequest& request);
  /// What is asked for the table of generations; null: nobody, just now.
  void use(std::shared_ptr<qc::SyncClient> store);

 private:
  pipeline::WebResponse view(const pipeline::WebRequest& request, bool series);
  pipeline::WebResponse status();

  Serving& serving_;
  pipeline::Bus& bus_;
  const Places places_;
  std::mutex mutex_;  ///< Keeps store_, which the main thread renews.
  std::shared_ptr<qc::SyncClient> store_;
};

}  // namespace kappa_app
