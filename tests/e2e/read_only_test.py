#!/usr/bin/python3
"""What a server has for clients beside the usual: read-only mode while there is no quorum, a leader that takes
no clients, and reads that are linearizable on every server."""
import logging
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import ZOOKEEPER_CLASSPATH, Ensemble, four_letter, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NotReadOnlyCallError  # noqa: E402
from kazoo.protocol.states import KeeperState  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.


def client(hosts, **more):
    zk = KazooClient(hosts=hosts, timeout=10.0,
                     connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2), **more)
    zk.start(timeout=60)
    return zk


def end(zk):
    zk.stop()
    zk.close()


def granted(port, read_only, session=(0, bytes(16))):
    """Id and password of the session that a server gives, id 0 for a refusal; None: it closes without a byte.
    `read_only` None: the byte is left out. `session`: the one to be taken up."""
    flag = b"" if read_only is None else struct.pack(">?", read_only)
    body = struct.pack(">iqiqi", 0, 0, 10000, session[0], 16) + session[1] + flag
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(struct.pack(">i", len(body)) + body)
            answer = sock.recv(100)
    except ConnectionError:
        return None
    return (struct.unpack(">q", answer[12:20])[0], answer[24:40]) if answer else None


def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except NotReadOnlyCallError:
        return
    raise AssertionError("NotReadOnly expected")


def java_reads(server):
    """ZooKeeper's own command line with -r."""
    done = subprocess.run(["java", "-Dlog4j.configuration=none", "-cp",
                           ZOOKEEPER_CLASSPATH + ":/usr/share/java/zookeeper-jute.jar:/usr/share/java/commons-cli.jar",
                           "org.apache.zookeeper.ZooKeeperMain", "-server", server.address, "-r", "get", "/a"],
                          capture_output=True, text=True, timeout=60)
    assert "before" in done.stdout.splitlines(), done.stdout + done.stderr


def two_of_three_are_gone():
    with Ensemble(["quorate"] * 3, {"readonlymode.enabled": "true"}) as ensemble:
        leader = ensemble.start().wait_serving()
        left = next(s for s in ensemble.servers if s is not leader)
        writer = client(ensemble.connect)
        writer.create("/a", b"before")
        held = client(left.address, read_only=True)
        session = held.client_id
        assert held.client_state == KeeperState.CONNECTED, "a server that serves is not read-only"
        ensemble.wait_equal_zxid()
        gone = [s for s in ensemble.servers if s is not left]
        begin = time.monotonic()
        for server in gone:
            server.kill()
        wait_for("read-only mode", lambda: left.mode() == "read-only")
        print(f"       read-only {time.monotonic() - begin:.1f} s after two of three were killed")
        assert time.monotonic() - begin > 1.9, "ZooKeeper waits two seconds"

        assert four_letter(left.client_port, "isro") == "ro"
        words = four_letter(left.client_port, "srvr")
        assert "READ-ONLY mode; serving only read-only clients\n" in words, words
        assert "zk_server_state\tread-only\n" in four_letter(left.client_port, "mntr")
        assert granted(left.client_port, read_only=False) is None
        assert granted(left.client_port, read_only=None) is None
        assert granted(left.client_port, read_only=True)[0] != 0
        assert granted(left.client_port, read_only=True, session=session) is None

        reader = client(left.address, read_only=True)
        assert reader.client_state == KeeperState.CONNECTED_RO
        events = []
        data, stat = reader.get("/a", watch=events.append)
        assert data == b"before" and stat.version == 0
        assert reader.exists("/none") is None
        assert "a" in reader.get_children("/")
        refused(reader.create, "/b", b"")
        refused(reader.set, "/a", b"changed")
        refused(reader.delete, "/a")
        refused(reader.sync, "/a")
        assert reader.get("/a")[0] == b"before"
        java_reads(left)
        local = reader.client_id[0]
        before = left.zxid()

        for server in gone:
            server.start()
        ensemble.wait_serving()
        wait_for("the reader has a session of the ensemble",
                 lambda: reader.client_state == KeeperState.CONNECTED and reader.client_id[0] != local)
        reader.create("/b", b"after")
        wait_for("the client that was there before is back", lambda: held.client_state == KeeperState.CONNECTED)
        assert held.client_id == session, "its session is one of the ensemble: it waits, as itself"
        held.sync("/b")
        assert held.get("/b")[0] == b"after"
        wait_for("the writer is back", lambda: writer.client_state == KeeperState.CONNECTED)
        writer.set("/a", b"changed")
        assert left.zxid() > before
        ensemble.wait_equal_zxid()
        for server in ensemble.servers:
            assert four_letter(server.client_port, "isro") == "rw"
        for zk in (reader, held, writer):
            end(zk)


