#!/usr/bin/env bash
# Every branch of scripts/setup, with apt, dpkg, sudo and id replaced by small scripts on PATH.
# The replacements keep their state in files of a scratch folder: `installed`, `lists`, `mirror`.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# A world of its own per case: what is installed, whether apt has lists, who we are.
new_world() {
  rm -rf "${scratch:?}/world"
  world=$scratch/world
  mkdir -p "$world/bin"
  : >"$world/installed"; : >"$world/calls"
  echo 0 >"$world/uid"
  touch "$world/lists"          # apt knows its packages
  local tool
  for tool in bash env awk cat comm cut dirname grep printf sort touch tr rm sed; do
    ln -s "$(command -v "$tool")" "$world/bin/$tool"
  done
  write_tool dpkg-query 'package=${*: -1}
grep -qx "$package" "$WORLD/installed" && printf "ii " || exit 1'
  write_tool id 'cat "$WORLD/uid"'
  write_tool apt-cache '[[ -e $WORLD/lists ]] && echo "Package: ${*: -1}"'
  write_tool apt-get 'echo "apt-get $* frontend=${DEBIAN_FRONTEND-none}" >>"$WORLD/calls"
if [[ $1 == update ]]; then touch "$WORLD/lists"; rm -f "$WORLD/stale"; exit 0; fi
if [[ $1 == -s ]]; then [[ -e $WORLD/blocker ]] && echo "Remv $(cat "$WORLD/blocker") [1.0]"; exit 0; fi
[[ -e $WORLD/stale || -e $WORLD/broken ]] && exit 100
[[ " $* " == *" --no-remove "* && " $* " == *" --no-install-recommends "* ]] || exit 99
shift
for word; do [[ $word == -* || $word == *=* ]] || echo "$word" >>"$WORLD/installed"; done'
}

write_tool() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"$world/bin/$1"; chmod +x "$world/bin/$1"; }

install_all() {
  sed -n '/^build_packages=(/,/^)/p; /^test_packages=(/,/^)/p' "$top/scripts/setup" \
    | sed 's/#.*//; s/^[a-z_]*=(//; s/^)//' | tr -s ' \n' '\n' | grep . >"$world/installed"
}

# run ARGS: scripts/setup in this world, without a terminal; sets code, out, calls.
run() {
  code=0
  out=$(WORLD=$world PATH=$world/bin bash "$top/scripts/setup" "$@" </dev/null 2>&1) || code=$?
  calls=$(cat "$world/calls")
}

expect() { # description, condition as words for [[ ]]
  local what=$1; shift
  if ! eval "[[ $* ]]"; then
    printf 'FAILED %s\n  exit code %s\n  output: %s\n  calls: %s\n' "$what" "$code" "$out" "$calls"
    failures=$((failures + 1))
  fi
}

new_world; install_all; echo 1000 >"$world/uid"; rm "$world/lists"; run --tests
expect "nothing missing needs neither root nor network" '$code == 0 && -z $calls'

new_world; run
expect "root installs directly" '$code == 0 && $calls == *"install -y"* && $calls != *update*'
expect "apt asks no questions" '$calls == *frontend=noninteractive*'
expect "without --tests the peers are left out" '$calls != *zookeeper* && $calls == *libboost1.81-dev*'

new_world; run --tests
expect "--tests adds the peers" '$code == 0 && $calls == *zookeeper* && $calls == *python3-kazoo*'

new_world; rm "$world/lists"; run
expect "missing lists are fetched first" '$code == 0 && $calls == "apt-get update"*'

new_world; touch "$world/stale"; run
expect "a failed installation is tried again after an update" \
  '$code == 0 && $calls == *install*update*install*'

new_world; touch "$world/broken"; run
expect "an installation that fails twice ends with 1" '$code == 1 && $out == *"failed twice"*'

new_world; echo 1000 >"$world/uid"; run
expect "without root and sudo the administrator's line is printed" \
  '$code == 2 && -z $calls && $out == *"apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install"*g++*'

new_world; echo 1000 >"$world/uid"
write_tool sudo 'echo "sudo $*" >>"$WORLD/calls"; [[ $1 == -n ]] && shift; exec "$@"'
write_tool true 'exit 0'; run
expect "sudo is used where it asks nothing" '$code == 0 && $calls == *"sudo env DEBIAN_FRONTEND=noninteractive"*'

new_world; echo 1000 >"$world/uid"; write_tool sudo 'exit 1'; run
expect "a sudo that would ask is not used without a terminal" '$code == 2 && -z $calls'

new_world; echo libboost1.74-dev >"$world/installed"; run
expect "libboost1.74-dev in the way is named, with the remedy, and nothing is done" \
  '$code == 2 && -z $calls && $out == *"remedy: apt-get remove libboost1.74-dev"*'

new_world; echo libboost1.74-dev >"$world/installed"
(install_all; echo libboost1.74-dev >>"$world/installed"); run
expect "libboost1.74-dev beside an installed 1.81 is nobody's business" '$code == 0 && -z $calls'

new_world; echo libold-dev >"$world/blocker"; run
expect "any other package that would be removed is named" \
  '$code == 2 && $out == *"in the way"*libold-dev* && $calls != *"install -y"*'

new_world; rm "$world/bin/dpkg-query"; run
expect "elsewhere than on Debian the needs are listed" '$code == 2 && $out == *"not Debian"*libleveldb-dev*'

new_world; run --wrong
expect "an unknown argument is refused" '$code == 1 && $out == *usage*'

new_world
write_tool systemctl 'echo "systemctl $*" >>"$WORLD/calls"
[[ $1 == list-units ]] && { echo "ssh.service loaded"; [[ -s $WORLD/installed ]] && echo "zookeeper.service loaded"; }; exit 0'
run
expect "a service that the installation started is stopped, others are left alone" \
  '$code == 0 && $calls == *"systemctl stop zookeeper.service"* && $calls != *"stop ssh"*'

if (( failures > 0 )); then echo "$failures checks failed"; exit 1; fi
echo "all branches of scripts/setup behave"
