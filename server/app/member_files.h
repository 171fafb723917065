// The config as files (reconfigEnabled): zoo.cfg.dynamic.<version> with the members in force, which
// zoo.cfg names, and zoo.cfg.dynamic.next with those that have been proposed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "consensus/membership.h"
#include "server/storage/files.h"

namespace quorate::server {

/// server.N, group.G and weight.N lines sorted as text, LF between them, none at the end.
std::string member_lines(const consensus::Ensemble& members, bool with_version);

/// zoo.cfg without what stands in `dynamic_file` from now on; all else stays as it is, comments
/// too.
std::string point_to(std::string_view zoo_cfg, const std::string& dynamic_file,
                     bool drop_client_port);

/// Copies: what counts is in the log and in the tree. So a file that cannot be written is a
/// warning.
class MemberFiles {
 public:
  struct Options {
    std::string config_file;  ///< Absolute. Empty: nothing is ever written.
    ServerId self;
    std::int64_t version = 0;  ///< Of the members that were read at start.
    bool dynamic = false;      ///< They stood in a file of their own.
  };
  using Note = std::function<void(char severity, const std::string& text)>;

  MemberFiles(Files& files, Options options, Note note);

  /// Writes what is not on disk yet, durably.
  void show(const consensus::Membership& members);

 private:
  ErrorCode write(const std::string& path, std::string_view text);
  ErrorCode write_current(const consensus::Ensemble& members);
  Result<std::string> read(const std::string& path);
  void tell(const std::string& path, const ErrorCode& error);
  std::string next_file() const { return options_.config_file + ".dynamic.next"; }

  Files& files_;
  const Options options_;
  const Note note_;
  std::int64_t version_ = 0;    ///< In the files; also when it could not be written.
  std::int64_t proposed_ = -1;  ///< In the file of the next one; 0: there is none; -1: not known.
  bool backed_up_ = false;
};

}  // namespace quorate::server
