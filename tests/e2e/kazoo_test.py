#!/usr/bin/python3
"""kazoo, unmodified, against a standalone server and an ensemble."""
import logging
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402
from frames import raises  # noqa: E402

from kazoo.client import KazooClient, KazooState  # noqa: E402
from kazoo.exceptions import (BadVersionError, NodeExistsError, NoNodeError,  # noqa: E402
                              NotEmptyError, NoChildrenForEphemeralsError, ConnectionLoss,
                              OperationTimeoutError, BadArgumentsError, ConnectionClosedError,
                              InvalidACLError, NoAuthError)
from kazoo.retry import KazooRetry  # noqa: E402
from kazoo.protocol.states import EventType  # noqa: E402
from kazoo.security import ACL, CREATOR_ALL_ACL, Id, make_acl, make_digest_acl  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.


def client(hosts, timeout=4.0):
    c = KazooClient(hosts=hosts, timeout=timeout, randomize_hosts=False,
                    connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3))
    c.start(timeout=30)
    return c


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


def transactions_are_all_or_nothing():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        c = client(ensemble.connect)
        c.create("/t", b"")
        first = c.transaction()
        first.create("/t/a", b"1")
        first.create("/t/s-", b"", sequence=True)
        first.create("/t/e", b"", ephemeral=True)
        first.set_data("/t/a", b"2", version=0)
        first.check("/t/a", 1)
        first.create("/t/a/b", b"")
        first.delete("/t/a/b", version=0)
        made = first.commit()
        assert made[:3] == ["/t/a", "/t/s-0000000001", "/t/e"], made
        assert made[3].version == 1 and made[4:] == [True, "/t/a/b", True], made
        stat = c.exists("/t/a")
        assert stat.czxid == stat.mzxid == c.exists("/t/e").czxid, "one transaction has one zxid"
        assert c.exists("/t/e").ephemeralOwner == c.client_id[0]
        # What stands before the failure is undone, what follows it was never looked at.
        for fault, error in ((lambda t: t.delete("/t/none"), "NoNodeError"),
                             (lambda t: t.check("/t/a", 7), "BadVersionError"),
                             (lambda t: t.set_data("/t/a", b"", version=7), "BadVersionError"),
                             (lambda t: t.create("/t/a", b""), "NodeExistsError"),
                             (lambda t: t.create("/t/e/x", b""), "NoChildrenForEphemeralsError"),
                             (lambda t: t.delete("/t"), "NotEmptyError")):
            failing = c.transaction()
            failing.create("/t/x", b"")
            failing.set_data("/t/a", b"never")
            fault(failing)
            failing.create("/t/y", b"")
            failing.delete("/t/nowhere")
            names = [type(r).__name__ for r in failing.commit()]
            assert names == ["RolledBackError"] * 2 + [error] + ["RuntimeInconsistency"] * 2, names
            assert sorted(c.get_children("/t")) == ["a", "e", "s-0000000001"]
            assert c.get("/t/a")[0] == b"2" and c.exists("/t/a").version == 1
        after = c.create("/t/s-", b"", sequence=True)
        assert after == "/t/s-0000000003", "a number of a refused transaction is used again: " + after
        c.stop()


def acls_bind_every_operation():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        ann, other = client(ensemble.connect), client(ensemble.connect)
        mine = make_digest_acl("ann", "secret", all=True)
        everyone_reads = make_acl("world", "anyone", read=True)
        ann.add_auth("digest", "ann:secret")
        ann.create("/acl", b"x", acl=[mine, everyone_reads])
        ann.create("/acl/auth/deep", b"y", acl=CREATOR_ALL_ACL, makepath=True)
        acls, stat = ann.get_acls("/acl/auth")
        assert acls == [mine] and stat.aversion == 0, acls
        assert other.get("/acl")[0] == b"x" and other.get_children("/acl") == ["auth"]
        assert sorted(other.get_acls("/acl")[0]) == sorted(
            [ACL(31, Id("digest", "ann:x")), everyone_reads]), "READ alone hides the hash"
        raises(NoAuthError, other.set, "/acl", b"")
        raises(NoAuthError, other.create, "/acl/x", b"")
        raises(NoAuthError, other.delete, "/acl/auth")
        raises(NoAuthError, other.get, "/acl/auth/deep")
        raises(NoAuthError, other.get_children, "/acl/auth")
        raises(NoAuthError, other.set_acls, "/acl", [everyone_reads])
        if not os.environ.get("QUORATE_ORACLE"):  # From 3.9.2 on exists asks for READ too.
            raises(NoAuthError, other.exists, "/acl/auth/deep")
        raises(InvalidACLError, other.create, "/auth", b"", acl=CREATOR_ALL_ACL)
        raises(InvalidACLError, other.create, "/bad", b"", acl=[make_acl("none", "x", all=True)])
        both = other.transaction()
        both.create("/not", b"")
        both.set_data("/acl", b"")
        assert [type(r).__name__ for r in both.commit()] == ["RolledBackError", "NoAuthError"]
        raises(BadVersionError, ann.set_acls, "/acl", [everyone_reads], version=3)
        assert ann.set_acls("/acl", [make_acl("world", "anyone", read=True, write=True)],
                            version=0).aversion == 1
        other.set("/acl", b"now")
        raises(NoAuthError, ann.create, "/acl/x", b"")
        other.add_auth("digest", "ann:secret")
        assert other.get("/acl/auth/deep")[0] == b"y"
        for each in (ann, other):
            each.stop()


