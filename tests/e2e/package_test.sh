#!/usr/bin/env bash
# The Debian package installs, its server starts, and removal leaves nothing but data and, until a
# purge, configuration. The installation happens in an overlay over this machine's root, inside a
# mount namespace of its own: the machine itself is not touched.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${QUORATE_BIN:-$top/build/release/bin}
build=$(dirname "$bin")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$build"
cpack -G DEB -B "$work/package" -D CPACK_COMPONENTS_ALL=server >"$work/cpack.log" 2>&1 || { cat "$work/cpack.log"; exit 1; }
deb=$(echo "$work"/package/*.deb)
# Not through a pipe into "grep -q", which leaves at the first hit: the writer's broken pipe would fail the test.
depends=$(dpkg-deb --field "$deb" Depends)
[[ $depends == *libleveldb* && $depends == *libsasl2-2* && $depends == *libsasl2-modules* ]] || { dpkg-deb --info "$deb"; echo "no dependencies"; exit 1; }
if [[ $(id -u) != 0 ]] || ! unshare -m true 2>/dev/null; then
  echo "skipped: the installation needs root and a mount namespace"
  exit 0
fi

cp "$deb" "$work/quorate.deb"
cat >"$work/inside" <<'INSIDE'
set -euo pipefail
say() { echo "package: $*"; }
dpkg -i /tmp/quorate.deb
for file in /usr/bin/quorate-server /usr/bin/quorate-shell /etc/quorate/zoo.cfg /lib/systemd/system/quorate.service; do
  [[ -e $file ]] || { say "$file is missing"; exit 1; }
done
[[ $(stat -c %U /var/lib/quorate) == quorate ]] || { say "the data folder is not the service's"; exit 1; }
! command -v systemd-analyze >/dev/null || systemd-analyze verify --man=no /lib/systemd/system/quorate.service

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
QUORATE_CFG_CLIENT_PORT=$port QUORATE_CFG_ADMIN_ENABLE_SERVER=false setpriv --reuid quorate --regid quorate --clear-groups \
  /usr/bin/quorate-server /etc/quorate/zoo.cfg >/tmp/server.log 2>&1 &
server=$!
answer=
for _ in $(seq 100); do
  answer=$(quorate-shell -server "127.0.0.1:$port" create /installed yes 2>&1) && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[[ $answer == *"Created /installed"* ]] || { cat /tmp/server.log; say "no answer: $answer"; exit 1; }
kill "$server"; wait "$server" || { cat /tmp/server.log; say "stopped with $?"; exit 1; }

dpkg -r quorate
[[ ! -e /usr/bin/quorate-server ]] || { say "the program is still there"; exit 1; }
[[ -e /etc/quorate/zoo.cfg ]] || { say "removal took the configuration"; exit 1; }
dpkg -P quorate
[[ ! -e /etc/quorate ]] || { say "purge left /etc/quorate"; exit 1; }
[[ -d /var/lib/quorate/quorate-1 ]] || { say "purge took the data"; exit 1; }
say "installed, started, removed, purged"
INSIDE

unshare -m bash -euo pipefail -c '
  work=$1
  mkdir "$work/layers"
  mount -t tmpfs tmpfs "$work/layers"
  mkdir "$work/layers/upper" "$work/layers/work" "$work/layers/root"
  if ! mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layers/upper,workdir=$work/layers/work" "$work/layers/root"; then
    echo "skipped: no overlay can be mounted here"
    exit 0
  fi
  root=$work/layers/root
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp "$work/quorate.deb" "$work/inside" "$root/tmp/"
  chroot "$root" bash /tmp/inside
' - "$work"
