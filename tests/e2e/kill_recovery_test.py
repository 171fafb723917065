#!/usr/bin/python3
"""kill -9 under write load: nothing acknowledged is lost, nothing is there by half, sessions and their
ephemerals are right. QUORATE_KILLS sets the kills of a standalone server (40) and, by a quarter, those
of the other tests."""
import logging
import os
import pathlib
import random as chance
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import (ConnectionClosedError, ConnectionLoss, NodeExistsError,  # noqa: E402
                              NoNodeError, OperationTimeoutError, SessionExpiredError)
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
KILLS = int(os.environ.get("QUORATE_KILLS", "40"))
CYCLES = max(1, KILLS // 4)
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
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


def connect(hosts, **options):
    client = KazooClient(hosts=hosts, timeout=20.0, **options,
                         connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2))
    client.start(timeout=60)
    return client


class Key:
    """One node, or two that one multi always writes together. `possible` holds every content it may
    have: more than one while an operation's outcome is not known. None: it does not exist."""

    def __init__(self, client, paths, ephemeral):
        self.client, self.paths, self.ephemeral = client, paths, ephemeral
        self.possible, self.busy = {None}, False


class Load:
    """Creates, sets, deletes and multis; each key has one operation in flight, each answer starts the
    key's next."""

    def __init__(self):
        self.lock = threading.Lock()
        self.keys, self.wrong = [], []
        self.running = False
        self.acknowledged = self.count = 0

    def run(self):
        self.running = True
        for key in self.keys:
            self.next(key)

    def pause(self):
        self.running = False

    def idle(self):
        return not any(key.busy for key in self.keys)

    def next(self, key):
        with self.lock:
            if not self.running or key.busy or not key.client.connected:
                return
            key.busy = True
            self.count += 1
            new = b"%d" % self.count
            now = next(iter(key.possible))
            certain = len(key.possible) == 1
        if not certain:
            request, new = key.client.get_async(key.paths[0]), "read"
        elif len(key.paths) > 1:
            multi = key.client.transaction()
            if now is not None and random.random() < 0.3:
                new = None
            for path in key.paths:
                if now is None:
                    multi.create(path, new)
                elif new is None:
                    multi.delete(path)
                else:
                    multi.set_data(path, new)
            request = multi.commit_async()
        elif now is None:
            request = key.client.create_async(key.paths[0], new, ephemeral=key.ephemeral)
        elif random.random() < 0.3:
            request, new = key.client.delete_async(key.paths[0]), None
        else:
            request = key.client.set_async(key.paths[0], new)
        request.rawlink(lambda result: self.done(key, new, result))

    def done(self, key, new, result):
        error = result.exception
        with self.lock:
            if error is None and isinstance(result.value, list):  # A multi's parts.
                error = next((part for part in result.value if isinstance(part, Exception)), None)
            if isinstance(error, UNKNOWN):
                if new != "read":
                    key.possible.add(new)
            elif new == "read":
                found = None if isinstance(error, NoNodeError) else result.value[0]
                self.settle(key, found)
            elif error is None:
                key.possible = {new}
                self.acknowledged += 1
            else:
                self.wrong.append(f"{key.paths}: {error!r} though it is {key.possible}")
            key.busy = False
        self.next(key)

    def settle(self, key, found):
        if found not in key.possible:
            self.wrong.append(f"{key.paths}: holds {found}, should be one of {key.possible}")
        key.possible = {found}

    def check(self, client, where):
        """All keys as one client sees them: nothing lost, nothing by half, owners right."""
        client.sync("/")
        reads = [(key, [client.get_async(path) for path in key.paths]) for key in self.keys]
        for key, answers in reads:
            found = set()
            for answer in answers:
                answer.wait(30)
                if isinstance(answer.exception, NoNodeError):
                    found.add(None)
                    continue
                data, stat = answer.get()
                found.add(data)
                owner = key.client.client_id[0] if key.ephemeral else 0
                if stat.ephemeralOwner != owner:
                    self.wrong.append(f"{key.paths}: owner {stat.ephemeralOwner:x}, not {owner:x}")
            if len(found) != 1:
                self.wrong.append(f"{key.paths}: a multi by half: {found}")
            self.settle(key, found.pop())
        assert not self.wrong, f"{where}: " + "; ".join(self.wrong[:5])


