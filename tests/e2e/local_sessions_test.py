#!/usr/bin/python3
"""localSessionsEnabled and localSessionsUpgradingEnabled: the same conversations with three Quorate servers and
with three of Debian's ZooKeeper 3.8.0, answer for answer; ensembles of both kinds; kazoo."""
import logging
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.

CREATE, GET, SET, SYNC, MULTI, CREATE2, CONTAINER, EPHEMERALS, CLOSE = 1, 4, 5, 9, 14, 15, 19, 103, -11
PERSISTENT, EPHEMERAL, SEQUENTIAL = 0, 1, 2
EXPIRED, ON_LOCAL = -112, -120


# ---- A client that shows every answer as it is -----------------------------------------------------------
def text(value):
    return struct.pack(">i", len(value)) + value.encode()


ANYBODY = struct.pack(">ii", 1, 31) + text("world") + text("anyone")


def create(path, flags=PERSISTENT):
    return text(path) + text("x") + ANYBODY + struct.pack(">i", flags)


def multi(*creates):
    ops = [struct.pack(">i?i", CREATE, False, -1) + one for one in creates]
    return b"".join(ops) + struct.pack(">i?i", -1, True, -1)


def multi_codes(body):
    """Of the parts of a refused multi."""
    return [struct.unpack(">i", body[at + 9:at + 13])[0] for at in range(0, len(body) - 9, 13)]


class Session:
    """One connection: a new session, or that of another connection taken up. `granted` is False when the server
    says that the session is over, None when it closes without a byte."""

    def __init__(self, server, of=None, timeout=10000, read_only=False):
        self.xid = 0
        self.sock = socket.create_connection(("127.0.0.1", server.client_port), timeout=20)
        self.id, self.password = (of.id, of.password) if of else (0, bytes(16))
        body = struct.pack(">iqiqi", 0, 0, timeout, self.id, 16) + self.password + struct.pack(">?", read_only)
        self.sock.sendall(struct.pack(">i", len(body)) + body)
        answer = self.frame()
        self.granted = None
        if answer is not None:
            _, self.timeout, self.id = struct.unpack(">iiq", answer[:16])
            self.password, self.granted = answer[20:36], self.timeout > 0

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.sock.recv(count - len(data))
            except ConnectionError:
                part = b""
            if not part:
                return None
            data += part
        return data

    def frame(self):
        """None when the connection has been closed."""
        size = self.read(4)
        return size and self.read(struct.unpack(">i", size)[0])

    def ask(self, op, body=b""):
        """(zxid, code, body), or None when the connection is closed instead."""
        self.xid += 1
        self.sock.sendall(struct.pack(">iii", 8 + len(body), self.xid, op) + body)
        answer = self.frame()
        if answer is None:
            return None
        xid, zxid, code = struct.unpack(">iqi", answer[:16])
        assert xid == self.xid, (xid, self.xid)
        return zxid, code, answer[16:]

    def end(self):
        self.sock.close()


def figures(server):
    return dict(line.split("\t", 1) for line in four_letter(server.client_port, "mntr").splitlines() if "\t" in line)


def counts(server):
    rows = figures(server)
    return rows["zk_local_sessions"], rows["zk_global_sessions"]


