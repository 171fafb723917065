// Files of one line that are replaced as a whole: CURRENT, acceptedEpoch, currentEpoch, blank.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "server/storage/files.h"

namespace quorate::server {

/// "name value checksum": durable, in the folder too, on return (hazard R32). A crash leaves the
/// old or the new file, and perhaps one with the suffix .tmp.
ErrorCode write_small_file(Files& files, const std::string& directory, const std::string& name,
                           std::uint64_t value);

/// Error: no_such_file_or_directory; illegal_byte_sequence when the content is not what was
/// written.
Result<std::uint64_t> read_small_file(Files& files, const std::string& directory,
                                      const std::string& name);

/// Removes left-over .tmp files in `directory`; a missing folder is none.
ErrorCode remove_temporary_files(Files& files, const std::string& directory);

}  // namespace quorate::server
