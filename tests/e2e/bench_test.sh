#!/usr/bin/env bash
# quorate-bench: every mode works against a real server, and its answers are those of a program that
# looked. No figures are judged here.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${QUORATE_BIN:-$top/build/release/bin}
scratch=$(mktemp -d)
server='' echo_server=''
failures=0

finish() {
  [[ -z $server ]] || { kill "$server" && wait "$server" || true; }
  [[ -z $echo_server ]] || { kill "$echo_server" && wait "$echo_server" || true; }
  rm -rf "$scratch"
}
trap finish EXIT

check() { # description, command...
  local what=$1; shift
  if "$@"; then printf 'ok      %s\n' "$what"; return; fi
  printf 'FAILED  %s\n' "$what"
  failures=$((failures + 1))
}

read -r port echo_port < <(/usr/bin/python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))')
mkdir "$scratch/data"
printf 'tickTime=2000\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\nadmin.enableServer=false\n' \
  "$scratch/data" "$port" >"$scratch/zoo.cfg"
"$bin/quorate-server" "$scratch/zoo.cfg" >"$scratch/log" 2>&1 &
server=$!

# MODE and options; the answer goes to $scratch/out.
bench() {
  local mode=$1; shift
  "$bin/quorate-bench" "$mode" --connect "127.0.0.1:$port" --pids "$server" --json "$@" \
    >"$scratch/out" 2>"$scratch/err" || { cat "$scratch/out" "$scratch/err" "$scratch/log"; return 1; }
}
# An expression over the answer `r`.
says() {
  /usr/bin/python3 - "$scratch/out" "$1" <<'P' || { cat "$scratch/out"; return 1; }
import json, sys
r = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else 1)
P
}

check 'wait: until the server serves' bench wait --seconds 15
check 'wait: first reply behind the session' says 'r["first_reply_ms"] >= r["session_ms"] > 0'
check 'create: runs' bench create --count 700 --connections 3 --depth 7 --size 50
check 'create: all made, one latency each' says 'r["created"] == 700 and r["errors"] == 0 and r["write_us"]["count"] == 700'
check 'wait: counts nodes' bench wait
check 'wait: at least those made' says 'r["nodes"] >= 701'
check 'get: runs' bench get --connections 4 --depth 4 --keys 100 --seconds 0.5 --warmup 0.1 --svg "$scratch/curve.svg"
check 'get: reads only' says 'r["reads"] > 0 and r["writes"] == 0 and r["read_us"]["count"] == r["reads"]'
check 'get: the picture has a curve' grep -q polyline "$scratch/curve.svg"
check 'set: runs' bench set --connections 2 --depth 2 --keys 100 --seconds 0.5 --warmup 0
check 'set: writes only' says 'r["writes"] > 0 and r["reads"] == 0'
check 'mix: runs without a mode' bench mix --read-percent 50 --connections 2 --depth 4 --keys 50 --seconds 0.5 --warmup 0
check 'mix: both kinds' says 'r["writes"] > 0 and r["reads"] > 0'
check 'open loop: runs' bench set --rate 200 --connections 4 --keys 50 --seconds 1 --warmup 0
check 'open loop: every request that was due, none more' says 'r["writes"] in (199, 200, 201)'
check 'sessions: runs' bench sessions --count 120 --seconds 0.5
check 'sessions: all opened' says 'r["sessions"] == 120 and r["opened_per_s"] > 0'
check 'watch: runs' bench watch --count 60 --rounds 2
check 'watch: an event for everyone in each round' says 'r["event_us"]["count"] == 120 and r["errors"] == 0'
check 'a person reads bars' bash -c '"$1/quorate-bench" get --connect "127.0.0.1:$2" --keys 10 --seconds 0.3 --warmup 0 2>/dev/null | grep "##" >/dev/null' _ "$bin" "$port"

code=0; "$bin/quorate-bench" fly 2>"$scratch/err" || code=$?
check 'an unknown mode is refused' test "$code" = 2
code=0; "$bin/quorate-bench" --depth many 2>"$scratch/err" || code=$?
check 'a number that is none is refused' test "$code" = 2
code=0; "$bin/quorate-bench" wait --connect 127.0.0.1:1 --seconds 0.3 2>"$scratch/err" || code=$?
check 'wait: nobody there' test "$code" = 1

"$bin/bench-echo" "$echo_port" 200 --sync "$scratch/echo-log" &
echo_server=$!
port=$echo_port
check 'bench-echo: answers' bench wait --seconds 15
check 'bench-echo: as a server would' bench set --connections 2 --depth 2 --keys 10 --seconds 0.3 --warmup 0
check 'bench-echo: tells watchers' bench watch --count 20 --rounds 2
check 'bench-echo: each of them' says 'r["event_us"]["count"] == 40'
check 'bench-fdatasync: runs' bash -c '"$1/bench-fdatasync" "$2" --seconds 0.3 --json >"$3"' _ "$bin" "$scratch/sync-log" "$scratch/out"
check 'bench-fdatasync: one latency each' says 'r["sync_us"]["count"] > 0'
check 'memory-bench: runs' "$bin/memory-bench" --nodes 3000 --per-parent 100

# The rows of the client library, small. client-cost needs libzookeeper-mt.
rows='client-handover client-hello'
[[ ! -x $bin/client-cost ]] || rows=client
# shellcheck disable=SC2086
check 'scripts/bench --only client: runs' bash -c '"$1" --quick --only ${3} >"$2" 2>&1 || { cat "$2"; exit 1; }' _ "$top/scripts/bench" "$scratch/table" "$rows"
check 'scripts/bench --only client: a figure in each row' bash -c '[[ $(grep -cE "^client-.*(reached|not decided)" "$1") -ge 2 ]] && ! grep "no figure" "$1"' _ "$scratch/table"

# Of the pipelines' rows two that need all of their processes.
check 'scripts/bench --only pipelines: runs' bash -c '"$1" --quick --only pipelines-latency pipelines-batch >"$2" 2>&1 || { cat "$2"; exit 1; }' _ "$top/scripts/bench" "$scratch/table"
check 'scripts/bench --only pipelines: a figure in each row' bash -c '[[ $(grep -cE "^pipelines-(latency|batch).*reached|not decided" "$1") -eq 2 ]] && ! grep "no figure" "$1"' _ "$scratch/table"

printf '%s failed\n' "$failures"
exit $((failures > 0))
