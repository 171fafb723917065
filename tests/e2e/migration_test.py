#!/usr/bin/python3
"""docs/migration.md, executed block by block: three ZooKeeper 3.8.0 servers under load from clients with
locks and ephemerals become Quorate one at a time, and ZooKeeper again. No acknowledged write is lost, no
session expires, ephemerals are right. Gaps in writes are printed beside those of ZooKeeper's own restarts
in the same run; they are figures, not assertions."""
import getpass
import logging
import os
import pathlib
import re
import socketserver
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, ROOT, Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient, KazooState  # noqa: E402
from kazoo.exceptions import (BadVersionError, CancelledError, ConnectionClosedError, ConnectionLoss,  # noqa: E402
                              LockTimeout, NodeExistsError, NoNodeError, OperationTimeoutError, SessionExpiredError)
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
PAGE = ROOT / "docs" / "migration.md"
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
SETTINGS = {"snapCount": 2000, "preAllocSize": 256, "tickTime": 500}


# ---- The page ------------------------------------------------------------------------------------
def sections():
    """Heading -> its shell blocks."""
    found, heading, block = {}, "", None
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
        elif line == "```sh":
            block = []
        elif line == "```" and block is not None:
            found.setdefault(heading, []).append("\n".join(block))
            block = None
        elif block is not None:
            block.append(line)
    return found


SYSTEMCTL = """#!/bin/bash
# Stands where systemctl stands on a machine; the test does what it says.
exec 3<>"/dev/tcp/127.0.0.1/$SERVICES_PORT"
printf '%s %s %s\\n' "$SERVER" "$1" "$2" >&3
read -r answer <&3
[ "$answer" = ok ] || { echo "systemctl $*: $answer" >&2; exit 1; }
"""


