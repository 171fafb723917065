#!/usr/bin/env bash
# scripts/quickstart: with and without a terminal, a second time, with its ports taken, and its end.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/lib/ensemble.sh"
scratch=$(mktemp -d)
first=$scratch/first second=$scratch/second
failures=0

finish() {
  local dir
  for dir in "$first" "$second" "$scratch/wrong"; do
    "$top/scripts/quickstart" stop --dir "$dir" || true
  done
  rm -rf "$scratch"
}
trap finish EXIT

check() { # description, command...
  local what=$1; shift
  if "$@"; then printf 'ok      %s\n' "$what"; return; fi
  printf 'FAILED  %s\n' "$what"
  failures=$((failures + 1))
}

without_terminal() { # DIR: output goes to DIR.out
  "$top/scripts/quickstart" --dir "$1" </dev/null 2>&1 | cat >"$1.out"
}

# In a terminal of its own; what a person would type comes from a file.
in_terminal() { # DIR
  printf 'ls /\nquit\n' >"$scratch/typed"
  script -qefc "'$top/scripts/quickstart' --dir '$1'" "$1.out" <"$scratch/typed" >/dev/null
}

says() { grep -qF -- "$2" "$1.out" || { tail -n 40 "$1.out"; return 1; }; }
running() { # DIR: how many of its servers run
  local id count=0
  for id in $(server_ids "$1"); do server_pid "$1" "$id" >/dev/null && count=$((count + 1)); done
  printf '%s\n' "$count"
}
runs() { [[ $(running "$1") == "$2" ]]; }
ports_differ() { [[ -z $(comm -12 <(cut -d' ' -f2- "$1/servers" | tr ' ' '\n' | sort) \
  <(cut -d' ' -f2- "$2/servers" | tr ' ' '\n' | sort)) ]]; }
fails() { ! "$@"; }
gap_is_told() { grep -qE 'missing=0 .*longest_gap_ms=[0-9]+' "$1.out"; }
same_session() {
  local before after
  before=$(sed -n 's/.*writing session=\(0x[0-9a-f]*\).*/\1/p' "$1.out")
  after=$(sed -n 's/.*missing=0 session=\(0x[0-9a-f]*\).*/\1/p' "$1.out")
  [[ -n $before && $before == "$after" ]]
}

check "in a terminal every answer is the expected one" in_terminal "$first"
check "and it says so" says "$first" "every answer was the expected one"
check "the servers stay" runs "$first" 3

check "without a terminal, beside those servers, it works as well" without_terminal "$second"
check "on the next free ports" ports_differ "$first" "$second"
check "and stops everything" runs "$second" 0
check "the longest gap is told, no acknowledged write is missing" gap_is_told "$second"
check "the writer keeps its session" same_session "$second"
check "the servers of the other folder are left alone" runs "$first" 3

check "a second run works" in_terminal "$first"
check "with the servers it finds" says "$first" "found 3 servers of an earlier run"
check "stop" "$top/scripts/quickstart" stop --dir "$first"
check "ends them" runs "$first" 0
check "stopping twice is no fault" "$top/scripts/quickstart" stop --dir "$first"

# A process that merely has the number of a server of long ago.
mkdir -p "$first/1"
printf '%s 1\n' "$$" >"$first/1/pid"
check "a recycled process id is not taken for a server" runs "$first" 0
check "and is not ended by stop" "$top/scripts/quickstart" stop --dir "$first"

mkdir -p "$scratch/wrong"
export QUORATE_SHELL=/bin/echo
check "wrong answers end with a failure" fails without_terminal "$scratch/wrong"
check "and name what was expected" says "$scratch/wrong" "^^ expected: "
check "and leave no server" runs "$scratch/wrong" 0

if (( failures > 0 )); then echo "$failures checks failed"; exit 1; fi
