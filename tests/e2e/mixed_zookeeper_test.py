#!/usr/bin/python3
"""One ensemble of two Quorate servers and one of Debian's ZooKeeper 3.8.0, either kind leading."""
import logging
import pathlib
import re
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NodeExistsError, BadVersionError  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.


def client(hosts, timeout=10.0):
    c = KazooClient(hosts=hosts, timeout=timeout,
                    connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3))
    c.start(timeout=60)
    return c


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{error.__name__} expected")


def writes_reach_all(ensemble, mark):
    """A write through each alive server is seen, with the same Stat, through every other."""
    servers = [s for s in ensemble.servers if s.alive]
    clients = {s.sid: client(s.address) for s in servers}
    for sid, c in clients.items():
        base = f"/{mark}-{sid}"
        c.create(base, b"made")
        c.set(base, b"changed", version=0)
        refused(BadVersionError, c.set, base, b"no", version=0)
        refused(NodeExistsError, c.create, base, b"again")
        c.create(base + "/seq-", b"1", sequence=True)
        c.create(base + "/seq-", b"2", sequence=True)
        c.create(base + "/dead", b"")
        c.delete(base + "/dead")
        c.create(base + "/ephemeral", b"mine", ephemeral=True)
        views = []
        for other in clients.values():
            other.sync(base)
            data, stat = other.get(base)
            names = sorted(other.get_children(base))
            owner = other.exists(base + "/ephemeral").ephemeralOwner
            views.append((data, stat, names, owner))
        assert all(view == views[0] for view in views), views
        assert views[0][0] == b"changed" and views[0][1].version == 1
        assert views[0][2] == ["ephemeral", "seq-0000000000", "seq-0000000001"], views[0][2]
        assert views[0][3] == c.client_id[0]
    for sid, c in clients.items():
        c.stop()
        c.close()
    # Closed sessions take their ephemerals with them, whoever led and whoever held them.
    last = client(servers[0].address)
    for sid in clients:
        last.sync(f"/{mark}-{sid}")
        assert last.exists(f"/{mark}-{sid}/ephemeral") is None
    last.stop()
    last.close()
    ensemble.wait_equal_zxid()


def no_digest_complaint(ensemble):
    """ZooKeeper recomputes our leader's digests; we recompute its own."""
    for server in ensemble.servers:
        text = server.log.read_text(errors="replace")
        for complaint in ("Digests are not matching", "digest mismatch", "digest_mismatch"):
            assert complaint not in text, f"server {server.sid}:\n" + "\n".join(
                line for line in text.splitlines() if complaint in line)[:2000]


def led_by(kinds, sid, **more):
    ensemble = Ensemble(kinds, {"snapCount": 50, "tickTime": 500, **more})
    try:
        # The two with the highest ids first, so that the intended one leads.
        ensemble.start(serving=False)
        leader = ensemble.wait_serving()
        if leader.sid != sid:  # Another one won the first round: hand over by a restart of it.
            leader.kill()
            ensemble.wait_serving(count=2)
            leader.start()
            leader = ensemble.wait_serving()
        assert leader.sid == sid, f"server {leader.sid} leads, wanted {sid}\n{ensemble.describe()}"
        return ensemble
    except BaseException:
        print(ensemble.describe(), file=sys.stderr)
        ensemble.close()
        raise


def zookeeper_leads():
    with led_by(["quorate", "quorate", "zookeeper"], 3) as ensemble:
        assert ensemble[3].mode() == "leader"
        writes_reach_all(ensemble, "zk-leads")
        follower = ensemble[1].kill()
        writer = client(ensemble[2].address)
        for n in range(20):
            writer.create(f"/while-away-{n}", b"")
        writer.stop()
        follower.start()  # Comes back by DIFF.
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()
        writes_reach_all(ensemble, "after-diff")
        no_digest_complaint(ensemble)


def quorate_leads():
    with led_by(["zookeeper", "quorate", "quorate"], 3) as ensemble:
        assert ensemble[3].mode() == "leader"
        writes_reach_all(ensemble, "quorate-leads")
        follower = ensemble[1].kill()
        writer = client(ensemble[2].address)
        for n in range(20):
            writer.create(f"/while-away-{n}", b"")
        writer.stop()
        follower.start()
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()
        writes_reach_all(ensemble, "after-diff")
        no_digest_complaint(ensemble)


def an_empty_quorate_server_gets_a_snapshot_from_zookeeper():
    with led_by(["quorate", "quorate", "zookeeper"], 3) as ensemble:
        writer = client(ensemble[3].address)
        for n in range(700):
            writer.create(f"/snap-{n:04d}", b"x" * 100)
        follower = ensemble[1].kill()
        shutil.rmtree(follower.data / "quorate-1")
        follower.start()
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()
        reader = client(follower.address)
        assert len([n for n in reader.get_children("/") if n.startswith("snap-")]) == 700
        reader.stop()
        writer.stop()
        writes_reach_all(ensemble, "after-snap")
        no_digest_complaint(ensemble)


def an_empty_zookeeper_server_gets_a_snapshot_from_quorate():
    with led_by(["zookeeper", "quorate", "quorate"], 3) as ensemble:
        writer = client(ensemble[3].address)
        for n in range(1500):
            writer.create(f"/snap-{n:04d}", b"x" * 100)
        follower = ensemble[1].kill()
        shutil.rmtree(follower.data / "version-2")
        follower.start()
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()
        reader = client(follower.address)
        assert len([n for n in reader.get_children("/") if n.startswith("snap-")]) == 1500
        reader.stop()
        writer.stop()
        writes_reach_all(ensemble, "after-snap")
        no_digest_complaint(ensemble)


