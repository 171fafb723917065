#!/usr/bin/python3
"""Members come and go while the ensemble serves: kazoo's reconfig, the files it leaves, what it is refused for;
all of it beside ZooKeeper 3.8.0 too, with either kind leading."""
import logging
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, Server, four_letter, free_ports, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient, KazooState  # noqa: E402
from kazoo.exceptions import (BadArgumentsError, BadVersionError, ConnectionClosedError,  # noqa: E402
                              ConnectionLoss, NewConfigNoQuorumError, NoAuthError, OperationTimeoutError,
                              SessionExpiredError)
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)
OPEN = {"reconfigEnabled": "true", "skipACL": "yes", "tickTime": 500}


def client(hosts, timeout=30.0, **options):
    zk = KazooClient(hosts=hosts, timeout=timeout, **options,
                     connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2))
    zk.start(timeout=60)
    return zk


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{error.__name__} expected")


class Members:
    """An ensemble that changes, with the ports of all who ever were part of it."""

    def __init__(self, kinds, settings=None):
        self.settings = {**OPEN, **(settings or {})}
        self.ensemble = Ensemble(kinds, self.settings)
        self.ports = {}
        for line in self.ensemble[1].config.read_text().splitlines():
            if line.startswith("server."):
                name, value = line.split("=", 1)
                self.ports[int(name[7:])] = tuple(map(int, value.split(":")[1:3]))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.ensemble.__exit__(*error)

    def server(self, sid):
        return next(s for s in self.ensemble.servers if s.sid == sid)

    def joiner(self, sid, kind="quorate", named=None):
        """A server with an empty disk; its own file names it beside the others."""
        *self_ports, port = free_ports(3)
        self.ports[sid] = tuple(self_ports)
        members = {other: self.ports[other] for other in {*(named or self.ports), sid}}
        server = Server(self.ensemble.folder / str(sid), kind, sid, port, members, self.settings)
        (server.data / "initialize").unlink()
        self.ensemble.servers.append(server)
        server.start()
        wait_for(f"server {sid} follows", lambda: server.mode() == "follower")
        return server

    def line(self, sid, role="participant", client_port=None, ports=None):
        quorum, election = ports or self.ports[sid]
        port = client_port or self.server(sid).client_port
        return f"server.{sid}=127.0.0.1:{quorum}:{election}:{role};127.0.0.1:{port}"

    def lines(self, sids):
        return ",".join(self.line(sid) for sid in sids)

    def stop(self, sid):
        server = self.server(sid)
        server.kill()
        self.ensemble.servers.remove(server)

    def wait_config(self, text, sids=None):
        """Until these servers show `text` in /zookeeper/config."""
        for server in self.ensemble.servers:
            if server.alive and (sids is None or server.sid in sids):
                wait_for(f"server {server.sid} shows the config", lambda s=server: config_at(s) == text)


def config_at(server):
    try:
        zk = client(server.address, timeout=10)
    except Exception:
        return None
    try:
        return zk.get("/zookeeper/config")[0].decode()
    except UNKNOWN:
        return None
    finally:
        zk.stop()
        zk.close()


def version_of(text):
    return int(text.rsplit("version=", 1)[1], 16)


def voters_of(text):
    return sorted(int(line[7:].split("=")[0]) for line in text.splitlines()
                  if line.startswith("server.") and ":participant" in line)


class Writer(threading.Thread):
    """Numbered nodes one after the other; an ephemeral of its own."""

    def __init__(self, hosts, name):
        super().__init__(daemon=True)
        self.name, self.acknowledged, self.ending, self.lost = name, [], threading.Event(), False
        self.zk = client(hosts)
        self.zk.add_listener(self.state)
        self.mine = f"/here/{name}"
        self.zk.create(self.mine, ephemeral=True, makepath=True)
        self.zk.ensure_path(f"/w-{name}")
        self.session = self.zk.client_id[0]

    def state(self, state):
        self.lost = self.lost or (state == KazooState.LOST and not self.ending.is_set())

    def run(self):
        number = 0
        while not self.ending.is_set():
            path, number = f"/w-{self.name}/{number:06d}", number + 1
            try:
                self.zk.create(path, b"x")
                self.acknowledged.append(path)
            except UNKNOWN:
                self.ending.wait(0.01)
            self.ending.wait(0.002)

    def stop(self):
        self.ending.set()
        self.join(30)
        self.zk.stop()
        self.zk.close()


def progress(writers, what):
    counts = [len(w.acknowledged) + 20 for w in writers]
    wait_for(what, lambda: all(len(w.acknowledged) >= n for w, n in zip(writers, counts)))


