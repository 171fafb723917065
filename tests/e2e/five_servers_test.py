#!/usr/bin/python3
"""Five servers: without two of them, the leader among these, writing goes on; without three, writes and reads
are refused; when these are back nothing is lost, sessions whose clients live have survived, others expire."""
import logging
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient, KazooState  # noqa: E402
from kazoo.exceptions import (ConnectionClosedError, ConnectionLoss, OperationTimeoutError,  # noqa: E402
                              SessionExpiredError)
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
OUTAGE_S = 3.0
CONNECT = struct.pack(">iiqiqi", 45, 0, 0, 10000, 0, 16) + bytes(16) + b"\0"


def client(hosts, timeout=30.0):
    zk = KazooClient(hosts=hosts, timeout=timeout,
                     connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2))
    zk.start(timeout=60)
    return zk


class Writer(threading.Thread):
    """Numbered nodes one after the other, for ever; one ephemeral of its own."""

    def __init__(self, hosts, name):
        super().__init__(daemon=True)
        self.name, self.next, self.acknowledged, self.ending = name, 0, [], threading.Event()
        self.lost = False
        self.zk = client(hosts)
        self.zk.add_listener(self.state)
        self.session = self.zk.client_id[0]
        self.mine = f"/here/{name}"
        self.zk.create(self.mine, ephemeral=True, makepath=True)
        self.zk.ensure_path(f"/w-{name}")

    def state(self, state):
        self.lost = self.lost or (state == KazooState.LOST and not self.ending.is_set())

    def run(self):
        while not self.ending.is_set():
            path, self.next = f"/w-{self.name}/{self.next:06d}", self.next + 1
            try:
                self.zk.create(path, b"x")
                self.acknowledged.append(path)
            except UNKNOWN:
                self.ending.wait(0.01)
            self.ending.wait(0.002)

    def stop(self):
        self.ending.set()
        self.join(30)
        self.zk.stop()
        self.zk.close()


def progress(writers, what):
    counts = [len(w.acknowledged) + 20 for w in writers]
    wait_for(what, lambda: all(len(w.acknowledged) >= n for w, n in zip(writers, counts)))


def session_is_granted(port):
    """Whether a server lets a client in, so that it could read."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(CONNECT)
            answer = sock.recv(100)
            return len(answer) >= 20 and struct.unpack(">q", answer[12:20])[0] != 0
    except OSError:
        return False


def someone_who_dies(ensemble):
    """A process with a session of 2 s and an ephemeral."""
    script = ("import signal; from kazoo.client import KazooClient\n"
              f"zk = KazooClient(hosts={ensemble.connect!r}, timeout=2.0); zk.start(timeout=60)\n"
              "zk.create('/here/mortal', ephemeral=True); print('made', flush=True); signal.pause()\n")
    process = subprocess.Popen(["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "made\n"
    return process


def two_and_three_of_five():
    with Ensemble(["quorate"] * 5, {"tickTime": 300}) as ensemble:
        ensemble.start()
        writers = [Writer(ensemble.connect, f"writer{n}") for n in range(4)]
        for writer in writers:
            writer.start()
        progress(writers, "writes with five servers")

        # Two away, the leader first: still writing.
        leader = ensemble.wait_serving(5)
        follower = next(s for s in ensemble.servers if s is not leader)
        begin = time.monotonic()
        leader.kill()
        follower.kill()
        progress(writers, "writes with three of five servers")
        print(f"       20 more writes of each client {time.monotonic() - begin:.2f} s after two were killed")
        ensemble.wait_serving(3)
        mortal = someone_who_dies(ensemble)

        # The third: the two that are left serve nobody.
        third = ensemble.leader()
        third.kill()
        left = [s for s in ensemble.servers if s.alive]
        wait_for("the two that are left stop serving", lambda: not any(s.mode() for s in left))
        acknowledged = [len(w.acknowledged) for w in writers]
        mortal.kill()
        mortal.wait()
        end = time.monotonic() + OUTAGE_S
        while time.monotonic() < end:
            for server in left:
                assert server.alive, server.log_tail()
                assert not session_is_granted(server.client_port), f"server {server.sid} lets clients in"
                answer = four_letter(server.client_port, "srvr")
                assert "not currently serving requests" in answer, answer
            time.sleep(0.1)  # The interval of looking.
        assert [len(w.acknowledged) for w in writers] == acknowledged, "a write without a quorum"
        assert four_letter(left[0].client_port, "ruok") == "imok"

        # One of them back is a quorum; then all.
        begin = time.monotonic()
        third.start()
        progress(writers, "writes when a quorum is back")
        print(f"       20 more writes of each client {time.monotonic() - begin:.2f} s after the third was started")
        leader.start()
        follower.start()
        ensemble.wait_serving(5)
        progress(writers, "writes with all five again")
        for writer in writers:
            assert not writer.lost and writer.zk._session_id == writer.session, f"{writer.name} lost its session"
        reader = client(ensemble.connect)
        wait_for("the session of the dead client expires", lambda: reader.exists("/here/mortal") is None)
        reader.stop()
        reader.close()
        for writer in writers:
            writer.ending.set()
        for writer in writers:
            writer.join(30)
        ensemble.wait_equal_zxid()
        for server in ensemble.servers:
            nothing_lost(server, writers)
        for writer in writers:
            writer.stop()
        print(f"       {sum(len(w.acknowledged) for w in writers)} acknowledged writes")


def nothing_lost(server, writers):
    zk = client(server.address)
    zk.sync("/")
    assert sorted(zk.get_children("/here")) == sorted(w.name for w in writers), zk.get_children("/here")
    for writer in writers:
        assert zk.exists(writer.mine).ephemeralOwner == writer.session
        present = {f"/w-{writer.name}/{name}" for name in zk.get_children(f"/w-{writer.name}")}
        missing = sorted(set(writer.acknowledged) - present)
        assert not missing, f"server {server.sid}: {len(missing)} acknowledged are gone: {missing[:5]}"
    zk.stop()
    zk.close()


if __name__ == "__main__":
    run_tests([two_and_three_of_five])
