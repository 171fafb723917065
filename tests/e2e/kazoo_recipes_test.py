#!/usr/bin/python3
"""kazoo's recipes: what applications build on watches, sequence numbers and ephemerals must hold.

Every worker is a client with a session of its own. QUORATE_ORACLE=1 asks ZooKeeper the same.
"""
import contextlib
import datetime
import logging
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import PATIENCE_S, Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import (ConnectionClosedError, ConnectionLoss, LockTimeout,  # noqa: E402
                              OperationTimeoutError, SessionExpiredError)
from kazoo.recipe.cache import TreeCache, TreeEvent  # noqa: E402
from kazoo.recipe.partitioner import PartitionState  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.


@contextlib.contextmanager
def clients(count, servers=1, timeout=6.0):
    """An ensemble and `count` clients, each beginning at another server."""
    with Ensemble(["quorate"] * servers) as ensemble:
        ensemble.start()
        addresses = [server.address for server in ensemble.servers]
        made = []
        try:
            for n in range(count):
                turn = n % servers
                c = KazooClient(hosts=",".join(addresses[turn:] + addresses[:turn]), timeout=timeout,
                                randomize_hosts=False,
                                connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3),
                                command_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.3))
                c.start(timeout=30)
                made.append(c)
            yield ensemble, made
        finally:
            for c in made:
                c.stop()
                c.close()


def at_once(functions):
    """All functions, each in a thread; the first error any of them met, if one did."""
    errors = []

    def run(function):
        try:
            function()
        except Exception as error:  # Raised in the thread that waits.
            errors.append(error)
    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a worker never came back"


class Inside:
    """How many are in at one time, and the most there ever were. Whoever is in asks the server something
    before he leaves: room for another to come in, were it allowed."""

    def __init__(self):
        self.mutex, self.now, self.most, self.passed = threading.Lock(), 0, 0, 0

    def __enter__(self):
        with self.mutex:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *error):
        with self.mutex:
            self.now -= 1
            self.passed += 1


def lock_lets_one_in_and_its_queue_is_fair():
    with clients(4) as (_, c):
        inside = Inside()

        def work(client, n):
            for _ in range(8):
                with client.Lock("/lock", f"worker-{n}"):
                    with inside:
                        client.exists("/")
        at_once([lambda client=client, n=n: work(client, n) for n, client in enumerate(c)])
        assert (inside.most, inside.passed) == (1, 32), (inside.most, inside.passed)
        assert c[0].get_children("/lock") == []
        held = c[0].Lock("/lock", "first")
        held.acquire()
        assert c[1].Lock("/lock").acquire(blocking=False) is False
        try:
            c[1].Lock("/lock").acquire(timeout=0.2)
            raise AssertionError("acquired what another holds")
        except LockTimeout:
            pass
        order = []

        def wait_in_line(client, name):
            with client.Lock("/lock", name):
                order.append(name)
        waiting = []
        for n in (1, 2, 3):
            thread = threading.Thread(target=wait_in_line, args=(c[n], f"n{n}"), daemon=True)
            thread.start()
            waiting.append(thread)
            wait_for("it stands in line", lambda: len(held.contenders()) == n + 1)
        assert held.contenders() == ["first", "n1", "n2", "n3"]
        held.release()
        for thread in waiting:
            thread.join(PATIENCE_S)
        assert order == ["n1", "n2", "n3"], order


OWNER = """
import sys
from kazoo.client import KazooClient
c = KazooClient(hosts=sys.argv[1], timeout=2.0)
c.start(timeout=30)
c.Lock("/lock").acquire()
print("held", flush=True)
sys.stdin.read()
"""


