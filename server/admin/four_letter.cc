#include "server/admin/four_letter.h"

#include "base/bytes.h"
#include "server/admin/command_table.h"

namespace quorate::server {
namespace {

constexpr std::size_t kWordBytes = 4;
constexpr std::size_t kMaskBytes = 8;

bool is_allowed(const AdminConfig& admin, std::string_view word) {
  // telnet's interrupt is no command that could be forbidden: its connection ends either way.
  const bool printable = word.front() >= 'a' && word.front() <= 'z';
  // srvr is always answered: ZooKeeper's own scripts depend on it.
  return !printable || word == "srvr" || admin.all_words ||
         admin.words.count(std::string(word)) != 0;
}

/// The word hash alone ends without a line feed here (client-protocol section 14).
std::string not_serving(std::string_view word) {
  return std::string(kNotServing) + (word == "hash" ? "" : "\n");
}

Parameters mask_of(std::string_view bytes) {
  if (bytes.size() < kMaskBytes) return {};
  const auto mask = load_be<std::int64_t>(reinterpret_cast<const std::byte*>(bytes.data()));
  return {{"traceMask", std::to_string(mask)}};
}

}  // namespace

std::optional<std::string> answer_four_letter_word(std::string_view word, const Config& config,
                                                   AdminSource& source) {
  const std::string_view more = word.substr(std::min(word.size(), kWordBytes));
  word = word.substr(0, kWordBytes);
  const CommandRow* row = find_word(word);
  if (row == nullptr) return std::nullopt;
  if (!is_allowed(config.admin, word)) {
    return std::string(word) + " is not executed because it is not in the whitelist.\n";
  }
  if (!row->while_not_serving && !source.facts(kNothingMore).status.takes_clients()) {
    return not_serving(word);
  }
  if (row->act != nullptr) row->act(source, mask_of(more));
  const AdminFacts facts = source.facts(row->wants);
  return row->text({config, facts});
}

}  // namespace quorate::server
