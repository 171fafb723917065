// Which page a request asks for, decided from method, target and headers alone.
#pragma once

#include <string>
#include <string_view>

#include "server/admin/command_table.h"
#include "server/config/config.h"

namespace quorate::server {

enum class Page {
  CommandList,
  Command,
  UnknownCommand,  ///< Status 200 with an error inside, as in ZooKeeper.
  Metrics,
  Health,     ///< /healthz: the process lives and its loop answers.
  Ready,      ///< /readyz: clients are served.
  NotFound,   ///< 404
  Forbidden,  ///< 403: TRACE.
  Refused,    ///< 405, and 500 for a command by the wrong method, as in ZooKeeper.
};

struct Route {
  Page page = Page::NotFound;
  const CommandRow* command = nullptr;
  std::string name;  ///< Of the command, as it was asked for.
  Parameters parameters;
};

/// `metrics_only`: the port of the metrics provider, which has nothing else.
Route route_of(std::string_view method, std::string_view target, const AdminConfig& config,
               bool metrics_only);

/// The list of links, as ZooKeeper writes it.
std::string command_list_html(const AdminConfig& config);

/// Decodes %XX and '+'; a broken escape stays as it is.
std::string url_decoded(std::string_view text);

}  // namespace quorate::server