def reconfig(zk, what, **change):
    """Carries `change` out and returns the new text, also when the connection ends in between: a leader that is
    removed takes its clients' connections with it."""
    before = zk.retry(zk.get, "/zookeeper/config")[0].decode()
    try:
        text = zk.reconfig(**{"joining": None, "leaving": None, "new_members": None, **change})[0].decode()
    except UNKNOWN:
        def changed():
            try:
                text = zk.get("/zookeeper/config")[0].decode()
                return text if version_of(text) > version_of(before) else None
            except UNKNOWN:
                return None
        text = wait_for(what, changed)
    assert version_of(text) > version_of(before), text
    return text


def grow_and_shrink_under_load():
    """3 -> 5 -> 3, the leader among those that leave; then all of them start anew."""
    with Members(["quorate"] * 3, {"tickTime": 300}) as members:
        ensemble = members.ensemble
        ensemble.start()
        for sid in (4, 5):
            members.joiner(sid, named=[1, 2, 3])
        hosts = ensemble.connect
        writers = [Writer(hosts, f"writer{n}") for n in range(3)]
        admin = client(hosts)
        for writer in writers:
            writer.start()
        progress(writers, "writes with three servers")

        text = reconfig(admin, "five members", joining=members.lines([4, 5]))
        assert voters_of(text) == [1, 2, 3, 4, 5], text
        members.wait_config(text)
        progress(writers, "writes with five servers")
        # Of five any two may be away, an old one and a new one.
        for sid in (1, 5):
            members.server(sid).kill()
        progress(writers, "writes with three of five servers")
        for sid in (1, 5):
            members.server(sid).start()
        ensemble.wait_serving(5)

        leader = ensemble.leader().sid
        other = next(sid for sid in (1, 2, 3) if sid != leader)
        text = reconfig(admin, "three members", leaving=f"{leader},{other}")
        left = voters_of(text)
        assert left == sorted({1, 2, 3, 4, 5} - {leader, other}), text
        progress(writers, "writes without the old leader")
        # Those that have left follow on without a vote, until somebody ends them.
        old = members.server(leader)
        wait_for("the old leader follows", lambda: old.mode() == "follower")
        old.kill()
        old.start()
        wait_for("the old leader follows after a restart", lambda: old.mode() == "follower")
        for sid in (leader, other):
            members.stop(sid)
        progress(writers, "writes with the three that are left")
        for writer in writers:
            writer.ending.set()
            writer.join(30)
            assert not writer.lost and writer.zk.client_id[0] == writer.session, writer.name

        # Nothing acknowledged is lost, and the config is found again by a start of all of them.
        for server in ensemble.servers:
            wait_for("the file names it", lambda s=server: f"dynamicConfigFile={s.config}.dynamic."
                     f"{version_of(text):x}\n" in s.config.read_text())
        for server in ensemble.servers:
            server.stop()
            text_of = server.config.read_text()
            assert not [line for line in text_of.splitlines() if line.startswith("server.")], text_of
        for server in ensemble.servers:
            server.start()
        ensemble.wait_serving(3)
        members.wait_config(text)
        reader = client(ensemble.connect)
        for writer in writers:
            there = {f"/w-{writer.name}/{name}" for name in reader.get_children(f"/w-{writer.name}")}
            missing = [path for path in writer.acknowledged if path not in there]
            assert not missing, missing[:5]
            assert reader.exists(writer.mine).ephemeralOwner == writer.session
        for zk in [admin, reader] + [w.zk for w in writers]:
            zk.stop()
            zk.close()


def files_are_zookeepers():
    """What a first start and a reconfig leave beside zoo.cfg."""
    with Members(["quorate"] * 3) as members:
        ensemble = members.ensemble
        static = {}
        for server in ensemble.servers:
            server.config.write_text("# A comment stays.\n" + server.config.read_text())
            static[server.sid] = server.config.read_text()
        ensemble.start()
        zk = client(ensemble.connect)
        text = zk.get("/zookeeper/config")[0].decode()
        assert version_of(text) == 0x100000000, text
        for server in ensemble.servers:
            wait_for("the first config is written",
                     lambda s=server: (s.folder / "zoo.cfg.dynamic.100000000").exists())
            lines = (server.folder / "zoo.cfg.dynamic.100000000").read_text()
            assert lines == text.rsplit("\n", 1)[0], lines
            assert (server.folder / "zoo.cfg.bak").read_text() == static[server.sid]
            now = server.config.read_text()
            assert now.startswith("# A comment stays.\n") and f"clientPort={server.client_port}\n" in now, now
            assert now.endswith(f"dynamicConfigFile={server.config}.dynamic.100000000\n"), now
            assert not [line for line in now.splitlines() if line.startswith("server.")], now
        # The member's line may hold the port for clients; then zoo.cfg has it no more.
        text = reconfig(zk, "a client port", joining=members.line(2))
        members.wait_config(text)
        wait_for("its file follows", lambda: (members.server(2).folder /
                                              f"zoo.cfg.dynamic.{version_of(text):x}").exists())
        now = members.server(2).config.read_text()
        assert "clientPort=" not in now and "clientPort=" in members.server(1).config.read_text(), now
        assert not list(members.server(2).folder.glob("*.next"))
        zk.stop()
        zk.close()


