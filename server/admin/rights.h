// Who may give the commands that copy or replace the tree (spec: configuration 9).
#pragma once

#include <string>

#include "znode/auth.h"
#include "znode/data_tree.h"

namespace quorate::server {

/// A request over HTTP: its Authorization header, and where it comes from.
struct AdminCaller {
  std::string authorization;
  std::string address;
};

enum class Admission { Allowed, Missing, NotAuthenticated, NotAuthorized };

/// "scheme data" or "scheme", with exactly one blank. Allowed: each of the five bits on "/".
Admission admission_of(const AdminCaller& caller, const znode::AuthOptions& options, bool skip_acl,
                       const znode::DataTree& tree);

}  // namespace quorate::server
