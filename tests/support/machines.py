"""Machines for tests that do as a page says: each with a name, a network and a root of its own, made of namespaces
and an overlay over this machine's root, which is not touched. Commands run in them as root, words for word.

What a machine of namespaces has not got is put into its /usr/bin: systemctl (it goes by the real unit file),
journalctl, sudo and nc, as far as the pages use them.
"""
import atexit
import os
import pathlib
import subprocess
import tempfile

from ensemble import PATIENCE_S, Missed, wait_for

SYSTEMCTL = r"""#!/bin/bash
# start, stop, restart, kill, enable and disable of one service, by its unit file.
now= ; signal=TERM ; words=()
for word in "$@"; do
  case $word in
    --now) now=yes ;;
    --signal=*) signal=${word#--signal=} ;;
    --quiet) ;;
    *) words+=("$word") ;;
  esac
done
verb=${words[0]} name=${words[1]%.service}
unit=/lib/systemd/system/$name.service pid=/run/$name.main-pid
of() { sed -n "s/^$1=//p" "$unit"; }
lives() { [ -e "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }
start() {
  lives && return
  settings=$(of EnvironmentFile)
  export UNIT_USER=$(of User) UNIT_GROUP=$(of Group) UNIT_START=$(of ExecStart) UNIT_NAME=$name UNIT_SETTINGS=${settings#-}
  setsid bash -c '
    set -a; [ ! -e "$UNIT_SETTINGS" ] || . "$UNIT_SETTINGS"; set +a
    cd /
    setpriv --reuid "$UNIT_USER" --regid "$UNIT_GROUP" --clear-groups $UNIT_START >>"/var/log/$UNIT_NAME.journal" 2>&1
    echo $? >"/var/log/$UNIT_NAME.exit"' </dev/null >/dev/null 2>&1 &
  for _ in $(seq 100); do
    main=$(pgrep -x "$(basename "$(of ExecStart | cut -d" " -f1)")") && echo "$main" >"$pid" && return
    [ -s "/var/log/$name.exit" ] && return
    sleep 0.02
  done
  echo "systemctl: $name did not start" >&2
  exit 1
}
stop() {
  lives && kill -TERM "$(cat "$pid")" && tail --pid="$(cat "$pid")" -s 0.02 -f /dev/null
  rm -f "$pid"
}
[ -e "$unit" ] || [ "$verb" = daemon-reload ] || { echo "Unit $name.service not found." >&2; exit 5; }
case $verb in
  daemon-reload) ;;
  start) : >"/var/log/$name.exit"; start ;;
  stop) stop ;;
  restart) stop; : >"/var/log/$name.exit"; start ;;
  kill) kill -"$signal" "$(cat "$pid")" ;;
  enable) [ -z "$now" ] || { : >"/var/log/$name.exit"; start; } ;;
  disable) [ -z "$now" ] || stop ;;
  *) echo "systemctl: $*: not known here" >&2; exit 1 ;;
esac
"""
JOURNALCTL = """#!/bin/bash
[ "$1" = -u ] && cat "/var/log/$2.journal"
"""
SUDO = """#!/bin/bash
[ "$1" = -u ] || { echo "sudo: $*: not known here" >&2; exit 1; }
user=$2; shift 2
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""
NC = """#!/usr/bin/python3
import socket, sys
only_knock = sys.argv[1] == "-z"
host, port = sys.argv[-2:]
try:
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        if not only_knock:
            sock.sendall(sys.stdin.buffer.read())
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(65536):
                sys.stdout.buffer.write(chunk)
except OSError:
    sys.exit(1)
