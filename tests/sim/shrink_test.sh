#!/usr/bin/env bash
# A seed that fails because of a planted bug must come out with fewer faults than it had, and the
# command that is printed must show the violation, twice the same byte for byte.
#
#   tests/sim/shrink_test.sh PROGRAM
set -uo pipefail
program=${1:?the simulator}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

"$program" --mutant lose-truncate --seeds 1..100 >"$folder/found"
[[ $? == 1 ]] || fail "the planted bug was not found"
cat "$folder/found"

shrunk=$(grep '^shrunk: ' "$folder/found") || fail "nothing was made smaller"
[[ $shrunk =~ from\ ([0-9]+)\ faults.*to\ ([0-9]+)\ faults ]] || fail "cannot read: $shrunk"
before=${BASH_REMATCH[1]} after=${BASH_REMATCH[2]}
(( after < before )) || fail "$before faults are still $after"

# Another seed that was running beside the first may have failed too; it is not made smaller.
replay=$(sed -n 's/^replay: //p' "$folder/found" | tail -n 1)
read -ra command <<<"$replay"
"${command[@]}" >"$folder/first" 2>&1 && fail "the command shows no violation: $replay"
grep -q '^VIOLATION' "$folder/first" || fail "the command does not say what broke: $replay"
"${command[@]}" >"$folder/second" 2>&1
cmp "$folder/first" "$folder/second" || fail "two replays differ: $replay"
# None of those that are left can be left out: fewer would have done, had one been superfluous.
[[ $replay =~ ^(.*)\ --only\ ([0-9,]+)$ ]] || fail "no list of faults: $replay"
read -ra command <<<"${BASH_REMATCH[1]}"
IFS=, read -ra kept <<<"${BASH_REMATCH[2]}"
[[ ${#kept[@]} == "$after" ]] || fail "$after faults, but the command has ${#kept[@]}"
for one in "${kept[@]}"; do
  rest=
  for other in "${kept[@]}"; do [[ $other == "$one" ]] || rest+=${rest:+,}$other; done
  "${command[@]}" --only "${rest:-none}" >"$folder/less" 2>&1 || fail "it breaks without fault $one, too"
done
echo "$before faults became $after, replayed twice the same"
