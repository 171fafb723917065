#!/usr/bin/python3
"""Three servers, each in a network namespace of its own, under kill -9, SIGSTOP, partitions of one and two
ways and a full disk, while client processes write registers; the history must have an order that explains it
(tests/support/history.py), and at the end all three hold the same tree.

QUORATE_NEMESIS_SECONDS  how long (90)
QUORATE_SEED             of the faults and of the clients (from the clock); printed
QUORATE_NEMESIS_SYNC     1: sync + get must be linearizable as well (1)
"""
import atexit
import collections
import json
import logging
import math
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import history  # noqa: E402
from ensemble import EXTRA_SETTINGS, Ensemble, Missed, Server, four_letter  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import (BadVersionError, ConnectionClosedError, ConnectionLoss, NodeExistsError,  # noqa: E402
                              NoNodeError, OperationTimeoutError, SessionExpiredError)
from kazoo.handlers.threading import KazooTimeoutError  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
SECONDS = float(os.environ.get("QUORATE_NEMESIS_SECONDS", "90"))
SEED = int(os.environ.get("QUORATE_SEED", str(int(time.time()) % 100000)))
SYNC_IS_STRICT = os.environ.get("QUORATE_NEMESIS_SYNC", "1") == "1"
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
CLIENTS, SLOTS, GENERATION_S = 6, 3, 4.0
SETTINGS = {"tickTime": 200, "initLimit": 15, "syncLimit": 4, "snapCount": 3000, "preAllocSize": 64}
FOLDER_MB = 32  # Of the server whose disk becomes full.


# ---- Clients: this file again, with --client ---------------------------------------------------------
class Recorder:
    """One session, one operation at a time, each noted with its times and outcome."""

    def __init__(self, hosts, out, seed):
        self.chance, self.out, self.number = random.Random(seed), out, 0
        self.name = f"{seed & 0xffff:x}"
        self.known = {}  # Key -> the version last seen: most writes demand it.
        self.zk = KazooClient(hosts=hosts, timeout=6.0,
                              connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2))
        self.zk.start(timeout=60)

    def run(self, begin, end):
        while time.monotonic() < end:
            generation = int((time.monotonic() - begin) / GENERATION_S)
            self.one(f"/r-{generation:04d}-{self.chance.randrange(SLOTS)}")
            time.sleep(self.chance.random() * 0.02)
        self.zk.stop()

    def one(self, key):
        kind = self.chance.choices(["create", "set", "delete", "read", "get"], [4, 40, 3, 25, 28])[0]
        self.number += 1
        value = f"{self.name}-{self.number}"
        version = self.known.get(key, 0) if self.chance.random() < 0.8 else -1
        session = (self.zk.client_id or (0,))[0]
        called, mzxid = time.monotonic(), 0
        try:
            if kind == "create":
                self.zk.create(key, value.encode())
                result, self.known[key] = ["ok", 0], 0
            elif kind == "set":
                stat = self.zk.set(key, value.encode(), version)
                result, self.known[key], mzxid = ["ok", stat.version], stat.version, stat.mzxid
            elif kind == "delete":
                self.zk.delete(key)
                result = ["ok", None]
            else:
                if kind == "read":
                    self.zk.sync(key)
                data, stat = self.zk.get(key)
                result, mzxid = ["ok", [stat.version, data.decode()]], stat.mzxid
                self.known[key] = stat.version
        except UNKNOWN:
            result = None
        except (NoNodeError, NodeExistsError, BadVersionError) as error:
            result = [type(error).__name__.removesuffix("Error")]
            if result == ["BadVersion"] and self.chance.random() < 0.7:
                self.known[key] = self.known.get(key, 0) + 1
        returned = time.monotonic()
        if (self.zk.client_id or (0,))[0] != session:
            session = 0  # It changed in between: no promise about the order of what it saw.
        demanded = version if kind == "set" else -1
        self.out.write(json.dumps([key, kind, called, returned, value, demanded, result, session, mzxid]) + "\n")
        self.out.flush()


def client_main(hosts, path, seed, begin, end):
    with open(path, "w") as out:
        Recorder(hosts, out, int(seed)).run(float(begin), float(end))


