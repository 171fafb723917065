#!/usr/bin/env bash
# scripts/bench --ensemble 3: both kinds are measured, nothing acknowledged is lost, the picture is drawn. No figures are
# judged here.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$top/scripts/bench" --ensemble 3 --quick --busy --only cold-start leader-killed curve-1 --dir "$scratch" \
  --json "$scratch/out.json" --svg "$scratch/curve.svg" >"$scratch/out" 2>"$scratch/err" ||
  { cat "$scratch/out" "$scratch/err"; exit 1; }
/usr/bin/python3 - "$scratch/out.json" <<'P' || { cat "$scratch/out.json"; exit 1; }
import json, sys
found = json.load(open(sys.argv[1]))
assert found["servers"] == 3
for kind in ("zookeeper", "quorate"):
    rows = {row: kinds[kind][0] for row, kinds in found["rows"].items()}
    assert set(rows) == {"cold-start", "leader-killed", "curve-1"}, rows
    assert rows["cold-start"]["first_write_ms"] > 0
    assert rows["leader-killed"]["lost"] == 0 and rows["leader-killed"]["gap_ms"] > 0
    assert rows["curve-1"]["ops_per_s"] > 0 and rows["curve-1"]["cpu_us"] > 0
P
[[ $(grep -c polyline "$scratch/curve.svg") == 4 ]] || { echo 'FAILED  the picture has not two lines in two panels'; exit 1; }
for row in cold-start leader-killed curve-1; do
  grep "^$row " "$scratch/out" >/dev/null || { echo "FAILED  no $row in the table"; cat "$scratch/out"; exit 1; }
done
code=0; "$top/scripts/bench" --ensemble 3 --only flying 2>/dev/null || code=$?
[[ $code == 2 ]] || { echo "FAILED  an unknown row is taken"; exit 1; }
echo 'ok      scripts/bench --ensemble 3'
