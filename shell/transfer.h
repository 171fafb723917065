// The file of export: JSON, a document a line. A head, then each node, then an end that counts.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "shell/json.h"
#include "shell/walk.h"

namespace quorate::shell {

/// What stands in a line about a node. Its path is relative: "" for the top, "/b/c" below.
struct TransferNode {
  std::string path;
  client::Buffer data;
  client::AclList acl;
  bool ephemeral = false;
};

/// Warns of ACLs that were not read whole.
void tell_hidden(Session& session, std::size_t acls);

std::string transfer_head(const std::string& path);
std::string transfer_end(std::size_t nodes);

/// Writes the lines about nodes.
class TransferWriter {
 public:
  /// Appends the line, with its end.
  void line(const Visit& visit, const std::string& top, std::string& out);

 private:
  const std::string& acl_text_of(const client::AclList& acl);

  client::AclList acl_;
  std::string acl_text_;  ///< Of acl_; "" for none so far.
};

/// Reads such a file line by line; faults name the line.
class TransferReader {
 public:
  explicit TransferReader(std::istream& in) : in_(in) {}

  /// Must be called first; the path that was exported.
  std::optional<std::string> head();
  /// Nothing at the end and at a fault.
  std::optional<TransferNode> next();
  const std::string& fault() const { return fault_; }

 private:
  std::optional<Json> line();
  std::optional<TransferNode> refuse(const std::string& why);

  std::istream& in_;
  std::size_t number_ = 0;
  std::size_t nodes_ = 0;
  std::string fault_;
};

}  // namespace quorate::shell