def operations_in(path):
    found = []
    for line in path.read_text().splitlines():
        key, kind, called, returned, value, version, result, session, mzxid = json.loads(line)
        if result is not None:
            answer = tuple(result[1]) if kind in ("read", "get") and result[0] == "ok" else (result[1:] or [None])[0]
            result = ("ok", answer) if result[0] == "ok" else (result[0],)
        found.append(history.Operation(
            key, "read" if kind in ("read", "get") else kind, called, math.inf if result is None else returned,
            value, version, result, session, mzxid if session else 0,
            strict=kind != "get" and (kind != "read" or SYNC_IS_STRICT)))
    return found


# ---- Servers in namespaces ---------------------------------------------------------------------------
def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")


class Network:
    """A bridge with one namespace per server; the clients stay outside and reach every server."""

    def __init__(self, count):
        self.count, mark = count, os.getpid()
        self.bridge = f"qb{mark}"
        self.names = {sid: f"qn-{mark}-{sid}" for sid in range(1, count + 1)}
        self.prefix = f"198.18.{mark % 250}"  # Of the block for benchmarks: nobody's real network.
        atexit.register(self.close)
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.prefix}.254/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for sid, name in self.names.items():
            ip("netns", "add", name)
            ip("link", "add", f"qv{mark}-{sid}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"qv{mark}-{sid}", "master", self.bridge, "up")
            ip("-n", name, "addr", "add", f"{self.address(sid)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def address(self, sid):
        return f"{self.prefix}.{sid}"

    def cut(self, sender, receiver):
        """Frames of one to the other go to an address that nobody has: lost without a word."""
        ip("-n", self.names[sender], "neigh", "replace", self.address(receiver),
           "lladdr", "02:00:00:00:de:ad", "nud", "permanent", "dev", "eth0")

    def heal(self):
        for sender in self.names:
            for receiver in self.names:
                if sender != receiver:
                    subprocess.run(["ip", "-n", self.names[sender], "neigh", "del", self.address(receiver),
                                    "dev", "eth0"], capture_output=True, check=False)

    def close(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)


class Isolated(Server):
    """A server whose commands run in its namespace; its address is that of the namespace."""

    def __init__(self, folder, sid, network):
        super().__init__(folder, "quorate", sid, 2181)
        self.network, self.host = network, network.address(sid)
        lines = {"dataDir": self.data, "clientPort": 2181, "clientPortAddress": self.host,
                 "4lw.commands.whitelist": "*", "maxClientCnxns": 0, "minSessionTimeout": 1000,
                 "maxSessionTimeout": 60000, "admin.enableServer": "false", **SETTINGS, **EXTRA_SETTINGS}
        lines.update({f"server.{n}": f"{network.address(n)}:2888:3888" for n in network.names})
        self.config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        self.prepare()

    def prepare(self):
        (self.data / "myid").write_text(f"{self.sid}\n")
        (self.data / "initialize").touch()

    def command(self):
        return ["ip", "netns", "exec", self.network.names[self.sid], *super().command()]

    @property
    def address(self):
        return f"{self.host}:{self.client_port}"

    def word(self, word):
        return four_letter(self.client_port, word, host=self.host, timeout=0.5)

    def mode(self):
        found = re.search(r"^Mode: (\w+)", self.word("srvr") if self.alive else "", re.M)
        return found.group(1) if found else ""

    def zxid(self):
        found = re.search(r"^Zxid: (\w+)", self.word("srvr"), re.M)
        return int(found.group(1), 16) if found else None


class Isolation(Ensemble):
    def __init__(self):
        super().__init__([])
        self.network = Network(3)
        self.servers = [Isolated(self.folder / str(sid), sid, self.network) for sid in (1, 2, 3)]
        self.small = None

    def small_disk(self, server):
        """The data of this server on a small file system of its own, where that may be mounted."""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FOLDER_MB}m", "quorate", str(server.data)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"skipped: full disk: {done.stderr.strip()}")
            return
        self.small = server
        server.prepare()

    def close(self):
        super().close()
        if self.small is not None:
            subprocess.run(["umount", "-l", str(self.small.data)], capture_output=True, check=False)
            shutil.rmtree(self.folder, ignore_errors=True)
            self.small = None
        self.network.close()


# ---- Faults --------------------------------------------------------------------------------------
class Nemesis:
    """One fault after the other, each healed. Half of them hit whoever leads."""

    def __init__(self, ensemble):
        self.ensemble, self.network = ensemble, ensemble.network
        self.chance = random.Random(SEED)
        self.counts, self.trace = collections.Counter(), []
        self.faults = [self.kill, self.kill, self.kill_two, self.kill_all, self.pause, self.pause, self.isolate,
                       self.isolate, self.deaf, self.mute, self.one_link, self.one_way_link,
                       self.cut_and_kill]
        if ensemble.small is not None:
            self.faults.append(self.full_disk)
        self.due = []

    def run(self, end):
        while time.monotonic() < end:
            if not self.due:  # All kinds before any comes again.
                self.due = list(self.faults)
                self.chance.shuffle(self.due)
            fault = self.due.pop()
            victim = self.victim()
            self.note(f"{fault.__name__} {victim.sid}{' (leader)' if victim is self.leader else ''}")
            self.counts[fault.__name__] += 1
            fault(victim)
            self.heal()
            self.ensemble.wait_serving(3)
            self.hold(0.3, 1.0)

    def note(self, text):
        self.trace.append(f"{time.monotonic():.3f} {text}")

    def victim(self):
        self.leader = self.ensemble.leader()
        if self.leader is not None and self.chance.random() < 0.5:
            return self.leader
        return self.ensemble[self.chance.randint(1, 3)]

    def others(self, server):
        return [s for s in self.ensemble.servers if s is not server]

    def hold(self, least, most):
        time.sleep(self.chance.uniform(least, most))  # As long as the seed says: random.

    def heal(self):
        self.network.heal()
        for server in self.ensemble.servers:
            if not server.alive:
                server.start()

    def kill(self, server):
        server.kill()
        if self.chance.random() < 0.5:
            self.hold(0.5, 2.5)

    def kill_two(self, server):
        server.kill()
        self.hold(0, 0.5)
        self.chance.choice(self.others(server)).kill()
        self.hold(0.1, 1.5)

    def kill_all(self, _):
        for server in self.ensemble.servers:
            server.kill()

    def pause(self, server):
        server.process.send_signal(signal.SIGSTOP)
        self.hold(0.5, 4.0)
        server.process.send_signal(signal.SIGCONT)

    def isolate(self, server):
        for other in self.others(server):
            self.network.cut(server.sid, other.sid)
            self.network.cut(other.sid, server.sid)
        self.hold(1.0, 4.0)

    def deaf(self, server):
        """It is heard, and hears nobody."""
        for other in self.others(server):
            self.network.cut(other.sid, server.sid)
        self.hold(1.0, 4.0)

    def mute(self, server):
        for other in self.others(server):
            self.network.cut(server.sid, other.sid)
        self.hold(1.0, 4.0)

    def one_link(self, server):
        """The third still reaches both."""
        other = self.chance.choice(self.others(server))
        self.network.cut(server.sid, other.sid)
        self.network.cut(other.sid, server.sid)
        self.hold(1.0, 4.0)

    def one_way_link(self, server):
        self.network.cut(server.sid, self.chance.choice(self.others(server)).sid)
        self.hold(1.0, 4.0)

    def cut_and_kill(self, server):
        """The one that was cut off comes back while another dies."""
        self.isolate(server)
        self.chance.choice(self.others(server)).kill()
        self.network.heal()
        self.hold(0.0, 1.0)

    def full_disk(self, _):
        server = self.ensemble.small
        filler = server.data / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass  # Full, which is what was wanted.
        self.ballast(self.chance.choice(self.others(server)))
        end = time.monotonic() + 5
        while server.alive and time.monotonic() < end:
            time.sleep(0.05)  # The interval of looking.
        if not server.alive:
            assert server.process.returncode == 10, f"exit code {server.process.returncode}"
            self.counts["stopped by a full disk"] += 1
        filler.unlink()


    def ballast(self, through):
        """Writes that need new space in every log."""
        zk = KazooClient(hosts=through.address, timeout=6.0)
        try:
            zk.start(timeout=5)
            if not zk.exists("/ballast"):
                zk.create("/ballast", b"")
            for _ in range(20):
                zk.set_async("/ballast", bytes(20000))
            zk.set_async("/ballast", b"").wait(5)
        except (*UNKNOWN, KazooTimeoutError, NodeExistsError):
            pass  # Who leads may be the one whose disk is full.
        finally:
            zk.stop()
            zk.close()


# ---- The test ------------------------------------------------------------------------------------
def tree_of(server):
    zk = KazooClient(hosts=server.address, timeout=10.0)
    zk.start(timeout=60)
    zk.sync("/")
    found = {}
    for name in sorted(zk.get_children("/")):
        if name.startswith("r-"):
            data, stat = zk.get("/" + name)
            found["/" + name] = (data.decode(), tuple(stat))
    zk.stop()
    zk.close()
    return found


def last_reads(operations, tree):
    """What the tree says at the end about every register, as one more read of each."""
    for key in {op.key for op in operations}:
        data, stat = tree.get(key, (None, None))
        result = ("NoNode",) if stat is None else ("ok", (stat[4], data))  # Stat: version is the fifth field.
        now = time.monotonic()
        operations.append(history.Operation(key, "read", now, now, result=result))


def start_clients(ensemble, begin, end):
    clients = []
    for number in range(CLIENTS):
        path = ensemble.folder / f"history-{number}"
        clients.append((path, subprocess.Popen(
            ["/usr/bin/python3", __file__, "--client", ensemble.connect, str(path), str(SEED * 100 + number),
             str(begin), str(end)])))
    atexit.register(lambda: [process.kill() for _, process in clients])
    return clients


def survives(ensemble):
    ensemble.small_disk(ensemble[random.Random(SEED).randint(1, 3)])
    ensemble.start()
    begin = time.monotonic()
    end = begin + SECONDS
    clients = start_clients(ensemble, begin, end + 1)
    nemesis = Nemesis(ensemble)
    try:
        nemesis.run(end)
        for _, process in clients:
            assert process.wait(60) == 0, f"a client ended with {process.returncode}"
        ensemble.wait_serving(3)
        ensemble.wait_equal_zxid()
        trees = [tree_of(server) for server in ensemble.servers]
        assert trees[0] == trees[1] == trees[2], "the trees differ"
        digests = same_digests(ensemble)
        for server in ensemble.servers:
            text = server.log.read_text(errors="replace")
            assert "digest mismatch" not in text and "digest_mismatch" not in text, f"server {server.sid}"
        operations = [op for path, _ in clients for op in operations_in(path)]
        last_reads(operations, trees[0])
        keys = history.check(operations)
    except BaseException:
        print("\n".join(nemesis.trace[-12:]), file=sys.stderr)
        keep = pathlib.Path(os.environ.get("QUORATE_NEMESIS_KEEP", ensemble.folder / "kept"))
        keep.mkdir(parents=True, exist_ok=True)
        for path, _ in clients:
            if path.exists():
                shutil.copy(path, keep)
        raise
    known = sum(not op.unknown for op in operations)
    writes = sum(not op.unknown and op.kind != "read" and op.result[0] == "ok" for op in operations)
    assert writes > 10 * SECONDS, f"only {writes} writes came through"
    print(f"seed {SEED}, {SECONDS:g} s: {len(operations)} operations, {len(operations) - known} of unknown outcome, "
          f"{writes} writes, {keys} registers, {digests} digests compared; sync + get {'' if SYNC_IS_STRICT else 'not '}held to be linearizable")
    print(", ".join(f"{name} {count}" for name, count in sorted(nemesis.counts.items())))


def same_digests(ensemble):
    """`hash` tells the tree's digest every 128 txns: equal where all three tell of the same zxid."""
    zk = KazooClient(hosts=ensemble.connect, timeout=10.0)
    zk.start(timeout=60)
    zk.create("/digests", b"")
    for _ in range(3 * 128):
        zk.set_async("/digests", b"")
    zk.set("/digests", b"last")
    zk.stop()
    zk.close()
    ensemble.wait_equal_zxid()
    told = [dict(line.split(": ") for line in server.word("hash").splitlines() if ": " in line)
            for server in ensemble.servers]
    common = set(told[0]) & set(told[1]) & set(told[2])
    assert common, f"no common zxid in the answers to hash: {[sorted(t)[-3:] for t in told]}"
    for zxid in common:
        assert told[0][zxid] == told[1][zxid] == told[2][zxid], f"digests differ at {zxid}"
    return len(common)


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--client":
        client_main(*sys.argv[2:])
        return
    print(f"seed {SEED}", flush=True)
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("skipped: needs root and the program ip (package iproute2)")
        return
    try:
        ensemble = Isolation()
    except OSError as error:
        print(f"skipped: no network namespaces here: {error}")
        return
    with ensemble:
        try:
            survives(ensemble)
        except Missed:
            print(ensemble.describe(), file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
