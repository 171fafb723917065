#!/usr/bin/env bash
# The library's Debian packages: their names, content and dependencies; and that a user's project builds
# and runs against what they unpack to.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${QUORATE_BIN:-$top/build/release/bin}
build=$(dirname "$bin")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

fail() {
  echo "library_package_test: $*" >&2
  exit 1
}

cd "$build"
cpack -G DEB -B "$work/made" -D CPACK_COMPONENTS_ALL="libquorate;libquorate_dev;libquorate_testing" \
  >"$work/cpack.log" 2>&1 || fail "cpack: $(tail -n 20 "$work/cpack.log")"
version=$(sed -n 's/^set(CPACK_PACKAGE_VERSION "\(.*\)")/\1/p' CPackConfig.cmake)
soname=$(objdump -p client-lib/libquorate.so | sed -n 's/^ *SONAME *libquorate\.so\.//p')
arch=$(dpkg --print-architecture)
library=libquorate$soname

deb() { echo "$work/made/$1_${version}_$arch.deb"; }
field() { dpkg-deb --field "$(deb "$1")" "$2"; }
for package in "$library" libquorate-dev libquorate-testing-dev; do
  [[ -e $(deb "$package") ]] || fail "$package is not made; there is: $(ls "$work/made")"
  [[ $(field "$package" Package) == "$package" ]] || fail "$package has another name inside"
  [[ $(field "$package" Description | head -n 1) != *coordination* ]] || fail "$package is described as the server is"
  dpkg-deb -c "$(deb "$package")" | awk '{print $6}' >"$work/$package.list"
  [[ -n $(grep "share/doc/$package/copyright" "$work/$package.list") ]] || fail "$package has no copyright file"
  dpkg-deb -x "$(deb "$package")" "$root"
done

# --- What is in which, and nothing else ------------------------------------------------------------
files_of() { grep -v '/$' "$work/$1.list" | grep -v '/share/doc/' | sed 's|^\./usr/||' | sort; }
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
expected="lib/$multiarch/libquorate.so.$soname
lib/$multiarch/libquorate.so.$version"
[[ $(files_of "$library") == "$(sort <<<"$expected")" ]] || fail "$library holds: $(files_of "$library")"
for file in "lib/$multiarch/libquorate.so" "lib/$multiarch/libquorate_client.a" "lib/$multiarch/cmake/quorate/quorateConfig.cmake" \
  "lib/$multiarch/pkgconfig/quorate.pc" include/quorate-client/quorate/sync_client.h include/quorate-client/base/ids.h; do
  files_of libquorate-dev | grep -x "$file" >/dev/null || fail "libquorate-dev has no $file"
done
foreign=$(files_of libquorate-dev | grep -vE "^(include/quorate-client/.*\.h|lib/$multiarch/(libquorate(\.so|_(client|proto|base)\.a)|cmake/quorate/quorateConfig(Version)?\.cmake|pkgconfig/quorate(-static)?\.pc))$" || true)
[[ -z $foreign ]] || fail "libquorate-dev holds more: $foreign"
expected="include/quorate-client/quorate/testing/fake.h
include/quorate-client/quorate/testing/server.h
lib/$multiarch/libquorate_testing.a"
[[ $(files_of libquorate-testing-dev) == "$(sort <<<"$expected")" ]] ||
  fail "libquorate-testing-dev holds: $(files_of libquorate-testing-dev)"
grep -rliE 'doctest|tests/support' "$root/usr/include" >"$work/of_tests" && fail "of tests: $(cat "$work/of_tests")"

# --- Only what was meant to run elsewhere ------------------------------------------------------------
libraries=$root/usr/lib/$multiarch
nm -D "$libraries/libquorate.so.$soname" >"$work/names"
for archive in "$libraries"/*.a; do nm "$archive" 2>/dev/null >>"$work/names"; done
[[ -z $(objdump -h "$libraries/libquorate_client.a" | grep '\.debug_' | head -n 1) ]] || fail "libquorate_client.a is not stripped"
foreign=$(grep -E ' __(asan|tsan|ubsan|gcov|llvm_profile|sanitizer)_' "$work/names" | head -n 3 || true)
[[ -z $foreign ]] || fail "instrumented: $foreign"
foreign=$(nm -C --defined-only --extern-only "$libraries/libquorate_testing.a" 2>/dev/null | sed -n 's/^[0-9a-f]* [A-Za-z] //p' |
  grep -vE '^((typeinfo|typeinfo name|vtable) for )?quorate::testing::' | head -n 3 || true)
[[ -z $foreign ]] || fail "libquorate_testing.a shows names of others: $foreign"

# --- Who needs whom ---------------------------------------------------------------------------------
[[ $(field "$library" Depends) == *libssl3* && $(field "$library" Depends) == *libstdc++6* ]] ||
  fail "$library depends on: $(field "$library" Depends)"
[[ $(field libquorate-dev Depends) == *"$library (= $version)"* ]] ||
  fail "libquorate-dev depends on: $(field libquorate-dev Depends)"
for package in libquorate-dev libleveldb-dev libssl-dev libspdlog-dev libsasl2-dev; do
  [[ $(field libquorate-testing-dev Depends) == *"$package"* ]] ||
    fail "libquorate-testing-dev depends on: $(field libquorate-testing-dev Depends)"
done
dpkg-deb -e "$(deb "$library")" "$work/control"
[[ $(cat "$work/control/shlibs") == "libquorate $soname $library"* ]] || fail "no shlibs file"

# --- A user's project ---------------------------------------------------------------------------------
cmake -S "$top/tests/package" -B "$work/user" -DCMAKE_PREFIX_PATH="$root/usr" -DWITH_CLIENT=OFF >"$work/user.log" 2>&1 ||
  fail "find_package: $(tail -n 8 "$work/user.log")"
grep -q "$root/usr" "$work/user/CMakeCache.txt" || fail "another installation was found"
cmake --build "$work/user" -j 2 >"$work/user.log" 2>&1 || fail "$(tail -n 20 "$work/user.log")"
export PKG_CONFIG_PATH=$libraries/pkgconfig
# shellcheck disable=SC2046
g++ -std=c++20 -I"$top/tests/package/no_boost" "$top/tests/package/blocking.cc" -o "$work/blocking" \
  $(pkg-config --cflags --libs quorate) || fail "pkg-config quorate"
export LD_LIBRARY_PATH=$libraries
answer=$("$work/user/with_server") || fail "with_server: $answer"
[[ $answer == *"done: exists /kept: Session expired"* ]] || fail "with_server: $answer"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for program in blocking user/blocking; do
  code=0
  answer=$("$work/$program" "127.0.0.1:$port") || code=$?
  [[ $code == 3 && $answer == *"127.0.0.1:$port: Connection refused"* ]] || fail "$program: $code, $answer"
done
echo "library_package_test: ok"
