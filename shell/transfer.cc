#include "shell/transfer.h"

#include "shell/acl_text.h"
#include "shell/data_view.h"

namespace quorate::shell {

namespace {

constexpr const char* kFormat = "quorate-export";
constexpr int kVersion = 1;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void tell_hidden(Session& session, std::size_t acls) {
  if (acls == 0) return;
  const std::string text =
      std::to_string(acls) +
      " ACLs hold digests that are hidden from you and let nobody in as they are; addauth as one "
      "who may change these ACLs, and try again";
  session.output.err(session.style().json ? Json{{"warning", text}}.dump() : text);
}

std::string transfer_head(const std::string& path) {
  return dumped(Json{{"format", kFormat}, {"version", kVersion}, {"path", path}});
}

const std::string& TransferWriter::acl_text_of(const client::AclList& acl) {
  // Neighbours mostly have the same list.
  if (acl_text_.empty() || acl != acl_) {
    acl_ = acl;
    acl_text_ = acl_json(acl).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return acl_text_;
}

/// Written by hand: a Json object per node would cost more than all else.
void TransferWriter::line(const Visit& visit, const std::string& top, std::string& out) {
  const bool is_top = visit.path == top;
  const std::size_t cut = is_top ? visit.path.size() : top == "/" ? 0 : top.size();
  const std::string_view path = std::string_view(visit.path).substr(cut);
  out += "{\"node\":";
  if (is_utf8(path)) {
    append_json_string(out, path);
  } else {
    out += Json(path).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  out += ",\"data\":";
  if (!visit.data) {
    out += "null";
  } else if (is_utf8(*visit.data)) {
    append_json_string(out, *visit.data);
  } else {
    out += "\"" + to_base64(*visit.data) + "\",\"encoding\":\"base64\"";
  }
  out += ",\"acl\":" + acl_text_of(visit.acl);
  if (visit.stat.ephemeral_owner != 0) out += ",\"ephemeral\":true";
  out += "}\n";
}

std::string transfer_end(std::size_t nodes) {
  return dumped(Json{{"end", true}, {"nodes", nodes}});
}

std::optional<Json> TransferReader::line() {
  std::string text;
  ++number_;
  if (!std::getline(in_, text)) {
    fault_ = "the file ends at line " + std::to_string(number_) + " without its end line";
    return std::nullopt;
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    fault_ = "line " + std::to_string(number_) + " is no JSON object";
    return std::nullopt;
  }
  return json;
}

std::optional<std::string> TransferReader::head() {
  const std::optional<Json> json = line();
  if (!json) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto found = json->find(name);
    return found != json->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text("format") != kFormat || !json->contains("version") || (*json)["version"] != kVersion) {
    fault_ = "this is no export of version 1";
    return std::nullopt;
  }
  return text("path");
}

std::optional<TransferNode> TransferReader::refuse(const std::string& why) {
  fault_ = "line " + std::to_string(number_) + ": " + why;
  return std::nullopt;
}

std::optional<TransferNode> TransferReader::next() {
  std::optional<Json> json = line();
  if (!json) return std::nullopt;
  if (json->contains("end")) {
    if (!json->contains("nodes") || (*json)["nodes"] != nodes_) {
      return refuse("the file holds " + std::to_string(nodes_) + " nodes, not as many as it says");
    }
    return std::nullopt;
  }
  const auto node = json->find("node");
  if (node == json->end() || !node->is_string()) return refuse("no node is named");
  TransferNode out;
  out.path = node->get<std::string>();
  if (!out.path.empty() && !path_fault(out.path).empty()) return refuse(path_fault(out.path));
  std::optional<client::Buffer> data = take_data(*json);
  if (!data) return refuse("the data is neither text nor base64");
  out.data = std::move(*data);
  out.ephemeral = json->contains("ephemeral") && (*json)["ephemeral"] == true;
  if (const auto acl = json->find("acl"); acl != json->end() && acl->is_array()) {
    for (const Json& each : *acl) {
      ParsedAcl parsed = parse_acl(each.is_string() ? each.get<std::string>() : "");
      if (!parsed.faults.empty()) return refuse(parsed.faults.front());
      out.acl.push_back(std::move(parsed.acl.front()));
    }
  }
  ++nodes_;
  return out;
}

}  // namespace quorate::shell
