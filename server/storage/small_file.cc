#include "server/storage/small_file.h"

#include <xxhash.h>

#include <boost/system/errc.hpp>
#include <charconv>

#include "base/ids.h"
#include "server/storage/format.h"

namespace quorate::server {
namespace {

constexpr std::size_t kSmallFileBytesMax = 256;

std::string line_of(const std::string& name, std::uint64_t value) {
  std::string text = name + " " + std::to_string(value);
  return text + " " + hex(XXH64(text.data(), text.size(), 0)) + "\n";
}

}  // namespace

ErrorCode write_small_file(Files& files, const std::string& directory, const std::string& name,
                           std::uint64_t value) {
  std::string path = directory + "/" + name;
  std::string temporary = path + format::kTemporarySuffix;
  auto file = files.open(temporary, OpenMode::Create);
  if (!file) return file.error();
  if (ErrorCode error = (*file)->truncate(0)) return error;
  if (ErrorCode error = (*file)->pwrite(0, as_bytes(line_of(name, value)))) return error;
  if (ErrorCode error = (*file)->sync()) return error;
  file->reset();
  if (ErrorCode error = files.rename(temporary, path)) return error;
  return files.sync_directory(directory);
}

Result<std::uint64_t> read_small_file(Files& files, const std::string& directory,
                                      const std::string& name) {
  auto file = files.open(directory + "/" + name, OpenMode::Read);
  if (!file) return file.error();
  Bytes bytes(kSmallFileBytesMax);
  auto count = (*file)->pread(0, bytes);
  if (!count) return count.error();
  std::string_view text = as_text(ByteView(bytes).first(*count));
  std::uint64_t value = 0;
  if (text.starts_with(name + " ")) {
    const char* from = text.data() + name.size() + 1;
    auto [end, error] = std::from_chars(from, text.data() + text.size(), value);
    if (error == std::errc{} && text == line_of(name, value)) return value;
  }
  return make_error_code(boost::system::errc::illegal_byte_sequence);
}

ErrorCode remove_temporary_files(Files& files, const std::string& directory) {
  if (!files.exists(directory)) return {};
  auto names = files.list(directory);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (!name.ends_with(format::kTemporarySuffix)) continue;
    if (ErrorCode error = files.remove(directory + "/" + name)) return error;
  }
  return {};
}

}  // namespace quorate::server
