// Any text as zoo.cfg: a configuration, or a fault that names what is wrong.
#include <optional>
#include <string>

#include "base/ensure.h"
#include "server/config/parse.h"
#include "tests/fuzz/input.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input(data, size);
  const std::string myid = input.u8() % 4 != 0 ? "1\n" : std::string(as_text(input.piece(8)));
  const std::string text(as_text(input.rest()));
  const auto read = [&](const std::string& path) -> std::optional<std::string> {
    if (path == "zoo.cfg") return text;
    if (path.ends_with("myid")) return myid;
    return std::nullopt;
  };
  const server::ConfigResult result = server::load_config("zoo.cfg", read);
  if (!result) ENSURE(!result.error().what.empty());
  return 0;
}
