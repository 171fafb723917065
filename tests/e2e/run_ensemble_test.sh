#!/usr/bin/env bash
# scripts/run_ensemble: every word of it, on three servers in a folder of their own.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
run() { "$top/scripts/run_ensemble" "$@" --dir "$scratch"; }
trap 'run stop >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT
fail() { echo "FAILED  $1"; run status || true; exit 1; }

connect=$(run start -n 3 | tail -n 1)
[[ $connect == "$(run connect)" && $connect == *,*,* ]] || fail "start names $connect"
[[ $(run status | grep -c 'mode=\(leader\|follower\)$') == 3 ]] || fail 'not all three serve'
leader=$(run leader)
pid_of() { run status | sed -n "s/^$1 .*pid=\([0-9]*\).*/\1/p"; }
pid=$(pid_of "$leader")
state() { awk '/^State:/ { print $2 }' "/proc/$pid/status"; }

run pause "$leader"
[[ $(state) == T ]] || fail "paused, server $leader is in state $(state)"
run resume "$leader"
[[ $(state) != T ]] || fail "server $leader does not go on"

run pause "$leader"  # One that is paused can be ended, too.
run restart "$leader"
[[ $(pid_of "$leader") != "$pid" ]] || fail 'restart left the process alone'
run status | grep "^$leader .*mode=\(leader\|follower\)\$" >/dev/null || fail "server $leader serves no more"

run kill "$leader"
run status | grep "^$leader .*pid=none" >/dev/null || fail 'killed, it is still there'
for word in pause resume; do
  if run "$word" "$leader" 2>"$scratch/err"; then fail "$word of a server that is gone"; fi
  grep "server $leader is not running" "$scratch/err" >/dev/null || fail "$word says: $(cat "$scratch/err")"
done
run start-server "$leader"
run status | grep "^$leader .*pid=[0-9]" >/dev/null || fail 'it was not started again'
code=0; run pause 9 2>/dev/null || code=$?
[[ $code == 1 ]] || fail 'an unknown server is taken'
run stop
[[ $(run status | grep -c 'pid=none') == 3 ]] || fail 'something is left'
echo 'ok      scripts/run_ensemble'
