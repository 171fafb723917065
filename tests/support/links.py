"""Three servers whose links are protected: what the tests of TLS and of SASL between servers share."""
import logging
import socket
import threading
import time

import ensemble as support
from ensemble import wait_for

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.retry import KazooRetry

logging.getLogger("kazoo").setLevel(logging.CRITICAL)


def zookeeper_speaks_tls():
    """It looks at the first bytes of a link by a class of Netty's."""
    jars = "".join(f":/usr/share/java/netty-{jar}.jar" for jar in ("all", "codec", "resolver"))
    if jars not in support.ZOOKEEPER_CLASSPATH:
        support.ZOOKEEPER_CLASSPATH += jars


def configure(server, lines):
    """Sets lines of the configuration for the next start."""
    kept = [line for line in server.config.read_text().splitlines() if line.split("=", 1)[0] not in lines]
    kept += [f"{key}={value}" for key, value in lines.items()]
    server.config.write_text("\n".join(kept) + "\n")


def ports_of(server):
    """(quorum port, election port)"""
    line = next(line for line in server.config.read_text().splitlines() if line.startswith(f"server.{server.sid}="))
    return tuple(int(part) for part in line.split(":")[1:3])


def client(hosts):
    c = KazooClient(hosts=hosts, timeout=10,
                    connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2))
    c.start(timeout=30)
    return c


def writes_reach_all(ensemble, mark):
    servers = [s for s in ensemble.servers if s.alive]
    clients = [client(s.address) for s in servers]
    big = mark.encode() * (400000 // len(mark))  # Many TLS records, and more than the kernel takes at once.
    for number, c in enumerate(clients):
        c.create(f"/{mark}-{number}", big)
        for other in clients:
            other.sync("/")
            assert other.get(f"/{mark}-{number}")[0] == big
    for c in clients:
        c.stop()
        c.close()
    ensemble.wait_equal_zxid()


def logged(server, *words):
    return [line for line in server.log.read_text(errors="replace").splitlines() if all(w in line for w in words)]


def ended(sock):
    """Whether the other side closes; False when it is still open after a while."""
    try:
        while sock.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def comes_back_beside_silence(ensemble):
    """Silent connections to server 1 by the hundred: whoever belongs there comes in all the same."""
    silent = [socket.create_connection(("127.0.0.1", port)) for port in ports_of(ensemble[1]) for _ in range(100)]
    ensemble[3].kill()
    ensemble.wait_serving(count=2)
    ensemble[3].start()
    ensemble.wait_serving()
    for sock in silent:
        sock.close()
    writes_reach_all(ensemble, "again")


class Writer(threading.Thread):
    """Writes until told to stop, and remembers what was acknowledged."""

    def __init__(self, hosts):
        super().__init__(daemon=True)
        self.client, self.made, self.ended = client(hosts), [], threading.Event()
        self.longest_gap = 0.0
        self.start()

    def run(self):
        last = time.monotonic()
        for number in range(1 << 30):
            if self.ended.is_set():
                return
            try:
                self.client.create(f"/move-{number}", b"")
                self.made.append(f"move-{number}")
                self.longest_gap = max(self.longest_gap, time.monotonic() - last)
                last = time.monotonic()
            except KazooException:
                self.ended.wait(0.02)  # No server to try for a moment.

    def finish(self):
        """Ends it; nothing that was acknowledged may be missing. What was written, in words."""
        self.ended.set()
        self.join(10)
        self.client.sync("/")
        lost = set(self.made) - set(self.client.get_children("/"))
        assert not lost, sorted(lost)
        self.client.stop()
        return f"{len(self.made)} writes, longest gap {1000 * self.longest_gap:.0f} ms"


def restart_each(ensemble, writer, change):
    """A rolling restart beside a writer: `change(server)` comes before each; the others always serve."""
    for server in ensemble.servers:
        change(server)
        assert server.stop() == 0
        ensemble.wait_serving(count=2)
        before = len(writer.made)
        wait_for("writes beside the restart", lambda: len(writer.made) > before)
        server.start()
        ensemble.wait_serving()


def lead_with(ensemble, sid):
    """Starts all; the server of the largest id leads, which may take a second election."""
    ensemble.start()
    leader = ensemble.wait_serving()
    if leader.sid != sid:  # Another one won the first round.
        leader.kill()
        ensemble.wait_serving(count=2)
        leader.start()
        ensemble.wait_serving()
    assert ensemble[sid].mode() == "leader", ensemble.describe()


def led_by_either_kind(ensemble, what):
    """Servers 1 and 2 are ours, 3 is ZooKeeper's: it leads, then one of ours does."""
    lead_with(ensemble, 3)
    writes_reach_all(ensemble, what + "-zookeeper-leads")
    ensemble[3].kill()
    assert ensemble.wait_serving(count=2).kind == "quorate"
    c = client(ensemble[1].address)
    c.create("/while-away", b"")
    c.stop()
    ensemble[3].start()
    assert ensemble.wait_serving().kind == "quorate"
    writes_reach_all(ensemble, what + "-quorate-leads")