class Owner:
    """A session with ephemeral nodes of its own."""
    made = 0

    def __init__(self, hosts, load):
        Owner.made += 1
        self.client = connect(hosts)
        self.session = self.client.client_id
        self.keys = [Key(self.client, [f"/ephemeral/{Owner.made}-{i}"], True) for i in range(6)]
        load.keys.extend(self.keys)

    def close(self, load):
        """closeSession, acknowledged; what it owned must never be seen again."""
        wait_for("its operations to end", lambda: not any(key.busy for key in self.keys))
        self.client.stop()
        self.client.close()
        for key in self.keys:
            load.keys.remove(key)


def check_closed(owner, watcher, hosts, where):
    present = set(watcher.get_children("/ephemeral"))
    left = {key.paths[0].split("/")[-1] for key in owner.keys} & present
    assert not left, f"{where}: nodes of a closed session: {left}"
    client = connect(hosts, client_id=owner.session)
    assert client.client_id[0] != owner.session[0], f"{where}: a closed session was taken up again"
    client.stop()
    client.close()


def check_digest(server, where):
    values = dict(line.split("\t") for line in four_letter(server.client_port, "mntr").splitlines()
                  if line.count("\t") == 1)
    assert values["zk_digest_mismatches_count"] == "0", f"{where}: the digest differs"


def everything_killed_at_random_moments():
    """Creates, sets, deletes, multis, ephemerals; sessions live on, closed ones stay closed."""
    with Ensemble(["quorate"], {"snapCount": 400, "preAllocSize": 64}) as ensemble:
        ensemble.start()
        load, hosts = Load(), ensemble.connect
        client = connect(hosts)
        for parent in ("/plain", "/pair", "/ephemeral"):
            client.create(parent, b"")
        load.keys += [Key(client, [f"/plain/{i}"], False) for i in range(60)]
        load.keys += [Key(client, [f"/pair/{i}-a", f"/pair/{i}-b"], False) for i in range(20)]
        owners = [Owner(hosts, load) for _ in range(3)]
        session, closed = client.client_id, []
        for cycle in range(KILLS):
            goal = load.acknowledged + random.randint(5, 700)
            load.run()
            wait_for("acknowledged writes", lambda: load.acknowledged >= goal, interval=0.001)
            load.pause()  # What is in flight now is in flight when the server dies.
            if cycle % 4 == 1:
                leaving = owners.pop(0)
                leaving.close(load)
                closed.append(leaving)
                load.run()
                load.pause()
            ensemble[1].kill().start()
            ensemble.wait_serving()
            clients = [client] + [owner.client for owner in owners]
            wait_for("all sessions back", lambda: all(c.connected for c in clients))
            wait_for("all answers", load.idle)
            where = f"kill {cycle}"
            assert client.client_id == session, f"{where}: the session was lost"
            for owner in owners:
                assert owner.client.client_id == owner.session, f"{where}: a session was lost"
            load.check(client, where)
            for owner in closed:
                check_closed(owner, client, hosts, where)
            while len(owners) < 3:
                owners.append(Owner(hosts, load))
            closed.clear()
            check_digest(ensemble[1], where)
        print(f"       {load.acknowledged} acknowledged of {load.count} operations, {KILLS} kills, "
              f"{Owner.made} sessions with ephemerals")
        for one in [client] + [owner.client for owner in owners]:
            one.stop()
            one.close()


if __name__ == "__main__":
    run_tests([everything_killed_at_random_moments, standalone_killed_under_load,
               ensemble_killed_under_load])
