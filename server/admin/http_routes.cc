#include "server/admin/http_routes.h"

#include <charconv>

namespace quorate::server {
namespace {

Parameters parameters_of(std::string_view query) {
  constexpr std::size_t kParametersMax = 32;
  Parameters out;
  while (!query.empty() && out.size() < kParametersMax) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
    out[url_decoded(one.substr(0, equals))] = url_decoded(value);
  }
  return out;
}

Route command_route(std::string_view method, std::string name) {
  Route route;
  route.name = std::move(name);
  route.command = find_command(route.name);
  if (route.command == nullptr) {
    route.page = Page::UnknownCommand;
    return route;
  }
  const bool posted = method == "POST";
  const bool fits = posted == (route.command->method == CommandMethod::Post);
  route.page = fits ? Page::Command : Page::Refused;
  return route;
}

}  // namespace

std::string url_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    const char* digits = text.data() + at + 1;
    if (text[at] == '%' && at + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      at += 2;
    } else {
      out += text[at] == '+' ? ' ' : text[at];
    }
  }
  return out;
}

Route route_of(std::string_view method, std::string_view target, const AdminConfig& config,
               bool metrics_only) {
  Route route;
  if (method == "TRACE") {
    route.page = Page::Forbidden;
    return route;
  }
  const std::size_t question = target.find('?');
  const std::string path = url_decoded(target.substr(0, question));
  const bool reads = method == "GET" || method == "HEAD";
  if (path == "/metrics") {
    route.page = reads ? Page::Metrics : Page::Refused;
    return route;
  }
  if (metrics_only) return route;
  if (path == "/healthz" || path == "/readyz") {
    route.page = !reads ? Page::Refused : path == "/healthz" ? Page::Health : Page::Ready;
    return route;
  }
  const std::string& base = config.command_url;
  if (!path.starts_with(base)) return route;
  const std::string rest = path.substr(base.size());
  if (rest.empty() || rest == "/") {
    route.page = reads ? Page::CommandList : Page::Refused;
    return route;
  }
  if (rest.front() != '/') return route;
  if (!reads && method != "POST") {
    route.page = Page::Refused;
    return route;
  }
  route = command_route(method, rest.substr(1));
  if (question != std::string_view::npos) {
    route.parameters = parameters_of(target.substr(question + 1));
  }
  return route;
}

std::string command_list_html(const AdminConfig& config) {
  std::string out;
  for (const CommandRow& row : command_rows()) {
    if (row.name.empty()) continue;
    const std::string name(row.name);
    out += "<a href=\"" + config.command_url + '/' + name + "\">" + name + "</a>\n<br/>\n";
  }
  return out;
}

}  // namespace quorate::server
