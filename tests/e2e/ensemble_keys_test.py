#!/usr/bin/python3
"""Keys of zoo.cfg that show only between servers or under load, each by an effect that can be seen from
outside, beside a run with another value where that effect is absent."""
import logging
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, four_letter, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)
FOR_EVER = {"initLimit": 200, "syncLimit": 200}


def frame(body):
    return struct.pack(">i", len(body)) + body


def receive(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


def session(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(frame(struct.pack(">iqiqi", 0, 0, 60000, 0, 16) + bytes(16) + b"\0"))
    receive(sock, struct.unpack(">i", receive(sock, 4))[0])
    return sock


def set_data(xid, size):
    return frame(struct.pack(">iii", xid, 5, 1) + b"/" + struct.pack(">i", size) + b"x" * size +
                 struct.pack(">i", -1))


def client(server):
    zk = KazooClient(hosts=server.address, timeout=30)
    zk.start(timeout=30)
    return zk


def metric(server, name):
    for line in four_letter(server.client_port, "mntr").splitlines():
        if line.startswith(f"zk_{name}\t"):
            return int(float(line.split("\t")[1]))
    return None


def settled(read):
    """The value of read() once it has stayed the same for a while."""
    last = [None, 0.0]

    def same():
        now = read()
        if now != last[0]:
            last[:] = [now, time.monotonic()]
        return now is not None and time.monotonic() - last[1] > 0.7
    wait_for("a value that stays", same)
    return last[0]


def requests_in_work():
    """globalOutstandingLimit: above it busy connections are not read; then all is answered."""
    in_work = {}
    count = 40
    for limit in (40, 4000):
        with Ensemble(["quorate"] * 3, {**FOR_EVER, "globalOutstandingLimit": limit}).start() as ensemble:
            leader = ensemble.leader()
            clients = [session(leader.client_port) for _ in range(4)]
            others = [server for server in ensemble.servers if server is not leader]
            for server in others:  # So no write is committed.
                server.process.send_signal(signal.SIGSTOP)
            for sock in clients:
                sock.sendall(b"".join(set_data(xid, 16000) for xid in range(1, count + 1)))
            in_work[limit] = settled(lambda: metric(leader, "outstanding_requests"))
            for server in others:
                server.process.send_signal(signal.SIGCONT)
            for sock in clients:
                for xid in range(1, count + 1):
                    body = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
                    assert struct.unpack(">iqi", body[:16])[0::2] == (xid, 0), body
                sock.close()
    # Divided among the followers, as in ZooKeeper. What one read of a socket brings is taken whole.
    assert 20 <= in_work[40] <= 20 + 4 * 5, in_work
    assert in_work[4000] == 4 * count, in_work


def unread_bytes_of_a_server():
    """quorum.outBytesMax: a server that reads no more is dropped above it, and comes back."""
    for limit, dropped in ((1 << 20, True), (256 << 20, False)):
        with Ensemble(["quorate"] * 3, {**FOR_EVER, "quorum.outBytesMax": limit}).start() as ensemble:
            leader = ensemble.leader()
            zk = client(leader)
            zk.create("/big", b"")
            wait_for("both followers", lambda: metric(leader, "synced_followers") == 2)
            stopped = next(server for server in ensemble.servers if server is not leader)
            stopped.process.send_signal(signal.SIGSTOP)
            for _ in range(40):  # The kernel takes some millions of bytes by itself.
                zk.set("/big", b"x" * 500000)
            if dropped:
                wait_for("the link is closed", lambda: metric(leader, "synced_followers") == 1)
            else:
                assert metric(leader, "synced_followers") == 2
            stopped.process.send_signal(signal.SIGCONT)
            ensemble.wait_equal_zxid()
            wait_for("both followers again", lambda: metric(leader, "synced_followers") == 2)
            zk.stop()


def role_in_the_member_line():
    """peerType: the member line wins, which is said; a word that is no role is refused."""
    with Ensemble(["quorate"] * 3, {"peerType": "observer"}).start() as ensemble:
        assert sorted(server.mode() for server in ensemble.servers) == ["follower", "follower", "leader"]
        for server in ensemble.servers:
            assert "peerType=observer: the server.N line wins" in server.log.read_text()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-keys-"))
    (folder / "zoo.cfg").write_text(f"dataDir={folder}\nclientPort=1\npeerType=leader\n")
    done = subprocess.run([BIN / "quorate-server", folder / "zoo.cfg"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and ":3: peerType:" in done.stderr, done


class DeafPort:
    """A port on which nobody takes a connection, so that opening one to it hangs."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.held = []
        while self.attempts() == set():
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            self.held.append(sock)
        self.own = self.attempts()

    def attempts(self):
        """Local ports of connections that are being opened."""
        out = subprocess.run(["ss", "-Htn", "state", "syn-sent", f"dport = :{self.port}"],
                             capture_output=True, text=True, check=True).stdout
        return {line.split()[2] for line in out.splitlines()}

    def close(self):
        for sock in [self.listener, *self.held]:
            sock.close()


def connections_that_do_not_open():
    """cnxTimeout: how long one attempt may take."""
    for limit, several in ((150, True), (60000, False)):
        deaf = DeafPort()
        with Ensemble(["quorate"] * 2, {"cnxTimeout": limit}) as ensemble:
            server = ensemble[1]
            text = server.config.read_text()
            quorum = re.search(r"server\.2=127\.0\.0\.1:(\d+)", text).group(1)
            server.config.write_text(re.sub(r"server\.2=.*", f"server.2=127.0.0.1:{quorum}:{deaf.port}", text))
            server.start()
            seen = set()

            def tries(count):
                seen.update(deaf.attempts() - deaf.own)
                return len(seen) >= count
            wait_for("an attempt", lambda: tries(1))
            if several:
                wait_for("attempts one after the other", lambda: tries(3))
            else:
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    assert not tries(2), "given up before its time"
        deaf.close()


def servers_that_do_not_say_who_they_are():
    """quorumCnxnTimeoutMs: how long they may be silent on either port."""
    for limit, closed in ((300, True), (60000, False)):
        with Ensemble(["quorate"] * 3, {"quorumCnxnTimeoutMs": limit}).start() as ensemble:
            leader = ensemble.leader()
            line = re.search(rf"server\.{leader.sid}=127\.0\.0\.1:(\d+):(\d+)", leader.config.read_text())
            for port in (int(line.group(1)), int(line.group(2))):
                with socket.create_connection(("127.0.0.1", port), timeout=20 if closed else 1.5) as sock:
                    try:
                        ended = sock.recv(1) == b""
                    except ConnectionError:
                        ended = True
                    except TimeoutError:
                        ended = False
                    assert ended == closed, (limit, port)


def probed_streams():
    """tcpKeepAlive: both ends of every stream between election ports, and no other link."""
    for value in ("true", "false"):
        with Ensemble(["quorate"] * 3, {"tcpKeepAlive": value}).start() as ensemble:
            text = ensemble[1].config.read_text()
            for place, port in enumerate(("quorum", "election")):
                ports = [line.split(":")[1 + place] for line in re.findall(r"server\.\d=.*", text)]
                ends = " or ".join(f"sport = :{p} or dport = :{p}" for p in ports)

                def at_rest():
                    found[:] = subprocess.run(["ss", "-Hnto", "state", "established", ends],
                                              capture_output=True, text=True, check=True).stdout.splitlines()
                    return not any("timer:(on" in line for line in found)

                # The timer of what is not acknowledged yet is shown in the place of the other.
                found = []
                wait_for(f"the {port} links at rest", at_rest)
                # Three pairs have a stream each; two learners have a link each.
                assert len(found) == (6 if port == "election" else 4), found
                probed = sum("timer:(keepalive" in line for line in found)
                assert probed == (6 if (value, port) == ("true", "election") else 0), (port, found)


def records_kept_for_followers():
    """commitLogCount: within it who comes back gets the records, beyond it the tree."""
    for count, kind in ((1000, "DIFF"), (10, "SNAP")):
        with Ensemble(["quorate"] * 3, {"commitLogCount": count}).start() as ensemble:
            leader = ensemble.leader()
            away = next(server for server in ensemble.servers if server is not leader)
            zk = client(leader)
            away.kill()
            for i in range(100):
                zk.create(f"/{i}", b"x" * 100)
            before = len(leader.log.read_text())
            away.start()
            ensemble.wait_serving()
            ensemble.wait_equal_zxid()
            said = [line for line in leader.log.read_text()[before:].splitlines() if "learner-syncing" in line]
            assert said and all(kind in line for line in said), said
            zk.stop()


if __name__ == "__main__":
    run_tests([requests_in_work, unread_bytes_of_a_server, role_in_the_member_line, connections_that_do_not_open,
               servers_that_do_not_say_who_they_are, probed_streams, records_kept_for_followers])
