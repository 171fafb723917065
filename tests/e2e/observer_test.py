#!/usr/bin/env python3
"""Observers: they serve clients, see every write, and no quorum counts them. Both kinds of server in
both places."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NodeExistsError  # noqa: E402

from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402


def client(address, timeout=10):
    c = KazooClient(hosts=address, timeout=timeout)
    c.start(timeout=20)
    return c


def mntr(server, key):
    for line in four_letter(server.client_port, "mntr").splitlines():
        if line.startswith(f"zk_{key}\t"):
            return line.split("\t")[1]
    return None


def serves_as_any_other(ensemble, observer):
    """Writes, watches, ephemerals and sync through the observer."""
    c, other = client(observer.address), client(ensemble.leader().address)
    seen = []
    other.create("/obs", b"1")
    c.sync("/obs")
    assert c.get("/obs", watch=seen.append)[0] == b"1"
    other.set("/obs", b"2")
    wait_for("the watch of the observer's client fires", lambda: seen)
    c.create("/obs/e", b"", ephemeral=True)
    other.sync("/obs")
    assert other.exists("/obs/e").ephemeralOwner == c.client_id[0]
    try:
        c.create("/obs", b"")
        raise AssertionError("a node was created twice")
    except NodeExistsError:
        pass
    transaction = c.transaction()
    transaction.create("/obs/a", b"")
    transaction.set_data("/obs", b"3")
    assert transaction.commit()[0] == "/obs/a"
    c.stop()
    wait_for("the ephemeral of the closed session is gone", lambda: other.exists("/obs/e") is None)
    other.delete("/obs", recursive=True)
    other.stop()


def an_observer_serves_and_counts_for_nothing():
    with Ensemble(["quorate"] * 4, observers=(4,)) as ensemble:
        ensemble.start()
        observer = ensemble[4]
        assert observer.mode() == "observer"
        assert mntr(ensemble.leader(), "synced_observers") == "1"
        assert mntr(ensemble.leader(), "synced_followers") == "2"
        serves_as_any_other(ensemble, observer)
        # One voter less: still a quorum. Two less: three of four servers run, but no quorum.
        follower = next(s for s in ensemble.servers if s.mode() == "follower")
        follower.kill()
        serves_as_any_other(ensemble, observer)
        next(s for s in ensemble.servers if s.mode() == "follower").kill()
        wait_for("nobody serves without a quorum of voters",
                 lambda: not any(s.mode() for s in ensemble.servers))
        follower.start()
        ensemble.wait_serving()
        assert observer.mode() == "observer"
        serves_as_any_other(ensemble, observer)


def an_observer_catches_up_and_outlives_a_leader():
    with Ensemble(["quorate"] * 4, observers=(4,)) as ensemble:
        ensemble.start()
        observer = ensemble[4]
        c = client(",".join(s.address for s in ensemble.servers[:3]))
        observer.kill()
        for n in range(1500):  # Beyond the window of recent txns: a whole tree is sent.
            c.create_async(f"/{n}", b"x" * 100)
        c.sync("/")
        observer.start()
        wait_for("the observer is in sync", lambda: observer.mode() == "observer")
        wait_for("the same zxid", lambda: observer.zxid() == ensemble.leader().zxid())
        through = client(observer.address, timeout=20)
        session = through.client_id[0]
        assert len(through.get_children("/")) == 1501
        ensemble.leader().kill()
        ensemble.wait_serving()
        through.retry(through.create, "/after", b"")
        assert through.client_id[0] == session
        through.stop()
        c.stop()


def observes_and_catches_up(kinds):
    """The third server observes the other two."""
    with Ensemble(kinds, observers=(3,)) as ensemble:
        ensemble.start()
        if ensemble.leader().kind == "quorate":
            assert mntr(ensemble.leader(), "synced_observers") == "1"
        serves_as_any_other(ensemble, ensemble[3])
        ensemble[3].kill()
        c = client(ensemble[1].address)
        for n in range(20):
            c.create(f"/{n}", b"")
        ensemble[3].start()
        wait_for("in sync again", lambda: ensemble[3].mode() == "observer")
        wait_for("the same zxid", lambda: ensemble[3].zxid() == ensemble.leader().zxid())
        c.stop()
        serves_as_any_other(ensemble, ensemble[3])


def a_quorate_observer_of_zookeeper_servers():
    observes_and_catches_up(["zookeeper", "zookeeper", "quorate"])


def a_zookeeper_observer_of_quorate_servers():
    observes_and_catches_up(["quorate", "quorate", "zookeeper"])


run_tests([
    an_observer_serves_and_counts_for_nothing,
    an_observer_catches_up_and_outlives_a_leader,
    a_quorate_observer_of_zookeeper_servers,
    a_zookeeper_observer_of_quorate_servers,
])
