#!/usr/bin/python3
"""Recipes of the C++ library and of kazoo on the same znodes, on Quorate and on ZooKeeper 3.8.0."""
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402

PEER = str(BIN / "recipes_peer")


class Peer:
    """One recipes_peer process; its lines as they come."""

    def __init__(self, connect, *words):
        self.process = subprocess.Popen([PEER, connect, *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.read()), daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())
        return []

    def wait_line(self, line):
        wait_for(f"'{line}' of {self.process.args[2:]}, got {self.lines}", lambda: line in self.lines)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def done(self):
        code = self.process.wait(30)
        self.reader.join(10)
        assert code == 0, (self.process.args, code, self.lines)
        return self.lines


@contextlib.contextmanager
def place(kind):
    with Ensemble([kind]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        client = KazooClient(hosts=ensemble.connect, timeout=6.0)
        client.start(timeout=30)
        try:
            yield ensemble.connect, client, pathlib.Path(folder)
        finally:
            client.stop()
            client.close()


def bump(file):
    file.write_text(str(int(file.read_text() or 0) + 1))


def locks(connect, kazoo, folder):
    file = folder / "number"
    file.write_text("0")
    peers = [Peer(connect, "lock", "/lock", file, 5) for _ in range(2)]
    lock = kazoo.Lock("/lock", "python")
    for _ in range(5):
        with lock:
            bump(file)
    for peer in peers:
        peer.done()
    assert file.read_text() == "15", file.read_text()
    file.write_text("0")
    peer = Peer(connect, "read_write", "/rw", file, 4)
    # No ReadLock of kazoo's here: it waits for writers that came after it, too, who wait for it.
    for _ in range(4):
        with kazoo.WriteLock("/rw"):
            bump(file)
    peer.done()
    assert file.read_text() == "8", file.read_text()
    reading = kazoo.ReadLock("/rw")
    reading.acquire(timeout=20)
    peer = Peer(connect, "read_write", "/rw", file, 1)
    wait_for("the writer behind the reader", lambda: any("__lock__" in name for name in kazoo.get_children("/rw")))
    assert file.read_text() == "8", "a writer beside a reader"
    reading.release()
    peer.done()
    assert file.read_text() == "9", file.read_text()


def semaphore_and_election(connect, kazoo, folder):
    semaphore = kazoo.Semaphore("/semaphore", "python", max_leases=2)
    assert semaphore.acquire(timeout=20)
    first = Peer(connect, "lease", "/semaphore", 2)
    first.wait_line("leased")
    second = Peer(connect, "lease", "/semaphore", 2)
    wait_for("the second in line", lambda: kazoo.get_children("/semaphore-__lock__"))
    assert "leased" not in second.lines and len(kazoo.get_children("/semaphore")) == 2
    semaphore.release()
    second.wait_line("leased")
    for peer in (first, second):
        peer.go_on()
        peer.done()
    leader = Peer(connect, "lead", "/election")
    leader.wait_line("leads")
    election, led = kazoo.Election("/election", "python"), threading.Event()
    standing = threading.Thread(target=lambda: election.run(led.set), daemon=True)
    standing.start()
    wait_for("both candidates", lambda: election.contenders() == ["c++", "python"])
    assert not led.is_set()
    leader.go_on()
    leader.done()
    assert led.wait(20)
    standing.join(20)


def queues(connect, kazoo, folder):
    queue = kazoo.Queue("/queue")
    Peer(connect, "put", "/queue", "a", "b").done()
    queue.put(b"c")
    queue.put(b"first", priority=5)
    assert Peer(connect, "take", "/queue", 2).done() == ["first", "a"]
    assert queue.get() == b"b" and queue.get() == b"c" and queue.get() is None
    locking = kazoo.LockingQueue("/locking")
    locking.put(b"1")
    Peer(connect, "lput", "/locking", "2", "3").done()
    assert locking.get(20) == b"1"  # Claimed, so the other one goes on behind it.
    assert Peer(connect, "ltake", "/locking", 1).done() == ["2"]
    assert locking.consume()
    assert locking.get(20) == b"3"
    assert locking.release()
    assert Peer(connect, "ltake", "/locking", 1).done() == ["3"]
    assert not kazoo.get_children("/locking/entries") and not kazoo.get_children("/locking/taken")


def counters_and_barriers(connect, kazoo, folder):
    counter = kazoo.Counter("/counter")
    peers = [Peer(connect, "add", "/counter", 20) for _ in range(2)]
    for _ in range(20):
        counter += 1
    for peer in peers:
        peer.done()
    assert counter.value == 60, counter.value
    barrier = kazoo.Barrier("/barrier")
    barrier.create()
    waiting = Peer(connect, "wait", "/barrier")
    wait_for("the watch of the other", lambda: "/barrier" in kazoo.command(b"wchp"))
    assert waiting.lines == []
    barrier.remove()
    waiting.wait_line("passed")
    waiting.done()
    barrier.create()
    passed = threading.Thread(target=lambda: barrier.wait(20), daemon=True)
    passed.start()
    Peer(connect, "lower", "/barrier").done()
    passed.join(20)
    assert not passed.is_alive()
    double, inside = kazoo.DoubleBarrier("/double", 2, "python"), threading.Event()
    other = Peer(connect, "enter", "/double", 2)
    wait_for("one inside", lambda: kazoo.exists("/double") and kazoo.get_children("/double"))
    assert other.lines == []
    threading.Thread(target=lambda: (double.enter(), inside.set()), daemon=True).start()
    assert inside.wait(20)
    other.wait_line("in")
    out = threading.Event()
    threading.Thread(target=lambda: (double.leave(), out.set()), daemon=True).start()
    assert "out" not in other.lines and not out.is_set()
    other.go_on()
    assert out.wait(20)
    assert other.done() == ["in", "out"]


def membership(connect, kazoo, folder):
    party = kazoo.Party("/party", "python")
    party.join()
    peer = Peer(connect, "join", "/party")
    peer.wait_line("python c++")
    assert sorted(party) == ["c++", "python"]
    party.leave()
    peer.wait_line("c++")
    peer.go_on()
    peer.done()
    wait_for("nobody", lambda: len(party) == 0)


SCENARIOS = [locks, semaphore_and_election, queues, counters_and_barriers, membership]


def on_quorate():
    for scenario in SCENARIOS:
        with place("quorate") as where:
            scenario(*where)


def on_zookeeper():
    with place("zookeeper") as where:
        for scenario in SCENARIOS:
            scenario(*where)


if __name__ == "__main__":
    run_tests([on_quorate, on_zookeeper])
