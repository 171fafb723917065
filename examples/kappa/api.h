// The HTTP interface: questions in, JSON out.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "examples/kappa/places.h"
#include "examples/kappa/serving.h"
#include "examples/pipeline/bus.h"
#include "examples/pipeline/web/web_server.h"
#include "quorate/sync_client.h"

namespace kappa_app {

/// GET /api/answer   ?from, to, prefix, top (program/query_text.h)
/// GET /api/series   the same and step
/// GET /api/prefixes
/// GET /api/status   what is served, how fresh it is, all generations
/// GET /             the status as a page
///
/// Answers look as those of the lambda application: its clients can ask here, too. From which
/// generation one comes, and how far that was, is in every answer: two questions with equal
/// `generation` and `ends` have seen the same. Any thread.
class Api {
 public:
  /// All must outlive this object.
  Api(Serving& serving, pipeline::Bus& bus, Places places);

  pipeline::WebResponse answer(const pipeline::WebRequest& request);
  /// What is asked for the table of generations; null: nobody, just now.
  void use(std::shared_ptr<qc::SyncClient> store);

 private:
  enum class What { Answer, Series, Prefixes };
  pipeline::WebResponse ask(const pipeline::WebRequest& request, What what);
  pipeline::WebResponse status();
  nlohmann::json table();

  Serving& serving_;
  pipeline::Bus& bus_;
  const Places places_;
  std::mutex asking_;  ///< One at a time asks Quorate: if that is slow, no answer waits for it.
  std::mutex mutex_;   ///< Keeps what is below; the main thread renews store_.
  std::shared_ptr<qc::SyncClient> store_;
  nlohmann::json table_;  ///< As it was last.
};

}  // namespace kappa_app
