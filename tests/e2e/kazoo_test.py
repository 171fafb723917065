#!/usr/bin/python3
"""kazoo, unmodified, against a standalone server and an ensemble."""
import logging
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient, KazooState  # noqa: E402
from kazoo.exceptions import (BadVersionError, NodeExistsError, NoNodeError,  # noqa: E402
                              NotEmptyError, NoChildrenForEphemeralsError, ConnectionLoss,
                              OperationTimeoutError, BadArgumentsError, ConnectionClosedError)
from kazoo.retry import KazooRetry  # noqa: E402
from kazoo.protocol.states import EventType  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.


def client(hosts, timeout=4.0):
    c = KazooClient(hosts=hosts, timeout=timeout, randomize_hosts=False,
                    connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3))
    c.start(timeout=30)
    return c


def raises(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{error.__name__} expected from {call}{args}")


def slice_operations(c):
    """Every operation of the slice with its Stat rules and errors."""
    base = "/ops"
    assert c.create(base, b"root") == base
    assert c.create(base + "/a", b"one") == base + "/a"
    raises(NodeExistsError, c.create, base + "/a", b"")
    raises(NoNodeError, c.create, base + "/no/b", b"")
    data, stat = c.get(base + "/a")
    assert (data, stat.version, stat.dataLength, stat.numChildren) == (b"one", 0, 3, 0), stat
    assert stat.czxid == stat.mzxid == stat.pzxid and stat.ephemeralOwner == 0
    changed = c.set(base + "/a", b"two")
    assert changed.version == 1 and changed.mzxid > stat.mzxid and changed.czxid == stat.czxid
    raises(BadVersionError, c.set, base + "/a", b"x", version=0)
    assert c.set(base + "/a", b"three", version=1).version == 2
    assert c.get(base + "/a")[0] == b"three"
    assert c.exists(base + "/none") is None and c.exists(base + "/a").version == 2
    names = [c.create(base + "/s-", b"", sequence=True) for _ in range(3)]
    assert names == sorted(names) and len(set(names)) == 3
    assert [int(n[-10:]) for n in names] == [1, 2, 3], names
    e = c.create(base + "/e-", b"", ephemeral=True, sequence=True)
    assert c.exists(e).ephemeralOwner == c.client_id[0]
    raises(NoChildrenForEphemeralsError, c.create, e + "/x", b"")
    children, pstat = c.get_children(base, include_data=True)
    assert len(children) == 5 and pstat.numChildren == 5
    assert pstat.cversion == 5, pstat
    raises(NotEmptyError, c.delete, base)
    raises(BadVersionError, c.delete, base + "/a", version=7)
    c.delete(base + "/a", version=2)
    raises(NoNodeError, c.delete, base + "/a")
    raises(NoNodeError, c.get, base + "/a")
    assert c.exists(base).cversion == 6 and c.exists(base).numChildren == 4
    path, made = c.create(base + "/two", b"", include_data=True)
    assert path == base + "/two" and made.version == 0
    raises(BadArgumentsError, c.create, base + "/\x01bad", b"")
    big = b"x" * 1000000
    c.create(base + "/big", big)
    assert c.get(base + "/big")[0] == big
    c.sync(base)
    both = c.transaction()
    both.create(base + "/t1", b"1")
    both.set_data(base + "/t1", b"2")
    both.check(base + "/t1", 1)
    assert [type(r).__name__ for r in both.commit()] == ["str", "ZnodeStat", "bool"]
    none = c.transaction()
    none.create(base + "/t2", b"")
    none.check(base + "/t1", 7)
    assert [type(r).__name__ for r in none.commit()] == ["RolledBackError", "BadVersionError"]
    assert c.exists(base + "/t2") is None and c.get(base + "/t1")[0] == b"2"


def watch_kinds(c, other):
    """Each one-shot watch fires once, with the right type and path."""
    seen = []
    arrived = threading.Condition()

    def watch(event):
        with arrived:
            seen.append((event.type, event.path))
            arrived.notify_all()

    def expect(kind, path):
        with arrived:
            assert arrived.wait_for(lambda: (kind, path) in seen, 20), (kind, path, seen)
            seen.remove((kind, path))

    assert c.exists("/w", watch=watch) is None
    other.create("/w", b"")
    expect(EventType.CREATED, "/w")
    c.get("/w", watch=watch)
    other.set("/w", b"1")
    other.set("/w", b"2")
    expect(EventType.CHANGED, "/w")
    c.get_children("/w", watch=watch)
    other.create("/w/k", b"")
    expect(EventType.CHILD, "/w")
    c.get("/w/k", watch=watch)
    other.delete("/w/k")
    expect(EventType.DELETED, "/w/k")
    c.get_children("/w", watch=watch)
    other.delete("/w")
    expect(EventType.DELETED, "/w")
    assert not seen, seen


def standalone_operations():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        c = client(ensemble.connect)
        other = client(ensemble.connect)
        slice_operations(c)
        watch_kinds(c, other)
        for each in (c, other):
            each.stop()
            each.close()


def ensemble_operations_through_each_server():
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        for server in ensemble.servers:
            c = client(server.address)
            slice_operations(c)
            c.delete("/ops", recursive=True)
            c.stop()
            c.close()
        one, two = client(ensemble[1].address), client(ensemble[2].address)
        watch_kinds(one, two)
        one.stop()
        two.stop()


OWNER = """
import sys
from kazoo.client import KazooClient
c = KazooClient(hosts=sys.argv[1], timeout=2.0)
c.start(timeout=30)
c.create(sys.argv[2], b"", ephemeral=True)
print(c.client_id[0], flush=True)
sys.stdin.read()
"""


def ephemerals_go_with_their_expired_session():
    """The owner dies without a closeSession: its ephemeral lives on for a while, then it is gone."""
    for kinds in (["quorate"], ["quorate"] * 3):
        with Ensemble(kinds) as ensemble:
            ensemble.start()
            other = client(ensemble.servers[-1].address)
            owner = subprocess.Popen(["/usr/bin/python3", "-c", OWNER, ensemble[1].address, "/mine"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            session = int(owner.stdout.readline())
            other.sync("/mine")
            assert other.exists("/mine").ephemeralOwner == session
            gone = threading.Event()
            other.exists("/mine", watch=lambda event: gone.set())
            died = time.monotonic()
            owner.kill()
            owner.wait()
            assert gone.wait(30), "the ephemeral outlived its session"
            assert time.monotonic() - died >= 1.0, "expired before its timeout of 2 s less one ping"
            assert other.exists("/mine") is None
            other.stop()


def session_survives_a_reconnect():
    """The server a client uses is killed: the same session goes on elsewhere with its ephemerals, and
    kazoo's DataWatch sees what it missed. (Restored watches: c_client_test, kazoo does not use them.)"""
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        leader = ensemble.leader()
        follower = next(s for s in ensemble.servers if s is not leader)
        rest = [s for s in ensemble.servers if s is not follower]
        c = client(",".join([follower.address] + [s.address for s in rest]), timeout=10.0)
        other = client(leader.address, timeout=10.0)
        c.create("/watched", b"")
        c.create("/kept", b"", ephemeral=True)
        session = c.client_id[0]
        seen = []
        c.DataWatch("/watched", lambda data, stat: seen.append(data))
        follower.kill()
        other.set("/watched", b"while away")
        wait_for("the missed change is seen", lambda: b"while away" in seen)
        assert c.client_id[0] == session
        other.set("/watched", b"later")
        wait_for("the next change is seen", lambda: b"later" in seen)
        other.sync("/kept")
        assert other.exists("/kept").ephemeralOwner == session
        c.stop()
        other.stop()


def leader_killed_in_between():
    """Writes go on after the leader's death; no acknowledged one is missing; it can come back."""
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        c = client(ensemble.connect, timeout=10.0)
        session = c.client_id[0]
        c.create("/log", b"")
        acknowledged = []

        def write(n):
            while True:
                try:
                    acknowledged.append(c.create(f"/log/{n:05d}", b"%d" % n))
                    return
                except NodeExistsError:  # The lost reply was of a write that had happened.
                    acknowledged.append(f"/log/{n:05d}")
                    return
                except (ConnectionLoss, OperationTimeoutError, ConnectionClosedError):
                    wait_for("reconnected", lambda: c.connected)

        for n in range(100):
            write(n)
        killed = ensemble.leader().kill()
        for n in range(100, 200):
            write(n)
        assert c.client_id[0] == session, "the session was lost"
        killed.start()
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()
        for server in ensemble.servers:
            reader = client(server.address)
            reader.sync("/log")
            assert sorted("/log/" + n for n in reader.get_children("/log")) == sorted(acknowledged)
            reader.stop()
        c.stop()


def a_session_that_ended_is_refused():
    """Whoever comes back with a closed session is told that it is lost, and gets a new one."""
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        c = client(ensemble.connect)
        c.create("/gone", b"", ephemeral=True)
        ended = c.client_id
        c.stop()
        states = []
        late = KazooClient(hosts=ensemble.connect, client_id=ended, timeout=4.0)
        late.add_listener(states.append)
        late.start(timeout=20)
        wait_for("connected with a new session", lambda: late.connected)
        assert late.client_id[0] != ended[0] and late.exists("/gone") is None
        late.stop()


if __name__ == "__main__":
    run_tests([standalone_operations, ensemble_operations_through_each_server,
               ephemerals_go_with_their_expired_session, session_survives_a_reconnect,
               leader_killed_in_between, a_session_that_ended_is_refused])