def refusals():
    with Members(["quorate"] * 3, {
            "skipACL": "no",
            "DigestAuthenticationProvider.superDigest": "super:UdxDQl4f9v5oITwcAsO9bmWgHSI="}) as members:
        members.ensemble.start()
        zk = client(members.ensemble.connect)
        fine = "server.9=127.0.0.1:1:2;127.0.0.1:3"
        refused(NoAuthError, zk.reconfig, fine, None, None)
        root = client(members.ensemble.connect, auth_data=[("digest", "super:super123")])
        for zk_ in (zk, root):  # The right to write is asked for last.
            refused(BadVersionError, zk_.reconfig, fine, None, None, from_config=5)
            refused(BadArgumentsError, zk_.reconfig, "server.9=127.0.0.1:1:2", None, None)
            refused(BadArgumentsError, zk_.reconfig, None, "2,3", None)
            refused(BadArgumentsError, zk_.reconfig, None, None, "server.1=x")
            away = ",".join(f"server.{n}=127.0.0.1:{n}:{n + 10};{n + 20}" for n in (7, 8, 9))
            refused(NewConfigNoQuorumError, zk_.reconfig, None, None, away)
        text = reconfig(root, "by the super user", joining=fine)
        assert voters_of(text) == [1, 2, 3, 9]
        for z in (zk, root):
            z.stop()
            z.close()


def observer_becomes_a_participant_and_back():
    with Members(["quorate"] * 3) as members:
        members.ensemble.start()
        four = members.joiner(4)
        zk = client(members.server(1).address)
        for role, mode in (("observer", "observer"), ("participant", "follower"), ("observer", "observer")):
            text = reconfig(zk, role, joining=members.line(4, role))
            wait_for(f"server 4 is a {role}", lambda m=mode: four.mode() == m)
            members.wait_config(text)
            leader = members.ensemble.leader()
            wait_for("the leader counts it", lambda o=int(role == "observer"), s=leader:
                     f"zk_synced_observers\t{o}\n" in four_letter(s.client_port, "mntr"))
            assert f"server.4=127.0.0.1:{members.ports[4][0]}:{members.ports[4][1]}:{role}" in four_letter(
                members.server(1).client_port, "conf")
        through = client(four.address)
        through.create("/through-an-observer", b"")
        zk.sync("/")
        assert zk.exists("/through-an-observer")
        for z in (zk, through):
            z.stop()
            z.close()


def a_smaller_id_joins():
    """The servers there are have to call it back: larger ids open election links."""
    with Members(["quorate"] * 4) as members:
        # The first of four comes later; the others' files do not name it.
        one = members.ensemble.servers.pop(0)
        for server in members.ensemble.servers:
            text = server.config.read_text()
            server.config.write_text("".join(line + "\n" for line in text.splitlines()
                                             if not line.startswith("server.1=")))
        members.ensemble.start()
        (one.data / "initialize").unlink()
        members.ensemble.servers.append(one.start())
        wait_for("server 1 follows", lambda: one.mode() == "follower")
        zk = client(members.server(2).address)
        text = reconfig(zk, "four members", joining=members.line(1))
        assert voters_of(text) == [1, 2, 3, 4]
        members.wait_config(text)
        zk.stop()
        zk.close()


def addresses_change():
    """Ports for clients, of election and quorum of a follower, without a restart."""
    with Members(["quorate"] * 3) as members:
        leader = members.ensemble.start().wait_serving()
        follower = next(s for s in members.ensemble.servers if s is not leader)
        zk = client(leader.address)
        *ports, port = free_ports(3)
        text = reconfig(zk, "other ports",
                        joining=members.line(follower.sid, client_port=port, ports=ports))
        old, follower.client_port = follower.client_port, port
        wait_for("it serves at the new port", lambda: follower.mode() == "follower")
        for gone in (old, *members.ports[follower.sid]):
            wait_for("old ports are closed", lambda p=gone: socket.socket().connect_ex(("127.0.0.1", p)) != 0)
        members.wait_config(text)
        # The two that are left need its new addresses.
        leader.kill()
        members.ensemble.wait_serving(2)
        zk.stop()
        zk.close()


