#!/usr/bin/python3
"""Real servers where they do not belong: a second one of one id, one of another ensemble; clients of the true
ones write all the time without one error. And a server with an empty disk under an old id is synced before it
counts or votes."""
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bad_input_test import member_ports  # noqa: E402
from ensemble import Ensemble, Server, free_ports, run_tests, wait_for  # noqa: E402
from peer_input_test import Undisturbed  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402


def second_server(world, sid, name, folder_of=None):
    """A process with this id and its own ports that knows the others."""
    client, quorum, election = free_ports(3)
    members = {s.sid: tuple(member_ports(s, s.sid)) for s in world.ensemble.servers}
    members[sid] = (quorum, election)
    twin = Server(world.ensemble.folder / name, "quorate", sid, client, members)
    (twin.data / "initialize").unlink()
    if folder_of is not None:
        shutil.copytree(folder_of.data / "quorate-1", twin.data / "quorate-1")
    return twin


def two_servers_with_one_id_and_one_of_another_ensemble():
    # The other ensemble is two epochs further.
    foreign = Ensemble(["quorate"] * 3).start()
    for _ in range(2):
        foreign.leader().kill().start()
        foreign.wait_serving(3)
    zk = KazooClient(hosts=foreign.connect, timeout=10.0)
    zk.start(timeout=60)
    zk.create("/foreign")
    zk.stop()
    zk.close()
    foreign.wait_equal_zxid()
    for server in foreign.servers:
        server.stop()

    world = Undisturbed()
    greatest = world.follower.sid
    cases = [("empty-twin", greatest, None, f"server {greatest} is connected already; do two servers have this id?"),
             ("foreign-member", greatest, foreign[3], f"server {greatest} is connected already; do two servers have this id?"),
             ("foreign-leader", world.leader.sid, foreign[2],
              f"election-twin server={world.leader.sid} "),
             ("foreign-lowest", 1, foreign[1], "election-twin server=1 "),
             ("foreign-stranger", 9, foreign[3], None)]
    for name, sid, folder_of, line in cases:
        # Who calls itself the leader speaks to the others.
        told = world.follower if sid == world.leader.sid else world.leader
        start = told.log.stat().st_size
        twin = second_server(world, sid, name, folder_of).start()
        if line:
            world.log_says(told, start, line)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            world.goes_on(name)
            assert twin.mode() == "", f"{name} serves as {twin.mode()}"
        if sid == 9:
            world.log_says(world.leader, start, "election-refused")
        twin.kill()
        world.goes_on(name + " is gone")
    reader = world.writers[0].zk
    assert reader.exists("/foreign") is None
    # The true one may still go and come back.
    world.writers.pop().ending.set()
    world.follower.kill().start()
    world.ensemble.wait_serving(3)
    world.goes_on("the true server came back")
    world.close()
    foreign.close()


def an_empty_disk_under_an_old_id_is_synced_before_it_counts_or_votes():
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        zk = KazooClient(hosts=ensemble.connect, timeout=20.0)
        zk.start(timeout=60)
        for number in range(50):
            zk.create(f"/n-{number}", b"x")
        ensemble.wait_equal_zxid()
        whole, empty, away = ensemble.servers
        for server in ensemble.servers:
            server.kill()
        shutil.rmtree(empty.data / "quorate-1")
        (empty.data / "initialize").unlink(missing_ok=True)
        # Alone with a whole one it is no quorum, though two of three are there.
        start = empty.log.stat().st_size
        whole.start()
        empty.start()
        wait_for("it says that it has no vote", lambda: "blank" in empty.log.read_text(errors="replace")[start:])
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert whole.mode() == "" and empty.mode() == "", "a server without data gave the quorum"
            time.sleep(0.1)  # The interval of looking.
        away.start()
        leader = ensemble.wait_serving(3)
        assert leader is not empty
        # Now it has everything, counts, and votes.
        zk.create("/after", b"")
        ensemble.wait_equal_zxid()
        away.kill()
        ensemble.wait_serving(2)
        reader = KazooClient(hosts=empty.address, timeout=20.0)
        reader.start(timeout=60)
        reader.sync("/")
        assert {f"n-{number}" for number in range(50)} | {"after"} <= set(reader.get_children("/"))
        reader.create("/counts", b"")
        reader.stop()
        zk.stop()


if __name__ == "__main__":
    run_tests([two_servers_with_one_id_and_one_of_another_ensemble,
               an_empty_disk_under_an_old_id_is_synced_before_it_counts_or_votes])