# ---- The conversation -----------------------------------------------------------------------------------------
def conversation(home, elsewhere, upgrading):
    """Everything that a local session at `home` is told, codes and how far the zxid went, as {what: answer}."""
    told, last = {}, [0]

    def note(what, answer):
        if answer is not None:
            zxid, code, _ = answer
            answer, last[0] = (code, zxid - last[0]), zxid
        told[what] = answer

    base = "/n" + home.kind[0]
    one = Session(home)
    last[0] = one.ask(CREATE, create(base))[0]
    told["sessions while local"] = counts(home)
    told["id of its server"] = one.id >> 56 == home.sid
    note("setData", one.ask(SET, text(base) + text("y") + struct.pack(">i", -1)))
    note("getData", one.ask(GET, text(base) + b"\0"))
    note("sync", one.ask(SYNC, text(base)))
    note("a container", one.ask(CONTAINER, create(base + "/c")))
    note("a container that is ephemeral", one.ask(CONTAINER, create(base + "/f", EPHEMERAL)))
    note("flags that are none", one.ask(CREATE, create(base + "/g", 9)))
    note("multi", one.ask(MULTI, multi(create(base + "/m"))))
    answer = one.ask(MULTI, multi(create(base + "/p"), create(base + "/q", EPHEMERAL), create(base + "/r")))
    note("multi with an ephemeral", answer)
    told["its parts"] = None if upgrading else multi_codes(answer[2])
    note("ephemeral without parent", one.ask(CREATE, create("/none/e", EPHEMERAL)))
    note("ephemeral that exists", one.ask(CREATE, create(base, EPHEMERAL)))
    note("ephemeral", one.ask(CREATE, create(base + "/e", EPHEMERAL)))
    note("sequential ephemeral", one.ask(CREATE2, create(base + "/s", EPHEMERAL | SEQUENTIAL)))
    note("own nodes", one.ask(EPHEMERALS, text("/")))
    told["sessions after that"] = counts(home)

    two = Session(home)
    note("another creates", two.ask(CREATE, create(base + "/other")))
    told["taken up elsewhere"] = Session(elsewhere, two).granted
    note("still at home", two.ask(GET, text(base) + b"\0"))
    two.end()
    two = Session(home, two)
    told["taken up at home"] = two.granted
    note("close", two.ask(CLOSE))
    told["closed"] = two.frame()
    told["taken up after the close"] = Session(home, two).granted

    moved = Session(elsewhere, one)
    told["the first elsewhere"] = moved.granted
    note("the first at its old place", one.ask(CREATE, create(base + "/old")))
    if moved.granted:
        note("closed where it is", moved.ask(CLOSE))
        wait_for("its nodes are gone", lambda: figures(home)["zk_ephemerals_count"] == "0")

    short = Session(home, timeout=1000)
    told["timeout"] = short.timeout
    begin = time.monotonic()
    told["silence"] = short.frame()
    assert 0.9 < time.monotonic() - begin < 10, "one second and up to a tick"
    told["taken up after its time"] = Session(home, short).granted
    note("all that is in the log since", Session(home).ask(CREATE, create(base + "/end")))
    return told


def spoken_at_both(kind, upgrading):
    settings = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": str(upgrading).lower()}
    with Ensemble([kind] * 3, settings) as ensemble:
        leader = ensemble.start().wait_serving()
        followers = [s for s in ensemble.servers if s is not leader]
        at_leader = conversation(leader, followers[0], upgrading)
        clean = Session(followers[1])
        assert clean.ask(SYNC, text("/"))[1] == 0
        for path in sorted(nodes_below(clean, "/n" + kind[0]), key=len, reverse=True):
            assert clean.ask(2, text(path) + struct.pack(">i", -1))[1] == 0, path
        ensemble.wait_equal_zxid()
        return at_leader, conversation(followers[0], followers[1], upgrading)


def nodes_below(session, path):
    """With `path` itself."""
    _, code, body = session.ask(8, text(path) + b"\0")
    assert code == 0, (path, code)
    count, at, found = struct.unpack(">i", body[:4])[0], 4, [path]
    for _ in range(count):
        size = struct.unpack(">i", body[at:at + 4])[0]
        found += nodes_below(session, path + "/" + body[at + 4:at + 4 + size].decode())
        at += 4 + size
    return found


def compare(upgrading):
    ours, theirs = (spoken_at_both(kind, upgrading) for kind in ("quorate", "zookeeper"))
    for where, mine, other in zip(("leader", "follower"), ours, theirs):
        if not upgrading:
            assert mine["its parts"] == [0, ON_LOCAL, -2], mine["its parts"]
            # ZooKeeper's follower passes on what the leader calls it; alone the same create has the other code.
            assert other["its parts"] == [0, ON_LOCAL if where == "leader" else EXPIRED, -2], other["its parts"]
            del mine["its parts"], other["its parts"]
        differences = {what: (mine.get(what, "nothing"), other.get(what, "nothing"))
                       for what in {**mine, **other} if mine.get(what, "nothing") != other.get(what, "nothing")}
        assert not differences, f"at the {where}, (ours, theirs): {differences}"
    return ours


def refused_by_its_name():
    for told in compare(upgrading=False):
        assert told["ephemeral"] == (ON_LOCAL, 1) and told["ephemeral without parent"] == (ON_LOCAL, 1), told
        assert told["sessions while local"] == told["sessions after that"] == ("1", "0"), told
        assert told["taken up elsewhere"] is False and told["taken up at home"] is True, told