class Services:
    """start, stop, enable and disable of "zookeeper" and "quorate" for each of the servers."""

    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.bin = ensemble.folder / "bin"
        self.bin.mkdir()
        (self.bin / "systemctl").write_text(SYSTEMCTL)
        (self.bin / "systemctl").chmod(0o755)
        services = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    services.act(*self.rfile.readline().decode().split())
                    answer = "ok"
                except Exception as error:  # Goes back to the shell, whose exit code the test sees.
                    answer = repr(error)
                self.wfile.write(answer.encode() + b"\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def act(self, sid, verb, service):
        server = self.ensemble[int(sid)]
        if verb == "stop":
            assert server.kind == service and server.alive, f"{service} does not run on {sid}"
            server.stop()
        elif verb == "start":
            assert not server.alive, "still runs"
            server.kind = service
            server.config = server.folder / ("quorate.cfg" if service == "quorate" else "zoo.cfg")
            server.start()
        else:
            assert verb in ("enable", "disable"), verb

    def run(self, server, blocks):
        """The blocks in one shell, behind the page's own settings, on the "machine" of `server`."""
        environment = dict(
            os.environ, SERVER=str(server.sid), SERVICES_PORT=str(self.server.server_address[1]),
            PATH=f"{self.bin}:{BIN}:{os.environ['PATH']}", PORT=str(server.client_port),
            ZK_CFG=str(server.folder / "zoo.cfg"), ZK_DATA=str(server.folder / "data"),
            CFG=str(server.folder / "quorate.cfg"), DATA=str(server.folder / "quorate-data"),
            ZK_USER=getpass.getuser(), RUN_USER=getpass.getuser())
        done = subprocess.run(["bash", "-c", "\n".join(sections()["Settings"] + blocks)], env=environment,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"server {server.sid}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.stdout

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# ---- Load ----------------------------------------------------------------------------------------
class Worker(threading.Thread):
    """One client: a session that must never expire, ephemerals that must stay its own."""

    def __init__(self, ensemble, name):
        super().__init__(daemon=True)
        self.name, self.ending, self.wrong = name, threading.Event(), []
        self.zk = KazooClient(hosts=ensemble.connect, timeout=15.0,
                              connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.1))
        self.zk.add_listener(self.state)
        self.zk.start(timeout=60)
        self.session = self.zk.client_id[0]
        self.mine = [f"/here/{name}-{n}" for n in range(3)]
        for path in self.mine:
            self.zk.create(path, name.encode(), ephemeral=True, makepath=True)

    def state(self, state):
        if state == KazooState.LOST and not self.ending.is_set():
            self.wrong.append(f"{self.name}: session lost")

    def run(self):
        while not self.ending.is_set():
            try:
                self.step()
            except UNKNOWN:
                wait_until(lambda: self.zk.connected or self.ending.is_set())
            except Exception as error:  # Reported by check(); a thread has nobody to raise to.
                self.wrong.append(f"{self.name}: {error!r}")
                return

    def check(self):
        assert not self.wrong, self.wrong
        now = self.zk.client_id  # None while not connected.
        assert now is None or now[0] == self.session, f"{self.name} has another session"
        assert self.is_alive(), f"{self.name} has ended"


def wait_until(condition, interval=0.002):
    while not condition():
        time.sleep(interval)


class Writer(Worker):
    """Creates numbered nodes and counts up a node of its own by version."""

    def __init__(self, ensemble, name):
        super().__init__(ensemble, name)
        self.next, self.version, self.acknowledged, self.times = 0, 0, {}, []
        self.zk.create(f"/counter-{name}", b"0")
        self.zk.ensure_path(f"/w-{name}")

    def step(self):
        number, self.next = self.next, self.next + 1  # A number of unknown outcome is not used again.
        path = f"/w-{self.name}/{number:06d}"
        self.zk.create(path, str(number).encode())
        self.times.append(time.monotonic())
        self.acknowledged[path] = str(number).encode()
        if number % 4 == 0:
            self.count(number)
        self.ending.wait(0.002)

    def count(self, number):
        path = f"/counter-{self.name}"
        try:
            self.version = self.zk.set(path, str(number).encode(), version=self.version).version
        except BadVersionError:
            # Right only if a set of unknown outcome came through: then the content is newer.
            stat = self.zk.exists(path)
            if stat.version != self.version + 1:
                self.wrong.append(f"{path}: version {stat.version}, {self.version} was acknowledged")
            self.version = stat.version


class Locker(Worker):
    """Counts up one shared node without versions, under kazoo's lock: no count may be lost."""

    def __init__(self, ensemble, name):
        super().__init__(ensemble, name)
        self.zk.ensure_path("/locked")
        self.zk.ensure_path("/inside")
        self.lock = self.zk.Lock("/lock", name)
        self.counted = 0

    def step(self):
        try:
            if not self.lock.acquire(timeout=20):
                return
        except (LockTimeout, CancelledError):
            return
        try:
            self.surely(self.count_up)
        finally:
            self.surely(self.lock.release)

    def surely(self, action):
        """Until it is answered: the session, and with it the lock, outlives the connection."""
        while True:
            try:
                return action()
            except UNKNOWN:
                wait_until(lambda: self.zk.connected or self.wrong)
                if self.wrong:
                    return None

    def count_up(self):
        """May begin again after an unknown outcome: what is there of our own is no surprise."""
        path, inside = f"/locked/{self.name}-{self.counted}", f"/inside/{self.name}"
        others = set(self.zk.get_children("/inside")) - {self.name}
        if others:
            self.wrong.append(f"{self.name} holds the lock, and so does {others}")
        for made, ephemeral in ((inside, True), (path, False)):
            try:
                self.zk.create(made, ephemeral=ephemeral)
            except NodeExistsError:
                pass
        self.ending.wait(0.003)
        try:
            self.zk.delete(inside)
        except NoNodeError:
            pass
        self.counted += 1


class Load:
    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.writers = [Writer(ensemble, f"writer{n}") for n in range(3)]
        self.lockers = [Locker(ensemble, f"locker{n}") for n in range(2)]
        self.workers = self.writers + self.lockers
        self.visits = 0
        for worker in self.workers:
            worker.start()
        self.progress()

    def progress(self, count=30):
        """Until every writer has written and a lock was taken."""
        written = [len(w.acknowledged) + count for w in self.writers]
        counted = sum(locker.counted for locker in self.lockers) + 2

        def done():
            for worker in self.workers:
                worker.check()
            return (all(len(w.acknowledged) >= n for w, n in zip(self.writers, written))
                    and sum(locker.counted for locker in self.lockers) >= counted)
        wait_for("progress of writers and locks", done)

    def ephemerals(self, server):
        """Through this server exactly those of the living sessions are seen, each its owner's."""
        zk = KazooClient(hosts=server.address, timeout=15.0)
        zk.start(timeout=60)
        self.visits += 1
        zk.create(f"/here/visitor-{self.visits}", ephemeral=True)
        expected = {path: worker.session for worker in self.workers for path in worker.mine}
        expected[f"/here/visitor-{self.visits}"] = zk.client_id[0]
        zk.sync("/here")
        found = {f"/here/{name}": zk.exists(f"/here/{name}").ephemeralOwner for name in zk.get_children("/here")}
        assert found == expected, f"{set(found.items()) ^ set(expected.items())}"
        zk.stop()
        zk.close()

    def gaps(self, begin, end):
        """Longest time without any write, and without one of the unluckiest writer; milliseconds."""
        def longest(times):
            inside = [begin] + sorted(t for t in times if begin < t < end) + [end]
            return 1000 * max(b - a for a, b in zip(inside, inside[1:]))
        return (longest([t for w in self.writers for t in list(w.times)]),
                max(longest(list(w.times)) for w in self.writers))

    def finish(self):
        for worker in self.workers:
            worker.check()
            worker.ending.set()
        for worker in self.workers:
            worker.join(30)
            assert not worker.is_alive() and not worker.wrong, worker.wrong

    def nothing_lost(self, server):
        zk = KazooClient(hosts=server.address, timeout=15.0)
        zk.start(timeout=60)
        zk.sync("/")
        for writer in self.writers:
            present = {f"/w-{writer.name}/{name}" for name in zk.get_children(f"/w-{writer.name}")}
            missing = sorted(set(writer.acknowledged) - present)
            assert not missing, f"server {server.sid}: {len(missing)} acknowledged are gone: {missing[:5]}"
            for path in list(writer.acknowledged)[::25]:
                assert zk.get(path)[0] == writer.acknowledged[path], path
        for locker in self.lockers:
            counted = [name for name in zk.get_children("/locked") if name.startswith(locker.name)]
            assert len(counted) >= locker.counted, (locker.name, len(counted), locker.counted)
        zk.stop()
        zk.close()


# ---- The steps -----------------------------------------------------------------------------------
class Migration:
    def __init__(self):
        self.page = sections()
        self.ensemble = Ensemble(["zookeeper"] * 3, SETTINGS)
        self.services = Services(self.ensemble)
        self.ensemble.start()
        self.load = Load(self.ensemble)
        self.lines = []

    def step(self, title, server, action):
        role = server.mode()
        begin = time.monotonic()
        action(server)
        self.ensemble.wait_serving(3)
        self.load.progress()
        any_gap, one_gap = self.load.gaps(begin, time.monotonic())
        self.load.ephemerals(server)
        self.lines.append((title, role, time.monotonic() - begin, any_gap, one_gap))

    def restart_of_zookeeper(self, server):
        self.services.act(server.sid, "stop", server.kind)
        self.services.act(server.sid, "start", server.kind)

    def in_turn(self):
        """Followers first, the one that leads at the beginning last."""
        leader = self.ensemble.leader()
        return [s for s in self.ensemble.servers if s is not leader] + [leader]

    def there(self):
        for server in self.ensemble.servers:
            self.services.run(server, self.page["Before"])
        take_over, put_away = self.page["One server to Quorate"]
        for server in self.in_turn():
            self.step("to Quorate", server, lambda s: self.services.run(s, [take_over]))
            assert server.kind == "quorate"
        for server in self.ensemble.servers:
            self.services.run(server, [put_away])

    def back(self):
        for server in self.in_turn():
            self.step("to ZooKeeper", server,
                      lambda s: self.services.run(s, self.page["One server back to ZooKeeper"]))
            assert server.kind == "zookeeper"

    def finish(self):
        self.load.finish()
        self.ensemble.wait_equal_zxid()
        for server in self.ensemble.servers:
            self.load.nothing_lost(server)
            text = server.log.read_text(errors="replace")
            for complaint in ("Digests are not matching", "digest mismatch", "digest_mismatch"):
                assert complaint not in text, f"server {server.sid}: {complaint}"
        for worker in self.load.workers:
            worker.zk.stop()
            worker.zk.close()
        wait_for("no ephemeral outlives its session", self.nobody_here)
        count = sum(len(w.acknowledged) for w in self.load.writers)
        counted = sum(locker.counted for locker in self.load.lockers)
        print(f"       {count} acknowledged writes, {counted} locks taken; longest gaps in ms: of all writers together, of one")
        for title, role, seconds, any_gap, one_gap in self.lines:
            print(f"       {title:22} {role:9} {seconds:5.1f} s {any_gap:7.0f} {one_gap:7.0f}")

    def nobody_here(self):
        zk = KazooClient(hosts=self.ensemble[1].address, timeout=15.0)
        zk.start(timeout=60)
        zk.sync("/here")
        left = zk.get_children("/here")
        zk.stop()
        zk.close()
        return not left


def there_and_back_under_load():
    migration = Migration()
    with migration.ensemble:
        # What ZooKeeper's own restarts cost, by the same measure.
        for server in migration.in_turn()[1:]:
            migration.step("restart of ZooKeeper", server, migration.restart_of_zookeeper)
        migration.there()
        migration.back()
        migration.finish()
    migration.services.close()


def every_block_is_executed():
    page = sections()
    assert set(page) == {"Settings", "Before", "One server to Quorate", "One server back to ZooKeeper"}, list(page)
    assert len(page["One server to Quorate"]) == 2
    fences = len(re.findall(r"^```", PAGE.read_text(), re.M))
    assert fences == 2 * sum(map(len, page.values())), "a block that is not ```sh"


if __name__ == "__main__":
    run_tests([every_block_is_executed, there_and_back_under_load])