def chroot_is_the_root_of_all_that_is_seen():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        whole = client(ensemble.connect)
        whole.create("/app", b"")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # It says that the chroot is not there yet.
            c = client(ensemble.connect + "/app/deep")
        c.ensure_path("/")
        assert c.create("/n", b"1") == "/n" and whole.get("/app/deep/n")[0] == b"1"
        assert c.create("/s-", b"", sequence=True) == "/s-0000000001"
        assert c.create("/made/on/the/way", b"", makepath=True) == "/made/on/the/way"
        watch_kinds(c, c)
        seen = []
        c.get("/n", watch=lambda event: seen.append(event.path))
        whole.set("/app/deep/n", b"2")
        wait_for("the event", lambda: seen)
        assert seen == ["/n"]
        both = c.transaction()
        both.create("/tx", b"")
        both.delete("/n")
        assert both.commit() == ["/tx", True]
        c.delete("/made", recursive=True)
        assert sorted(whole.get_children("/app/deep")) == ["s-0000000001", "tx"]
        whole.delete("/app", recursive=True)
        raises(NoNodeError, c.get_children, "/")
        for each in (c, whole):
            each.stop()


def pipelined_requests_are_answered_in_order():
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        follower = next(s for s in ensemble.servers if s is not ensemble.leader())
        c = client(follower.address)
        c.create("/p", b"")
        order, waiting = [], []
        for n in range(300):
            # A write, a read that must see it, and one that fails.
            for name, asked in (("create", c.create_async(f"/p/{n}", b"%d" % n)),
                                ("get", c.get_async(f"/p/{n}")),
                                ("set", c.set_async(f"/p/{n}", b"x", version=9))):
                if name != "create":  # kazoo hands that through a queue once more.
                    asked.rawlink(lambda _, n=n, name=name: order.append((n, name)))
                waiting.append(asked)
        for n in range(300):
            made, got, refused = waiting[3 * n:3 * n + 3]
            assert made.get(timeout=30) == f"/p/{n}" and got.get(timeout=30)[0] == b"%d" % n
            raises(BadVersionError, refused.get, timeout=30)
        # The callbacks run on a thread of kazoo's own, maybe after get() has returned here.
        wait_for("every callback has run", lambda: len(order) == 600)
        assert order == [(n, name) for n in range(300) for name in ("get", "set")]
        assert c.server_version() >= (3, 5) and c.command(b"ruok") == "imok"
        assert "Mode: follower" in c.command(b"srvr")
        c.stop()


def session_outlives_a_restart_of_its_server():
    """kill -9 of the only server: session, ephemerals and sequence numbers are there when it is back."""
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        c, states = client(ensemble.connect, timeout=20.0), []
        c.add_listener(states.append)
        session = c.client_id[0]
        c.create("/e", b"", ephemeral=True)
        c.create("/s-", b"", sequence=True)
        changes = []
        c.DataWatch("/d", lambda data, stat: changes.append(data))
        for round in range(2):
            ensemble[1].kill()
            wait_for("suspended", lambda: states and states[-1] == KazooState.SUSPENDED)
            ensemble[1].start()
            assert c.retry(c.exists, "/e").ephemeralOwner == session
            assert c.client_id[0] == session and KazooState.LOST not in states, states
        assert c.create("/s-", b"", sequence=True) == "/s-0000000002"
        c.create("/d", b"made")
        wait_for("DataWatch sees it", lambda: changes[-1] == b"made")
        assert changes[0] is None
        c.stop()
        late = client(ensemble.connect)
        assert late.exists("/e") is None and late.exists("/d") is not None
        late.stop()


def a_session_closed_by_another_connection_is_lost():
    """Whoever has id and password may end a session; its owner learns it and starts anew."""
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        c, states = client(ensemble.connect), []
        c.create("/e", b"", ephemeral=True)
        c.add_listener(states.append)
        session, password = c.client_id
        with socket.create_connection(("127.0.0.1", ensemble[1].client_port)) as sock:
            again = struct.pack(">iqiqi", 0, 0, 4000, session, 16) + password + b"\0"
            close = struct.pack(">ii", 1, -11)
            sock.sendall(struct.pack(">i", len(again)) + again + struct.pack(">i", len(close)) + close)
            while sock.recv(4096):
                pass
        wait_for("lost, then connected", lambda: KazooState.LOST in states
                 and states[-1] == KazooState.CONNECTED)
        assert c.client_id[0] != session and c.exists("/e") is None
        c.stop()


if __name__ == "__main__":
    run_tests([standalone_operations, ensemble_operations_through_each_server,
               ephemerals_go_with_their_expired_session, session_survives_a_reconnect,
               leader_killed_in_between, a_session_that_ended_is_refused,
               transactions_are_all_or_nothing, acls_bind_every_operation,
               chroot_is_the_root_of_all_that_is_seen, pipelined_requests_are_answered_in_order,
               session_outlives_a_restart_of_its_server,
               a_session_closed_by_another_connection_is_lost])
