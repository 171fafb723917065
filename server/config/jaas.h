// Login configurations of Java (JAAS): the form in which ZooKeeper's servers are told their users.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::server {

struct JaasOption {
  std::string name, value;
  int line = 0;
};

struct JaasModule {
  std::string class_name;
  int line = 0;
  std::vector<JaasOption> options;
};

struct JaasSection {
  std::string name;
  int line = 0;
  std::vector<JaasModule> modules;
};

struct JaasFault {
  int line = 0;
  std::string what;  ///< What was found and what would be right; never a quoted text of the file.
};

using JaasResult = boost::system::result<std::vector<JaasSection>, JaasFault>;

/// All sections of a file. Error: the first thing that Java would not read either, or that means
/// something else there.
JaasResult parse_jaas(std::string_view text);

}  // namespace quorate::server
