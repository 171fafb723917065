// Paths, ACL lists, identities and auth packets of any bytes.
#include <algorithm>
#include <string>

#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "znode/acl.h"
#include "znode/auth.h"
#include "znode/path.h"

using namespace quorate;

namespace {

std::string text(test::FuzzInput& input) {
  const std::size_t length = input.u8() % 48;
  std::string out;
  while (out.size() < length && !input.empty()) out += static_cast<char>(input.u8());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  static constexpr const char* kSchemes[] = {"world", "auth", "digest", "ip", "x509", "super", ""};
  znode::AuthOptions options;
  znode::Identities identities = {{"ip", "127.0.0.1"}};
  AclList list;
  while (!input.empty()) {
    const std::uint8_t what = input.u8();
    const std::string scheme = what & 64 ? text(input) : kSchemes[what % 7];
    if (what & 128) {
      list.push_back({static_cast<std::int32_t>(input.u8()), {scheme, text(input)}});
    } else {
      (void)znode::authenticate(options, scheme, text(input), identities);
    }
    const std::string path = "/" + text(input);
    if (znode::is_valid_path(path)) ENSURE(path.starts_with(znode::parent_path(path)));
  }
  const auto fixed = znode::fixed_acl(list, identities, {});
  if (!fixed) return 0;
  ENSURE(!fixed->empty());
  // What is stored is stored again as it is, and a masked list hides no entry.
  ENSURE(znode::masked_acl(*fixed).size() == fixed->size());
  (void)znode::permits(*fixed, identities, 31);
  return 0;
}
