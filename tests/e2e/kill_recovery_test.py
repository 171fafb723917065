#!/usr/bin/python3
"""kill -9 under write load: nothing acknowledged is lost. QUORATE_KILLS sets the cycles (20)."""
import logging
import os
import pathlib
import random as chance
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NodeExistsError  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
CYCLES = int(os.environ.get("QUORATE_KILLS", "20"))
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))


class Writer:
    """Creates numbered nodes, many in flight, and remembers which ones were acknowledged."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts=hosts, timeout=20.0,
                                  connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2))
        self.client.start(timeout=60)
        self.client.create("/load", b"")
        self.next, self.acknowledged, self.refused = 0, set(), []

    def submit(self, count):
        for _ in range(count):
            number, self.next = self.next, self.next + 1
            path = f"/load/{number:08d}"
            self.client.create_async(path, b"%d" % number).rawlink(
                lambda result, p=path: self.note(p, result))

    def note(self, path, result):
        if result.exception is None:
            self.acknowledged.add(path)
        elif isinstance(result.exception, NodeExistsError):
            self.refused.append(path)  # Each name is tried once: it cannot exist before.

    def until(self, count):
        """Keeps 200 in flight until `count` more are acknowledged."""
        goal = len(self.acknowledged) + count

        def progress():
            flying = self.next - len(self.acknowledged)
            if self.client.connected and flying - self.lost < 200:
                self.submit(50)
            return len(self.acknowledged) >= goal
        self.lost = self.next - len(self.acknowledged)
        wait_for(f"{count} acknowledged writes", progress, interval=0.002)

    def check(self, where):
        self.client.sync("/load")
        present = {"/load/" + name for name in self.client.get_children("/load")}
        missing = self.acknowledged - present
        assert not missing, f"{where}: {len(missing)} acknowledged writes are gone, e.g. {sorted(missing)[:5]}"
        assert not self.refused, f"{where}: created twice: {self.refused[:5]}"
        sample = random.sample(sorted(self.acknowledged), min(20, len(self.acknowledged)))
        for path in sample:
            assert self.client.get(path)[0] == b"%d" % int(path[-8:]), path


def standalone_killed_under_load():
    with Ensemble(["quorate"], {"snapCount": 700}) as ensemble:
        ensemble.start()
        writer = Writer(ensemble.connect)
        for cycle in range(CYCLES):
            writer.until(random.randint(50, 400))
            writer.submit(100)  # These are in flight when it dies.
            ensemble[1].kill().start()
            ensemble.wait_serving()
            wait_for("reconnected", lambda: writer.client.connected)
            writer.check(f"cycle {cycle}")
        print(f"       {len(writer.acknowledged)} acknowledged of {writer.next} sent, {CYCLES} kills")
        assert len(writer.acknowledged) > 50 * CYCLES
        writer.client.stop()


def ensemble_killed_under_load():
    """One member, the leader, or all at once."""
    with Ensemble(["quorate"] * 3, {"snapCount": 700}) as ensemble:
        ensemble.start()
        writer = Writer(ensemble.connect)
        session = writer.client.client_id[0]
        for cycle in range(CYCLES):
            writer.until(random.randint(20, 200))
            writer.submit(100)
            kind = cycle % 3
            victims = [ensemble.leader() or ensemble[1]] if kind == 0 else (
                [ensemble[random.randint(1, 3)]] if kind == 1 else list(ensemble.servers))
            for victim in victims:
                victim.kill()
            if kind != 2:
                writer_goal = len(writer.acknowledged)
                wait_for("writes go on without the dead server",
                         lambda: writer.client.connected and ensemble.leader())
                writer.until(10)
                assert len(writer.acknowledged) >= writer_goal + 10
            for victim in victims:
                victim.start()
            ensemble.wait_serving()
            wait_for("reconnected", lambda: writer.client.connected)
            writer.check(f"cycle {cycle}")
        assert writer.client.client_id[0] == session, "the session was lost"
        writer.client.create("/end", b"")  # A leader without a txn of its epoch has another zxid.
        ensemble.wait_equal_zxid()
        print(f"       {len(writer.acknowledged)} acknowledged of {writer.next} sent, {CYCLES} kills")
        writer.client.stop()


if __name__ == "__main__":
    run_tests([standalone_killed_under_load, ensemble_killed_under_load])
