// Creates what an export holds, in portions that happen whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "shell/command_table.h"
#include "shell/transfer.h"

namespace quorate::shell {

struct ImportOptions {
  bool replace = false;  ///< Nodes that are there get the data.
  std::size_t portion_max = 500;
};

/// Notes in a file, where one is named, how far it came. A portion may have happened without its
/// note when the program was killed; so the nodes that a resumed import finds may be there, if
/// their data is the same.
class Importer {
 public:
  Importer(Session& session, std::string top, std::string note, const ImportOptions& options)
      : session_(session), top_(std::move(top)), note_(std::move(note)), options_(options) {}

  /// Passes over what an earlier run has noted.
  void resume();
  Exit add(TransferNode node);
  /// Writes what is left.
  Exit flush();

  std::size_t read() const { return read_; }
  std::size_t nodes() const { return nodes_; }
  std::size_t ephemerals() const { return ephemerals_; }
  std::size_t skipped() const { return skip_; }

 private:
  enum class There { No, Same, Other };

  std::string target(const TransferNode& node) const;
  Reply<client::TransactionReply> commit(const std::vector<There>& there);
  Exit look_for_existing(std::vector<There>& there);
  Exit tell(const Reply<client::TransactionReply>& reply, const std::vector<There>& there);
  void note();

  Session& session_;
  const std::string top_;
  const std::string note_;
  const ImportOptions options_;
  std::vector<TransferNode> portion_;
  std::size_t bytes_ = 0;
  std::size_t read_ = 0;
  std::size_t nodes_ = 0;
  std::size_t ephemerals_ = 0;
  std::size_t skip_ = 0;
  bool resumed_ = false;
};

}  // namespace quorate::shell
