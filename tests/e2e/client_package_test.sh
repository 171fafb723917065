#!/usr/bin/env bash
# The client as a user gets it: install, find_package, pkg-config; what the shared library exports; no
# Boost header behind the blocking faces; each public header alone and free of warnings.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${QUORATE_BIN:-$top/build/release/bin}
build=$(dirname "$bin")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() {
  echo "client_package_test: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$prefix" --component client >"$work/install.log"
cmake --install "$build" --prefix "$prefix" --component testing >>"$work/install.log"
lib=$(dirname "$(find "$prefix" -name libquorate.so | head -n 1)")
[[ -e $lib/libquorate.so ]] || fail "libquorate.so is not installed"

# --- Exports: ours, and nothing of Boost or of anybody else ---------------------------------------
nm -D --defined-only -C "$lib/libquorate.so" | cut -d' ' -f3- | sed 's|@@.*||' >"$work/exported"
grep -qx 'quorate::client::SyncClient::connect()' "$work/exported" || fail "SyncClient is not exported"
grep -q '^quorate::keeper_name' "$work/exported" || fail "keeper_name is not exported"
foreign=$(grep -Ev '^(quorate::|(typeinfo|typeinfo name|vtable) for quorate::|QUORATE_0)' "$work/exported" || true)
[[ -z $foreign ]] || fail "exported, but not ours: ${foreign:0:400}"

# --- Headers ----------------------------------------------------------------------------------------
headers=$prefix/include/quorate-client
warnings=(-std=c++20 -Wall -Wextra -Wconversion -Werror -fsyntax-only)
for header in $(cd "$headers" && find . -name '*.h' | sed 's|^./||' | sort); do
  if grep -q 'No Boost header' "$headers/$header" ||
    [[ $header == base/ids.h || $header == znode/proto/code.h || $header == znode/proto/types.h ]]; then
    echo "#include <$header>" | g++ "${warnings[@]}" -I"$top/tests/package/no_boost" -I"$headers" -x c++ - ||
      fail "$header does not compile alone without Boost"
  else
    printf '%s\n' "$header" >>"$work/asio_headers"
  fi
done
# The slow ones two at a time.
xargs -P 2 -I{} sh -c "echo '#include <{}>' | g++ ${warnings[*]} -I'$headers' -x c++ - || { echo {} >>'$work/bad'; }" \
  <"$work/asio_headers"
[[ ! -e $work/bad ]] || fail "do not compile alone: $(tr '\n' ' ' <"$work/bad")"

# --- A user's project, and pkg-config ------------------------------------------------------------------
cmake -S "$top/tests/package" -B "$work/user" -DCMAKE_PREFIX_PATH="$prefix" >"$work/user.log" ||
  fail "find_package failed: $(tail -n 5 "$work/user.log")"
cmake --build "$work/user" -j 2 >"$work/user.log" 2>&1 || fail "$(tail -n 20 "$work/user.log")"
export PKG_CONFIG_PATH=$lib/pkgconfig
# shellcheck disable=SC2046
g++ -std=c++20 -I"$top/tests/package/no_boost" "$top/tests/package/blocking.cc" -o "$work/static" \
  $(pkg-config --cflags --libs quorate-static) || fail "pkg-config quorate-static"
g++ -std=c++20 "$top/tests/package/blocking.cc" -o "$work/shared" $(pkg-config --cflags --libs quorate) ||
  fail "pkg-config quorate"

# --- They run, and say why when they cannot ---------------------------------------------------------------
/usr/bin/python3 - "$top" "$work" "$lib" <<'PY'
import os, pathlib, subprocess, sys
top, work, lib = sys.argv[1:]
sys.path.insert(0, top + "/tests/support")
from ensemble import Ensemble, free_ports
environment = dict(os.environ, LD_LIBRARY_PATH=lib)
def run(program, servers, code, words):
    done = subprocess.run([f"{work}/{program}", servers], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == code and words in done.stdout, (program, done)
with Ensemble(["quorate"]) as ensemble:
    ensemble.start()
    for program in ("user/blocking", "user/awaiting", "static", "shared"):
        run(program, ensemble.connect, 0, "done")
run("user/with_server", "", 0, "done: exists /kept: Session expired")
run("user/with_fake", "", 0, "done: there is no server fake7")
port = free_ports(1)[0]
run("shared", f"127.0.0.1:{port}", 3, f"127.0.0.1:{port}: Connection refused")
PY
echo "client_package_test: ok"