def lock_of_a_dead_session_passes_on():
    with clients(1, timeout=2.0) as (ensemble, (waits,)):
        dies = subprocess.Popen(["/usr/bin/python3", "-c", OWNER, ensemble.connect],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert dies.stdout.readline() == b"held\n"
        got = threading.Event()

        def wait_in_line():
            with waits.Lock("/lock"):
                got.set()
        thread = threading.Thread(target=wait_in_line, daemon=True)
        thread.start()
        wait_for("it stands in line", lambda: len(waits.get_children("/lock")) == 2)
        assert not got.is_set()
        dies.kill()  # No closeSession: the session has to expire.
        dies.wait()
        assert got.wait(PATIENCE_S)
        thread.join(PATIENCE_S)


def readers_share_and_writers_exclude():
    """In turns, not in a crowd: kazoo 2.8's waiting reader and the writer after it block each other."""
    with clients(4) as (_, c):
        got, order = threading.Condition(), []

        def take(lock, name):
            lock.acquire()
            with got:
                order.append(name)
                got.notify_all()

        def taken(count):
            with got:
                assert got.wait_for(lambda: len(order) >= count, PATIENCE_S), order
                assert len(order) == count, order
        first, second = c[0].ReadLock("/rw"), c[1].ReadLock("/rw")
        assert first.acquire() and second.acquire(), "two readers at once"
        writer, late = c[2].WriteLock("/rw"), c[3].WriteLock("/rw")
        assert writer.acquire(blocking=False) is False
        threads = [threading.Thread(target=take, args=(writer, "writer"), daemon=True)]
        threads[0].start()
        wait_for("it stands in line", lambda: len(c[0].get_children("/rw")) == 3)
        second.release()
        assert order == [], "a writer beside a reader"
        first.release()
        taken(1)
        assert late.acquire(blocking=False) is False
        for lock, name in ((first, "first"), (second, "second")):
            threads.append(threading.Thread(target=take, args=(lock, name), daemon=True))
            threads[-1].start()
        wait_for("both stand in line", lambda: len(c[3].get_children("/rw")) == 3)
        assert order == ["writer"], "a reader beside a writer"
        writer.release()
        taken(3)
        assert late.acquire(blocking=False) is False
        for lock in (first, second):
            lock.release()
        assert late.acquire(blocking=False) is True
        for thread in threads:
            thread.join(PATIENCE_S)


def semaphore_lets_so_many_in():
    with clients(4) as (_, c):
        inside = Inside()

        def work(client):
            for _ in range(5):
                with client.Semaphore("/semaphore", max_leases=2):
                    with inside:
                        client.exists("/")
        at_once([lambda client=client: work(client) for client in c])
        assert inside.passed == 20 and inside.most <= 2, (inside.passed, inside.most)
        held = c[0].Semaphore("/semaphore", "me", max_leases=2)
        assert held.acquire() and held.lease_holders() == ["me"]
        held.release()


def election_has_one_leader_after_another():
    with clients(3) as (_, c):
        inside, led, over = Inside(), [], threading.Event()

        def lead(name):
            with inside:
                c[0].exists("/")
                led.append(name)
                if len(led) == 3:
                    over.set()
        elections = [client.Election("/election", f"e{n}") for n, client in enumerate(c)]
        at_once([lambda n=n, e=e: e.run(lead, f"e{n}") for n, e in enumerate(elections)])
        assert sorted(led) == ["e0", "e1", "e2"] and inside.most == 1 and over.is_set()
        assert elections[0].contenders() == []


def queues_give_each_entry_once():
    with clients(3) as (_, c):
        queue = c[0].Queue("/queue")
        for n in range(20):
            queue.put(b"%02d" % n)
        queue.put(b"urgent", priority=10)
        assert len(queue) == 21 and c[1].Queue("/queue").get() == b"urgent"
        taken = [[], [], []]

        def take(client, mine):
            mine_queue = client.Queue("/queue")
            while (entry := mine_queue.get()) is not None:
                mine.append(entry)
        at_once([lambda client=client, mine=mine: take(client, mine)
                 for client, mine in zip(c, taken)])
        assert sorted(sum(taken, [])) == [b"%02d" % n for n in range(20)]
        assert all(mine == sorted(mine) for mine in taken), "entries out of order"

        locking = [client.LockingQueue("/locking") for client in c]
        locking[0].put_all([b"a", b"b", b"c"])
        assert locking[1].get(5) == b"a" and locking[1].get(5) == b"a", "held until consumed"
        assert locking[2].get(5) == b"b" and locking[1].holds_lock()
        locking[2].release()
        assert locking[1].consume() is True and locking[1].consume() is False
        assert locking[2].get(5) == b"b" and locking[2].consume()
        late = []

        def take_two():
            for _ in range(2):
                late.append(locking[1].get(PATIENCE_S))
                late.append(locking[1].consume())
        waiting = threading.Thread(target=take_two, daemon=True)
        waiting.start()
        wait_for("the last is taken", lambda: len(late) >= 2)
        locking[2].put(b"d")
        waiting.join(PATIENCE_S)
        assert late == [b"c", True, b"d", True], late


def barriers_hold_all_until_the_last():
    with clients(3) as (_, c):
        barrier = c[0].Barrier("/barrier")
        assert c[1].Barrier("/barrier").wait(1), "no barrier, no waiting"
        barrier.create()
        assert c[1].Barrier("/barrier").wait(0.2) is False
        gone = []
        waiting = threading.Thread(target=lambda: gone.append(c[1].Barrier("/barrier").wait(PATIENCE_S)),
                                   daemon=True)
        waiting.start()
        assert barrier.remove() is True and barrier.remove() is False
        waiting.join(PATIENCE_S)
        assert gone == [True]
        mutex, entered, most_missing = threading.Lock(), [], []

        def meet(client, n):
            double = client.DoubleBarrier("/double", 3, f"d{n}")
            with mutex:
                entered.append(n)
            double.enter()
            with mutex:
                most_missing.append(3 - len(entered))
            double.leave()
        at_once([lambda client=client, n=n: meet(client, n) for n, client in enumerate(c)])
        assert most_missing == [0, 0, 0], "one went on before all were there"


def counters_lose_nothing():
    with clients(4) as (_, c):
        def count(client):
            counter = client.Counter("/counter")
            for _ in range(10):
                counter += 3
                counter -= 1
        at_once([lambda client=client: count(client) for client in c])
        assert c[0].Counter("/counter").value == 80, c[0].Counter("/counter").value
        halves = c[0].Counter("/halves", default=0.5)
        halves += 1.25
        assert c[1].Counter("/halves", default=0.0).value == 1.75


def parties_and_partitions_follow_their_members():
    with clients(3) as (_, c):
        parties = [client.Party("/party", f"p{n}") for n, client in enumerate(c)]
        for party in parties:
            party.join()
        assert sorted(parties[0]) == ["p0", "p1", "p2"] and len(parties[2]) == 3
        parties[1].leave()
        c[2].stop()
        wait_for("one is left", lambda: sorted(parties[0]) == ["p0"])
        shallow = c[1].ShallowParty("/shallow", "s1")
        shallow.join()
        assert list(c[0].ShallowParty("/shallow")) == ["s1"]

        everything = tuple("abcdef")
        one, two = [client.SetPartitioner("/parts", everything, identifier=f"i{n}", time_boundary=0.3)
                    for n, client in enumerate(c[:2])]
        at_once([lambda: one.wait_for_acquire(PATIENCE_S), lambda: two.wait_for_acquire(PATIENCE_S)])

        def shared():
            for each in (one, two):
                if each.state == PartitionState.RELEASE:
                    each.release_set()
                elif each.state == PartitionState.ALLOCATING:
                    each.wait_for_acquire(5)
            return one.acquired and two.acquired and len(list(one)) == len(list(two)) == 3
        wait_for("both hold half of it", shared)
        assert sorted(list(one) + list(two)) == list(everything)
        two.finish()

        def all_mine():
            if one.state == PartitionState.RELEASE:
                one.release_set()
            elif one.state == PartitionState.ALLOCATING:
                one.wait_for_acquire(5)
            return one.acquired and len(list(one)) == 6
        wait_for("all is the last one's", all_mine)
        one.finish()


def leases_and_watchers():
    with clients(2) as (_, (a, b)):
        hour = datetime.timedelta(hours=1)
        assert a.NonBlockingLease("/lease", hour, identifier="a")
        assert not b.NonBlockingLease("/lease", hour, identifier="b")
        assert a.NonBlockingLease("/lease", hour, identifier="a"), "its holder may renew it"
        assert b.MultiNonBlockingLease(2, "/leases", hour, identifier="b")

        a.ensure_path("/w")
        children, data, events = [], [], []
        arrived = threading.Condition()

        def note(to, what):
            with arrived:
                to.append(what)
                arrived.notify_all()

        def see(to, what):
            with arrived:
                assert arrived.wait_for(lambda: what in to, PATIENCE_S), (what, to)
        a.ChildrenWatch("/w", lambda names: note(children, sorted(names)))
        a.DataWatch("/w/x", lambda value, stat, event: note(
            data, (value, event.type if event else None)))
        cache = TreeCache(a, "/w")
        cache.listen(lambda event: note(events, (event.event_type, event.event_data.path
                                                 if event.event_data else None)))
        cache.start()
        see(events, (TreeEvent.INITIALIZED, None))
        b.create("/w/x", b"1")
        see(children, ["x"])
        see(data, (b"1", "CREATED"))
        see(events, (TreeEvent.NODE_ADDED, "/w/x"))
        b.set("/w/x", b"2")
        see(data, (b"2", "CHANGED"))
        see(events, (TreeEvent.NODE_UPDATED, "/w/x"))
        b.create("/w/x/deep", b"3")
        see(events, (TreeEvent.NODE_ADDED, "/w/x/deep"))
        assert cache.get_data("/w/x/deep").data == b"3" and cache.get_children("/w/x") == {"deep"}
        b.delete("/w/x", recursive=True)
        see(data, (None, "DELETED"))
        see(children, [])
        see(events, (TreeEvent.NODE_REMOVED, "/w/x"))
        cache.close()
        assert children[0] == [] and data[0] == (None, None)


def recipes_go_on_while_the_leader_dies():
    """Three workers at three servers take one lock and count inside; the leader is killed meanwhile."""
    with clients(3, servers=3, timeout=20.0) as (ensemble, c):
        inside, counted, stop = Inside(), [0, 0, 0], threading.Event()
        lost = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError)
        c[0].create("/count", b"0")

        def work(client, n):
            while not stop.is_set():
                try:
                    with client.Lock("/lock", f"w{n}"):
                        with inside:
                            value, stat = client.retry(client.get, "/count")
                            try:
                                client.set("/count", b"%d" % (int(value) + 1), version=stat.version)
                            except lost:  # Whether it happened, the node tells: nobody else writes.
                                wanted = stat.version + 1
                                if client.retry(client.exists, "/count").version != wanted:
                                    continue
                            counted[n] += 1
                except lost:
                    continue
                except SessionExpiredError as error:
                    raise AssertionError("a session was lost") from error

        def kill_and_return():
            try:
                wait_for("all have worked", lambda: min(counted) >= 2)
                for _ in range(2):
                    killed = ensemble.wait_serving().kill()
                    ensemble.wait_serving(count=2)
                    before = list(counted)
                    wait_for("all work on", lambda: all(
                        now > then for now, then in zip(counted, before)))
                    killed.start()
                    ensemble.wait_serving()
            finally:
                stop.set()
        at_once([kill_and_return] + [lambda client=client, n=n: work(client, n)
                                     for n, client in enumerate(c)])
        assert inside.most == 1, "two held one lock"
        c[0].sync("/count")
        assert int(c[0].get("/count")[0]) == sum(counted), (c[0].get("/count"), counted)


if __name__ == "__main__":
    run_tests([lock_lets_one_in_and_its_queue_is_fair, lock_of_a_dead_session_passes_on,
               readers_share_and_writers_exclude, semaphore_lets_so_many_in,
               election_has_one_leader_after_another, queues_give_each_entry_once,
               barriers_hold_all_until_the_last, counters_lose_nothing,
               parties_and_partitions_follow_their_members, leases_and_watchers,
               recipes_go_on_while_the_leader_dies])