def on_disk(server, text):
    return any(text in path.read_bytes() for path in server.data.rglob("*") if path.is_file())


def an_old_leaders_tail_is_cut(kinds, old_says):
    """Server 3 leads and logs what reaches nobody; server 2, of the other kind, leads without it and sends TRUNC."""
    with led_by(kinds, 3) as ensemble:
        old = ensemble[3]
        writer = client(old.address, timeout=30.0)
        writer.create("/kept", b"")
        ensemble.wait_equal_zxid()
        # ZooKeeper's follower applies what two others have on disk before it has that itself.
        wait_for("/kept on all disks", lambda: all(on_disk(s, b"/kept") for s in ensemble.servers))
        followers = [ensemble[1], ensemble[2]]
        for follower in followers:
            follower.process.send_signal(signal.SIGSTOP)
        asked = [writer.create_async(f"/of-nobody-{n}", b"") for n in range(20)]
        wait_for("the last of them in the old leader's log", lambda: on_disk(old, b"/of-nobody-19"), interval=0.1)
        old.kill()
        for follower in followers:
            follower.kill()  # Paused to the end: what was sent to them is gone.
        assert not any(a.successful() for a in asked)
        writer.stop()
        writer.close()
        for follower in followers:
            follower.start()
        leader = ensemble.wait_serving(count=2)
        assert leader.sid == 2, ensemble.describe()
        old.start()  # Before the next write, a session's included: both kinds send SNAP across epochs.
        ensemble.wait_serving()
        writer = client(old.address)
        for n in range(10):
            writer.create(f"/after-{n}", b"")
        writer.stop()
        writer.close()
        ensemble.wait_equal_zxid()
        for server in ensemble.servers:
            reader = client(server.address)
            names = set(reader.get_children("/"))
            reader.stop()
            reader.close()
            assert names == {"zookeeper", "kept", *(f"after-{n}" for n in range(10))}, (server.sid, names)
        assert re.search(old_says, old.log.read_text(errors="replace"), re.I), old.log_tail(60)
        writes_reach_all(ensemble, "after-trunc")
        no_digest_complaint(ensemble)


def zookeeper_cuts_the_tail_of_quorate():
    an_old_leaders_tail_is_cut(["quorate", "zookeeper", "quorate"], r"\btruncated\b")


def quorate_cuts_the_tail_of_zookeeper():
    an_old_leaders_tail_is_cut(["zookeeper", "quorate", "zookeeper"], r"Truncating log")


def reads_are_linearizable_under_a_zookeeper_leader():
    """Its sync proves nothing: a write that every leader refuses stands in for it."""
    with led_by(["quorate", "quorate", "zookeeper"], 3, linearizableReads="true") as ensemble:
        writer = client(ensemble[3].address)
        readers = [client(ensemble[sid].address) for sid in (1, 2)]
        writer.create("/n", b"")
        for n in range(100):
            value = str(n).encode()
            writer.set("/n", value)
            assert [r.get("/n")[0] for r in readers] == [value] * 2, n
        before = ensemble[1].zxid()
        asked = [readers[0].get_async("/n") for _ in range(50)]
        assert all(a.get(timeout=10)[0] == b"99" for a in asked)
        wait_for("a record for the reads", lambda: ensemble[1].zxid() > before)
        assert ensemble[1].zxid() - before < 50, "one for all that wait"
        for c in [writer, *readers]:
            c.stop()
            c.close()
        ensemble.wait_equal_zxid()
        writes_reach_all(ensemble, "beside-strict-reads")
        no_digest_complaint(ensemble)


def leadership_moves_between_kinds():
    """The leader is killed again and again: whoever follows takes over and loses nothing."""
    with Ensemble(["quorate", "zookeeper", "quorate"]) as ensemble:
        ensemble.start()
        led = set()
        made = []
        for turn in range(6):
            leader = ensemble.wait_serving()
            led.add(leader.kind)
            c = client(ensemble.connect)
            for n in range(10):
                made.append(c.create(f"/turn-{turn}-{n}", b""))
            c.stop()
            c.close()
            leader.kill()
            ensemble.wait_serving(count=2)
            c = client(",".join(s.address for s in ensemble.servers if s.alive))
            made.append(c.create(f"/turn-{turn}-without", b""))
            present = {"/" + name for name in c.get_children("/")}
            assert set(made) <= present, sorted(set(made) - present)
            c.stop()
            c.close()
            leader.start()
            ensemble.wait_serving()
            ensemble.wait_equal_zxid()
        writes_reach_all(ensemble, "end")
        no_digest_complaint(ensemble)
        print(f"       leaders were of kind {sorted(led)}")


if __name__ == "__main__":
    run_tests([zookeeper_leads, quorate_leads,
               an_empty_quorate_server_gets_a_snapshot_from_zookeeper,
               an_empty_zookeeper_server_gets_a_snapshot_from_quorate,
               zookeeper_cuts_the_tail_of_quorate, quorate_cuts_the_tail_of_zookeeper,
               reads_are_linearizable_under_a_zookeeper_leader,
               leadership_moves_between_kinds])