def brought_to_the_ensemble():
    for told in compare(upgrading=True):
        # The multi is the first that needs it: one record more.
        assert told["multi"] == (0, 1) and told["multi with an ephemeral"] == (0, 2), told
        assert told["ephemeral"] == (0, 1), told
        assert told["sessions while local"] == ("1", "0") and told["sessions after that"] == ("0", "1"), told
        assert told["the first elsewhere"] is True and told["the first at its old place"] is None, told


# ---- Both kinds in one ensemble -----------------------------------------------------------------------------
def of_either_kind():
    """A Quorate follower under a ZooKeeper leader, and the other way round."""
    settings = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
    led_by = set()
    with Ensemble(["quorate", "zookeeper", "quorate"], settings) as ensemble:
        # The first two lead an ensemble of two; of equals the greater id: ZooKeeper's.
        for server in ensemble.servers[:2]:
            server.start()
        ensemble.wait_serving()
        ensemble[3].start()
        ensemble.wait_serving()
        for turn in range(2):
            leader = ensemble.wait_serving()
            led_by.add(leader.kind)
            for server in ensemble.servers:
                path = f"/t{turn}-{server.sid}"
                session = Session(server)
                assert session.ask(CREATE, create(path))[1] == 0
                assert counts(server)[0] == "1", counts(server)
                assert session.ask(CREATE, create(path + "/e", EPHEMERAL))[1] == 0
                assert session.ask(MULTI, multi(create(path + "/f", EPHEMERAL)))[1] == 0
                assert counts(server) == ("0", "1"), (server.kind, counts(server))
                other = ensemble.servers[server.sid % 3]
                ensemble.wait_equal_zxid()
                moved = Session(other, session)
                assert moved.granted, (server.kind, other.kind, leader.kind)
                assert moved.ask(CLOSE)[1] == 0
                lone = Session(server)
                assert lone.ask(CREATE, create(path + "/l"))[1] == 0
                assert Session(other, lone).granted is False
                assert lone.ask(CLOSE)[1] == 0
                wait_for("no session is left", lambda: counts(server) == ("0", "0"))
                ensemble.wait_equal_zxid()
            if turn == 0:  # The other kind's turn: ZooKeeper follows whoever is elected without it.
                leader.kill()
                ensemble.wait_serving(2)
                leader.start()
                ensemble.wait_serving()
    assert led_by == {"quorate", "zookeeper"}, led_by


# ---- A client that knows nothing of all this ----------------------------------------------------------------
def kazoo_and_its_recipes():
    settings = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
    with Ensemble(["quorate"] * 3, settings) as ensemble:
        ensemble.start()
        clients = [KazooClient(hosts=s.address, timeout=4.0,
                               connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3))
                   for s in ensemble.servers]
        for zk in clients:
            zk.start(timeout=60)
        clients[0].create("/first")
        before = ensemble[1].zxid()
        clients += [KazooClient(hosts=ensemble[3].address)]
        clients[3].start(timeout=60)
        clients[3].stop()
        assert [counts(s) for s in ensemble.servers] == [("1", "0")] * 3
        clients[0].create("/data", b"x")
        assert ensemble[1].zxid() == before + 1, "a session more and less, and one record in the log"
        changes = []
        clients[1].sync("/data")
        clients[1].get("/data", watch=changes.append)
        clients[2].set("/data", b"y")
        wait_for("the watch", lambda: changes)
        with clients[0].Lock("/lock", "a"):
            assert not clients[1].Lock("/lock", "b").acquire(blocking=False)
        ensemble.wait_equal_zxid()
        assert counts(ensemble[1])[0] == counts(ensemble[2])[0] == "0", "who wants a lock has to be known"
        assert counts(ensemble[3])[0] == "1"
        clients[0].create("/data/e", b"", ephemeral=True)
        clients[0].stop()
        clients[1].sync("/data")
        assert clients[1].exists("/data/e") is None
        # Read by nobody but its own server: gone with its silence, and no record tells of it.
        quiet = Session(ensemble[3], timeout=1000)
        assert counts(ensemble[3])[0] == "2"
        zxid = ensemble[3].zxid()
        assert quiet.frame() is None and ensemble[3].zxid() == zxid
        for zk in clients[1:3]:
            zk.stop()
        for zk in clients:
            zk.close()


if __name__ == "__main__":
    run_tests([refused_by_its_name, brought_to_the_ensemble, of_either_kind, kazoo_and_its_recipes])
