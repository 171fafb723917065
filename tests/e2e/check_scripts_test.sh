#!/usr/bin/env bash
# The checks find what they are for: each rule once broken and once kept, in a small tree.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

write() { mkdir -p "$scratch/$(dirname "$1")"; printf '%b\n' "$2" >"$scratch/$1"; }
clean() { rm -rf "${scratch:?}"/*; }

# expect_fault CHECKER FILE TEXT MESSAGE / expect_clean CHECKER FILE TEXT
expect_fault() {
  local out
  clean; write "$2" "$3"
  if out=$("$top/scripts/$1" --root "$scratch" 2>&1) || [[ $out != *"$4"* ]]; then
    printf 'FAILED  %s lets pass: %s\n        wanted: %s\n        said: %s\n' "$1" "$3" "$4" "$out"
    failures=$((failures + 1))
  fi
}
expect_clean() {
  local out
  clean; write "$2" "$3"
  if ! out=$("$top/scripts/$1" --root "$scratch" 2>&1); then
    printf 'FAILED  %s objects to: %s\n        said: %s\n' "$1" "$3" "$out"
    failures=$((failures + 1))
  fi
}

includes=check_includes.py
expect_fault $includes consensus/peer.cc '#include "znode/op.h"' "consensus may not include znode"
expect_fault $includes znode/op.cc '#include "consensus/peer.h"' "znode may not include consensus"
expect_fault $includes znode/proto/jute.cc '#include "znode/op.h"' "znode/proto may not include znode"
expect_fault $includes base/ids.h '#include "znode/proto/types.h"' "base may not include znode/proto"
expect_fault $includes shell/line.cc '#include "znode/proto/types.h"' "shell may not include znode/proto"
expect_fault $includes server/app/app.cc '#include "tests/support/x.h"' "nothing includes tests"
expect_fault $includes server/net/a.cc '#include <leveldb/db.h>' "LevelDB stays"
expect_fault $includes server/replica/a.cc '#include <boost/asio.hpp>' "Asio stays"
expect_fault $includes consensus/a.cc '#include <thread>' "consensus is pure"
expect_fault $includes znode/a.cc 'auto t = std::chrono::steady_clock::now();' "time and randomness"
expect_fault $includes server/replica/a.cc '#include "server/net/links.h"' "may not include server/net"
expect_clean $includes server/replica/a.cc '#include "consensus/peer.h"\n#include <chrono>'
expect_clean $includes server/storage/real/a.cc '#include <leveldb/db.h>\n#include <thread>'
expect_clean $includes shell/a.cc '#include "quorate/client.h"'
expect_clean $includes tests/unit/a.cc '#include "server/app/app.h"\n#include <thread>'

style=check_style.py
expect_fault $style znode/path_utils.h '#pragma once' "no job yet"
expect_fault $style znode/helper.cc 'int a;' "no job yet"
expect_fault $style znode/a.h 'int a;' "#pragma once"
expect_fault $style znode/a.cc '// TO''DO: more' "unfinished"
expect_fault $style tests/unit/a_test.cc 'void f() { std::this_thread::sle''ep_for(x); }' "not a condition"
expect_fault $style scripts/a.sh 'list | grep'' -qx "$1" || exit 1' "under pipefail"
expect_clean $style scripts/a.sh 'list || grep'' -qx "$1" file'
expect_fault $style docs/a.md 'see /ro''ot/notes' "path of a machine"
expect_fault $style client-lib/a.cc 'void f() {\n  co_await g([&x] { return x; });\n}' "co_await"
expect_fault $style client-lib/a.cc 'void f() {\n  co_await create("/a", Options{.acl = acl});\n}' "co_await"
expect_fault $style client-lib/a.cc 'void f() {\n  co_await create("/a", {1, 2});\n}' "co_await"
expect_fault $style tests/unit/a_test.cc 'TEST_CASE("nothing") {\n  int a = 1;\n}' "without an assertion"
expect_clean $style tests/unit/a_test.cc 'TEST_CASE("one") {\n  CHECK(1 == 1);\n}'
expect_clean $style client-lib/a.cc 'void f() {\n  if (co_await g()) {\n    h();\n  }\n  Options o{1};\n  co_await k(o);\n}'
expect_clean $style client-lib/a.cc '// co_await g([&x] { });\nchar text[] = "TO" "DO";'
expect_clean $style znode/a.h '#pragma once\nint commonplace;'

messages=check_messages.py
expect_fault $messages server/net/a.cc 'inbox.note('"'W'"', "port-stolen by=" + who);' 'what to do about "port-stolen"'
expect_fault $messages server/app/a.cc 'log::error(\n    "all-is-lost error=");' 'what to do about "all-is-lost"'
expect_fault $messages server/app/a.cc 'log::warn(text_of(it));' "made elsewhere"
expect_fault $messages server/storage/a.cc 'return StorageFault{path + ": gone"};' "without a remedy"
expect_fault $messages server/storage/a.cc 'or_fatal(error, "log_melt_failed", path);' 'what to do about "log_melt_failed"'
expect_clean $messages server/app/a.cc 'log::info("nothing");\nnote('"'I'"', "fine");'

if (( failures > 0 )); then echo "$failures checks failed"; exit 1; fi
echo "every rule is caught when broken and quiet when kept"