def one_is_left(kind, settings, before=lambda ensemble, left: None):
    """Three servers, of which two are killed; what `before` returns, and the one in read-only mode."""
    ensemble = Ensemble([kind] * 3, {"readonlymode.enabled": "true", **settings})
    for server in ensemble.servers:
        server.jvm_options = ["-Dreadonlymode.enabled=true"]  # ZooKeeper reads no other.
    leader = ensemble.start().wait_serving()
    left = next(s for s in ensemble.servers if s is not leader)
    done = before(ensemble, left)
    for server in ensemble.servers:
        if server is not left:
            server.kill()
    wait_for("read-only mode", lambda: four_letter(left.client_port, "isro") == "ro")
    return ensemble, left, done


def what_a_session_is_worth_without_a_quorum():
    """To ZooKeeper 3.8.0 and to us: nothing, if it is one of the ensemble; local ones of this server are worth
    more to us."""
    def one_session(ensemble, left):
        return granted(left.client_port, read_only=True)  # Its connection ends without a farewell.

    def one_in_the_log(ensemble, left):
        session = one_session(ensemble, left)
        ensemble.wait_equal_zxid()
        return session

    for kind in ("quorate", "zookeeper"):
        ensemble, left, session = one_is_left(kind, {}, one_in_the_log)
        with ensemble:
            assert granted(left.client_port, read_only=True, session=session) is None, kind
    # ZooKeeper says here that it is over: whoever comes back needs another one.
    ensemble, left, session = one_is_left("quorate", {"localSessionsEnabled": "true"}, one_session)
    with ensemble:
        assert granted(left.client_port, read_only=True, session=session)[0] == session[0]


def before_anything_was_written():
    for kind in ("quorate", "zookeeper"):
        ensemble, left, _ = one_is_left(kind, {"localSessionsEnabled": "true"})
        with ensemble:
            assert left.zxid() == 0, (kind, left.zxid())
            zk = client(left.address, read_only=True)
            assert zk.client_state == KeeperState.CONNECTED_RO and zk.get_children("/") == ["zookeeper"]
            refused(zk.create, "/b", b"")
            end(zk)


def a_leader_without_clients():
    with Ensemble(["quorate"] * 3, {"leaderServes": "no"}) as ensemble:
        ensemble.start(serving=False)
        followers = wait_for("two followers", lambda: [s for s in ensemble.servers if s.mode() == "follower"][1:]
                             and [s for s in ensemble.servers if s.mode() == "follower"])
        leader = next(s for s in ensemble.servers if s not in followers)
        assert granted(leader.client_port, read_only=False) is None
        assert "not currently serving requests" in four_letter(leader.client_port, "srvr")
        assert four_letter(leader.client_port, "isro") == "null"
        zk = client(ensemble.connect)
        zk.create("/a", b"")
        assert zk.exists("/a")
        end(zk)


def a_read_shows_what_was_acknowledged_anywhere():
    with Ensemble(["quorate"] * 3, {"linearizableReads": "true"}) as ensemble:
        leader = ensemble.start().wait_serving()
        clients = [client(s.address) for s in ensemble.servers]
        clients[0].create("/n", b"")
        for n in range(300):
            value = str(n).encode()
            clients[n % 3].set("/n", value)
            seen = [(c.get("/n")[0], c.exists("/n").version) for c in clients]
            assert seen == [(value, n + 1)] * 3, (n, seen)

        # A leader that reaches nobody cannot tell whether it leads still, and does not answer.
        own = clients[ensemble.servers.index(leader)]
        others = [s for s in ensemble.servers if s is not leader]
        for server in others:
            server.process.send_signal(signal.SIGSTOP)
        read = own.get_async("/n")
        read.wait(0.5)  # A quarter of syncLimit.
        early = read.ready()
        for server in others:
            server.process.send_signal(signal.SIGCONT)
        assert not early, "a read was answered without a quorum"
        assert read.get(timeout=10)[0] == b"299"
        for zk in clients:
            end(zk)


if __name__ == "__main__":
    run_tests([two_of_three_are_gone, what_a_session_is_worth_without_a_quorum, before_anything_was_written,
               a_leader_without_clients, a_read_shows_what_was_acknowledged_anywhere])