"""
INSIDE = r"""
set -euo pipefail
layers=$1 name=$2
mount -t tmpfs -o size=512m tmpfs "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
root=$layers/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/systemd/system" "$root/run/lock"
hostname "$name"
ip link set lo up
echo ready
# As the first process it also takes leave of those that nobody waits for.
exec chroot "$root" bash -c 'while :; do sleep 1000 & wait $!; done'
"""


def possible():
    """None, or why no machine can be made here."""
    if os.geteuid() != 0:
        return "machines need root"
    with tempfile.TemporaryDirectory() as folder:
        for part in ("upper", "work", "root", "all"):
            (pathlib.Path(folder) / part).mkdir()
        script = ('mount -t tmpfs tmpfs "$0/all" && mkdir "$0/all/upper" "$0/all/work" && mount -t overlay overlay -o '
                  '"lowerdir=/,upperdir=$0/all/upper,workdir=$0/all/work" "$0/root" && ip link add qb0 type bridge')
        done = subprocess.run(["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "bash", "-c", script, folder],
                              capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise OSError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


class Space:
    """A process that keeps namespaces open."""

    def __init__(self, *command):
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
        atexit.register(self.end)
        assert self.process.stdout.readline() == "ready\n", f"{command} did not come up"
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0]) if children else self.process.pid

    def end(self):
        self.process.kill()  # --kill-child: what runs in it ends with it.
        self.process.wait(PATIENCE_S)


class Machines:
    """One switch, and a machine per name; every machine knows all names."""

    def __init__(self, names):
        self.folder = tempfile.TemporaryDirectory(prefix="quorate-machines-")
        self.switch = Space("unshare", "--net", "--fork", "--kill-child", "bash", "-c",
                            "ip link add br0 type bridge && ip link set br0 up && echo ready && exec sleep infinity")
        self.names = {name: f"10.77.0.{n}" for n, name in enumerate(names, 1)}
        self.machines = {name: Machine(self, name) for name in names}

    def __getitem__(self, name):
        return self.machines[name]

    def close(self):
        for machine in self.machines.values():
            machine.space.end()
        self.switch.end()
        self.folder.cleanup()


class Machine:
    def __init__(self, machines, name):
        self.name, self.address = name, machines.names[name]
        layers = pathlib.Path(machines.folder.name) / name
        layers.mkdir()
        self.space = Space("unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child",
                           "bash", "-c", INSIDE, "-", layers, name)
        switch = ["nsenter", "-t", machines.switch.pid, "-n"]
        run(*switch, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self.space.pid)
        run(*switch, "ip", "link", "set", name, "master", "br0", "up")
        inside = ["nsenter", "-t", self.space.pid, "-n"]
        run(*inside, "ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*inside, "ip", "link", "set", "eth0", "up")
        self.path("/opt/work").mkdir(parents=True)
        self.write("/etc/hosts", "127.0.0.1 localhost\n" +
                   "".join(f"{address} {other}\n" for other, address in machines.names.items()))
        for program, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL), ("sudo", SUDO), ("nc", NC)):
            self.path(f"/usr/bin/{program}").unlink(missing_ok=True)
            self.write(f"/usr/bin/{program}", text)
            self.path(f"/usr/bin/{program}").chmod(0o755)

    def path(self, path):
        """Of a file in it, as seen from outside."""
        return pathlib.Path(f"/proc/{self.space.pid}/root{path}")

    def write(self, path, text):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def command(self, text, folder="/opt/work"):
        return ["nsenter", "-t", str(self.space.pid), "--mount", "--net", "--uts", "--pid", "--root", "--wd",
                "env", "-i", "HOME=/opt/work", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "bash", "-c", f"cd {folder}\nset -euo pipefail\n{text}"]

    def run(self, text, folder="/opt/work", fails=None):
        """Output and errors of the commands; they must end well, or with the exit code `fails`."""
        try:
            done = subprocess.run(self.command(text, folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise Missed(f"{self.name}: not within {PATIENCE_S:g} s:\n{text}\n{self.journal()[-3000:]}") from None
        assert done.returncode == (fails or 0), \
            f"{self.name}: exit code {done.returncode} of\n{text}\n{done.stdout}\n{self.journal()[-3000:]}"
        return done.stdout

    def journal(self, service="quorate"):
        found = self.path(f"/var/log/{service}.journal")
        return found.read_text(errors="replace") if found.exists() else ""

    def exit_code(self, service="quorate"):
        """Of the service, once it has ended by itself or was stopped."""
        return int(wait_for(f"{service} to end on {self.name}",
                            lambda: self.path(f"/var/log/{service}.exit").read_text().strip()))