def led_by(kinds, sid):
    members = Members(kinds)
    ensemble = members.ensemble
    try:
        ensemble.start(serving=False)
        leader = ensemble.wait_serving()
        if leader.sid != sid:  # Another one won the first round: hand over by a restart of it.
            leader.kill()
            ensemble.wait_serving(count=2)
            leader.start()
            leader = ensemble.wait_serving()
        assert leader.sid == sid, f"server {leader.sid} leads, wanted {sid}\n{ensemble.describe()}"
        return members
    except BaseException:
        print(ensemble.describe(), file=sys.stderr)
        ensemble.close()
        raise


def change_a_mixed_one(kinds, joins):
    """A fourth comes, a follower of the other kind than the leader's leaves, in the end the leader."""
    with led_by(kinds, 3) as members:
        ensemble = members.ensemble
        zk = client(members.server(2).address)
        members.joiner(4, joins, named=[1, 2, 3])
        text = reconfig(zk, "four members", joining=members.line(4))
        assert voters_of(text) == [1, 2, 3, 4], text
        members.wait_config(text)
        zk.create("/with-four", b"")
        ensemble.wait_equal_zxid()
        name = f"zoo.cfg.dynamic.{version_of(text):x}"
        for server in ensemble.servers:
            wait_for(f"server {server.sid} has {name}", lambda s=server: (s.folder / name).exists())
        files = {(s.folder / name).read_text() for s in ensemble.servers}
        assert len(files) == 1, files
        text = reconfig(zk, "server 1 leaves", leaving="1")
        assert voters_of(text) == [2, 3, 4], text
        members.stop(1)
        members.wait_config(text)
        zk.create("/without-one", b"")
        text = reconfig(zk, "the leader leaves", leaving="3")
        assert voters_of(text) == [2, 4], text
        members.wait_config(text, sids=[2, 4])
        members.stop(3)
        ensemble.wait_serving(2)
        zk.retry(zk.create, "/without-its-leader", b"")
        ensemble.wait_equal_zxid()
        for server in ensemble.servers:
            log = server.log.read_text(errors="replace")
            assert "igest mismatch" not in log and "Digests are not matching" not in log, server.sid
        zk.stop()
        zk.close()


def mixed_led_by_zookeeper():
    change_a_mixed_one(["quorate", "quorate", "zookeeper"], "quorate")


def mixed_led_by_quorate():
    change_a_mixed_one(["zookeeper", "quorate", "quorate"], "zookeeper")


def groups():
    """A majority in most of the groups: three of group 1 and both of group 2 make a quorum of both."""
    settings = {"reconfigEnabled": "true", "group.1": "1:2:3", "group.2": "4:5"}
    with Members(["quorate"] * 5, settings) as members:
        ensemble = members.ensemble
        ensemble.start()
        zk = client(ensemble.connect)
        assert "group.2=4:5\nweight.1=1\n" in zk.get("/zookeeper/config")[0].decode()
        ensemble[1].kill()  # Two of three, and two of two.
        zk.retry(zk.create, "/most", b"")
        ensemble[4].kill()  # One of two is no majority of its group.
        left = [s for s in ensemble.servers if s.alive]
        wait_for("three of five serve nobody", lambda: not any(s.mode() for s in left))
        ensemble[4].start()
        ensemble.wait_serving(4)
        ensemble[1].start()
        ensemble.wait_serving(5)
        refused(BadArgumentsError, zk.retry, zk.reconfig, None, "5", None)
        text = reconfig(zk, "no groups", new_members=members.lines([1, 2, 3]))
        assert "group" not in text and voters_of(text) == [1, 2, 3], text
        zk.stop()
        zk.close()


def shown_without_reconfig():
    """/zookeeper/config names the members of the file; nobody changes it."""
    with Members(["quorate"] * 3, {"reconfigEnabled": "false"}) as members:
        members.ensemble.start()
        expected = "".join(f"server.{sid}=127.0.0.1:{q}:{e}:participant\n"
                           for sid, (q, e) in sorted(members.ports.items())) + "version=0"
        for server in members.ensemble.servers:
            assert config_at(server) == expected, config_at(server)
            assert not list(server.folder.glob("zoo.cfg.*"))
        late = members.ensemble[1].kill()
        zk = client(members.ensemble[2].address)
        for n in range(700):  # More than the others keep for it: it gets a whole tree.
            zk.create(f"/n{n}", b"")
        late.start()
        members.ensemble.wait_serving(3)
        assert config_at(late) == expected
        zk.stop()
        zk.close()


if __name__ == "__main__":
    run_tests([grow_and_shrink_under_load, files_are_zookeepers, refusals,
               observer_becomes_a_participant_and_back, a_smaller_id_joins, addresses_change,
               mixed_led_by_zookeeper, mixed_led_by_quorate, groups, shown_without_reconfig])
