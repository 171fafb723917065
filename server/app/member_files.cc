#include "server/app/member_files.h"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "server/config/properties.h"

namespace quorate::server {
namespace {

/// A configuration is nowhere near this long.
constexpr std::size_t kConfigBytesMax = 16u << 20;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = end == std::string_view::npos ? text : text.substr(0, end + 1);
  text.remove_prefix(line.size());
  return line;
}

/// A property with the lines on which it goes on, as it stands in the file.
std::string_view take_property(std::string_view& text) {
  const char* const begin = text.data();
  std::string_view line = take_line(text);
  const std::size_t first = line.find_first_not_of(" \t\f");
  const bool comment =
      first != std::string_view::npos && (line[first] == '#' || line[first] == '!');
  while (!comment && !text.empty()) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    std::size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 0) break;
    line = take_line(text);
  }
  return {begin, static_cast<std::size_t>(text.data() - begin)};
}

bool moves_out(std::string_view key, bool drop_client_port) {
  for (const std::string_view start :
       {"server.", "group.", "weight.", "dynamicConfigFile", "peerType"}) {
    if (key.starts_with(start)) return true;
  }
  return drop_client_port && (key == "clientPort" || key == "clientPortAddress");
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Backslashes mean something in a file of properties.
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string member_lines(const consensus::Ensemble& members, bool with_version) {
  const std::string text = members.text();
  std::vector<std::string> lines;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string line(take_line(rest));
    if (line.ends_with('\n')) line.pop_back();
    if (with_version || !line.starts_with("version=")) lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

std::string point_to(std::string_view zoo_cfg, const std::string& dynamic_file,
                     bool drop_client_port) {
  std::string out;
  while (!zoo_cfg.empty()) {
    const std::string_view property = take_property(zoo_cfg);
    const auto parsed = parse_properties(property);
    if (!parsed.empty() && moves_out(parsed.front().key, drop_client_port)) continue;
    out += property;
  }
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  return out + "dynamicConfigFile=" + escaped(dynamic_file) + '\n';
}

MemberFiles::MemberFiles(Files& files, Options options, Note note)
    : files_(files),
      options_(std::move(options)),
      note_(std::move(note)),
      version_(options_.dynamic ? options_.version : 0),
      backed_up_(options_.dynamic) {}

void MemberFiles::show(const consensus::Membership& members) {
  if (options_.config_file.empty()) return;
  const consensus::Ensemble& current = members.current();
  // The config of a first start has no version before a quorum has agreed on it. One that does not
  // name this server says nothing about its ports: with the last one that did, it can start again.
  if (current.version() > version_ && current.find(options_.self) != nullptr) {
    version_ = current.version();
    if (const ErrorCode error = write_current(current)) tell(options_.config_file, error);
  }
  const std::int64_t next = members.changing() ? members.last_seen().version() : 0;
  if (next == proposed_) return;
  proposed_ = next;
  if (next != 0) {
    const ErrorCode error = write(next_file(), member_lines(members.last_seen(), true));
    if (error) tell(next_file(), error);
  } else if (files_.exists(next_file())) {
    if (const ErrorCode error = files_.remove(next_file())) tell(next_file(), error);
  }
}

/// The members first, then the file that names them: a crash between leaves the old pair.
ErrorCode MemberFiles::write_current(const consensus::Ensemble& members) {
  const std::string& zoo_cfg = options_.config_file;
  const std::string dynamic_file =
      zoo_cfg + ".dynamic." + to_string(Zxid{members.version()}).substr(2);
  Result<std::string> old = read(zoo_cfg);
  if (!old) return old.error();
  if (!backed_up_) {
    if (const ErrorCode error = write(zoo_cfg + ".bak", *old)) return error;
    backed_up_ = true;
  }
  if (const ErrorCode error = write(dynamic_file, member_lines(members, false))) return error;
  const bool has_client_port = !members.find(options_.self)->client_address.empty();
  if (const ErrorCode error = write(zoo_cfg, point_to(*old, dynamic_file, has_client_port))) {
    return error;
  }
  note_('I', "config-written file=" + dynamic_file);
  return {};
}

ErrorCode MemberFiles::write(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp";
  auto file = files_.open(temporary, OpenMode::Create);
  if (!file) return file.error();
  // A configuration may hold passwords: who may read it does not change.
  std::error_code ignored;
  const auto rights = std::filesystem::status(options_.config_file, ignored).permissions();
  if (!ignored) std::filesystem::permissions(temporary, rights, ignored);
  if (const ErrorCode error = (*file)->truncate(0)) return error;
  if (const ErrorCode error = (*file)->pwrite(0, as_bytes(text))) return error;
  if (const ErrorCode error = (*file)->sync()) return error;
  file->reset();
  if (const ErrorCode error = files_.rename(temporary, path)) return error;
  return files_.sync_directory(folder_of(path));
}

Result<std::string> MemberFiles::read(const std::string& path) {
  auto file = files_.open(path, OpenMode::Read);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > kConfigBytesMax) return make_error_code(boost::system::errc::file_too_large);
  Bytes bytes(*size);
  const auto count = (*file)->pread(0, bytes);
  if (!count) return count.error();
  return std::string(as_text(ByteView(bytes).first(*count)));
}

void MemberFiles::tell(const std::string& path, const ErrorCode& error) {
  note_('W', "config-not-written file=" + path + " error=\"" + error.message() +
                 "\" effect=\"the members are known by log and tree; the file shows older ones\" "
                 "remedy=\"let this server's user write the file and its folder\"");
}

}  // namespace quorate::server
