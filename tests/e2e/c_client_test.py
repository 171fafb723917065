#!/usr/bin/python3
"""libzookeeper-mt, unmodified, against a standalone server and an ensemble whose leader is killed."""
import logging
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from ensemble import ROOT, Ensemble, run_tests  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.

BUILT = tempfile.TemporaryDirectory(prefix="quorate-c-client-")
PROGRAM = BUILT.name + "/c_client_test"


def run(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


MODES = ("operations", "kinds", "multis", "acls", "removed-watches")
SETTINGS = {"extendedTypesEnabled": "true"}


def standalone_operations():
    with Ensemble(["quorate"], SETTINGS) as ensemble:
        ensemble.start()
        for mode in MODES:
            run(ensemble.connect, mode)


def ensemble_operations_through_each_server():
    with Ensemble(["quorate"] * 3, SETTINGS) as ensemble:
        ensemble.start()
        for server in ensemble.servers:
            for mode in MODES:
                run(server.address, mode)


def all_is_kept_across_a_restart():
    """Session, ephemeral, login and watches outlive kill -9 of the only server."""
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        client = subprocess.Popen([PROGRAM, ensemble.connect, "stay"],
                                  stdout=subprocess.PIPE, text=True)
        assert client.stdout.readline() == "ready\n"
        ensemble[1].kill()
        ensemble[1].start()
        assert client.wait(90) == 0


def leader_killed_while_it_writes():
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        writer = subprocess.Popen([PROGRAM, ensemble.connect, "write", "3000"],
                                  stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "ready\n"
        killed = ensemble.leader().kill()
        ensemble.wait_serving(count=2)
        killed.start()
        out = writer.communicate(timeout=180)[0]
        assert writer.returncode == 0, out
        assert "kept, 3000 nodes" in out, out
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()


def watch_tells_what_was_missed():
    """The only server the watching client knows dies; the node changes meanwhile; it comes back."""
    with Ensemble(["quorate"] * 3) as ensemble:
        ensemble.start()
        leader = ensemble.leader()
        mine = next(s for s in ensemble.servers if s is not leader)
        changer = KazooClient(hosts=leader.address)
        changer.start(timeout=30)
        changer.create("/watched", b"")
        watcher = subprocess.Popen([PROGRAM, mine.address, "watch", "/watched"],
                                   stdout=subprocess.PIPE, text=True)
        assert watcher.stdout.readline() == "ready\n"
        mine.kill()
        changer.set("/watched", b"while away")
        assert watcher.poll() is None
        mine.start()
        assert watcher.wait(90) == 0
        changer.stop()


if __name__ == "__main__":
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-O1", "-DTHREADED", f"-I{ROOT}",
                    str(HERE / "c_client_test.c"), "-o", PROGRAM, "-lzookeeper_mt", "-lpthread"],
                   check=True)
    run_tests([standalone_operations, ensemble_operations_through_each_server,
               all_is_kept_across_a_restart, leader_killed_while_it_writes,
               watch_tells_what_was_missed])
