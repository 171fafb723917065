// zoo.cfg, the dynamic file and myid to a Config. The only place that reads configuration files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/system/result.hpp>

#include "server/config/config.h"
#include "server/config/overrides.h"

namespace quorate::server {

using ConfigResult = boost::system::result<Config, ConfigFault>;

/// The text of a file, or nothing when it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// Reads `path` and the files it leads to (myid and initialize in the data folders, the dynamic
/// file, the JAAS file) through `read`; `overrides` replace settings of the file, a later one an
/// earlier one. Error: the first thing that is wrong, with file and line (or where else it was set)
/// and key.
ConfigResult load_config(const std::string& path, const ReadFile& read,
                         const std::vector<ConfigOverride>& overrides = {});
/// From the disk.
ConfigResult load_config(const std::string& path,
                         const std::vector<ConfigOverride>& overrides = {});

/// ZooKeeper's other form of a start, `port dataDir [tickTime] [maxClientCnxns]`: a standalone
/// server without a file.
ConfigResult make_config(const std::vector<std::string>& operands,
                         const std::vector<ConfigOverride>& overrides = {});

}  // namespace quorate::server
