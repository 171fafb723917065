// zoo.cfg, the dynamic file and myid to a Config. The only place that reads configuration files.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <boost/system/result.hpp>

#include "server/config/config.h"

namespace quorate::server {

using ConfigResult = boost::system::result<Config, ConfigFault>;

/// The text of a file, or nothing when it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// Reads `path` and the files it leads to (myid and initialize in the data folders, the dynamic
/// file) through `read`. Error: the first thing that is wrong, with file, line and key.
ConfigResult load_config(const std::string& path, const ReadFile& read);
/// From the disk.
ConfigResult load_config(const std::string& path);

}  // namespace quorate::server
