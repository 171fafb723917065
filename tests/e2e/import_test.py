#!/usr/bin/env python3
"""ZooKeeper's data taken over by Quorate and given back, alone and server by server in an ensemble
that goes on serving: every node, Stat, ACL and session is the same afterwards."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import KazooException  # noqa: E402
from kazoo.protocol.states import ZnodeStat  # noqa: E402
from kazoo.security import make_digest_acl  # noqa: E402

# Snapshots and logs of several files within a few hundred writes.
SETTINGS = {"snapCount": 60, "preAllocSize": 64, "autopurge.purgeInterval": 0}


def tool(*arguments, code=0):
    done = subprocess.run([str(BIN / "quorate-server"), *map(str, arguments)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def client(connect, **more):
    zk = KazooClient(hosts=connect, timeout=50, **more)
    zk.start(timeout=30)
    return zk


def fill(zk):
    zk.create("/plain", b"data")
    zk.create("/empty", b"")
    acl = [make_digest_acl("bob", "pw", all=True)]
    zk.add_auth("digest", "bob:pw")
    zk.create("/locked", b"secret", acl=acl)
    for i in range(200):
        zk.create("/queue/item-", str(i).encode(), sequence=True, makepath=True)
    for child in zk.get_children("/queue")[::3]:
        zk.delete("/queue/" + child)
    for i in range(30):
        zk.set("/plain", b"x" * i)
    with_children = zk.transaction()
    with_children.create("/multi", b"m")
    with_children.create("/multi/child", b"c")
    with_children.commit()
    zk.create("/mine", b"", ephemeral=True)


def tree(zk, path="/"):
    """All nodes with data, Stat and ACL; what the server itself keeps below /zookeeper left out."""
    if path == "/zookeeper":
        return {}
    data, stat = zk.get(path)
    acls, _ = zk.get_acls(path)
    found = {path: (data, tuple(stat), tuple(acls))}
    for child in zk.get_children(path):
        found.update(tree(zk, path.rstrip("/") + "/" + child))
    return found


def equal_trees(before, after):
    assert before.keys() == after.keys(), sorted(before.keys() ^ after.keys())
    for path, node in before.items():
        assert node == after[path], f"{path}: {node} became {after[path]}"


def become(server, kind):
    """The data of a stopped server for the other kind, in the same folder; and that kind from now on."""
    if kind == "quorate":
        text = tool("--import", server.data, "--config", server.config)
        assert "WARNING" not in text, text
    else:
        back = server.folder / "back"
        tool("--export", back, "--config", server.config)
        (server.data / "version-2").rename(server.folder / "before")
        (server.data / "quorate-1").rename(server.folder / "quorate-before")
        (back / "version-2").rename(server.data / "version-2")
    server.kind = kind


def alone_there_and_back():
    with Ensemble(["zookeeper"], SETTINGS) as ensemble:
        server = ensemble.start()[1]
        zk = client(ensemble.connect)
        fill(zk)
        before = tree(zk)
        last = server.zxid()
        server.kill()

        # Never an empty tree beside data that nobody took over.
        refused = tool(server.config, code=2)
        assert "--import" in refused, refused
        originals = {p: p.read_bytes() for p in (server.data / "version-2").iterdir()}
        become(server, "quorate")
        assert "has data already" in tool("--import", server.data, "--config", server.config, code=2)
        for path, content in originals.items():
            assert path.read_bytes() == content, f"{path} was changed"
        server.start()
        ensemble.wait_serving()
        # The client has noticed nothing but a lost connection: its session and ephemeral live.
        wait_for("the session goes on", lambda: zk.connected)
        assert server.zxid() >= last
        equal_trees(before, tree(zk))
        zk.create("/queue/item-", b"after", sequence=True)
        names = sorted(zk.get_children("/queue"))
        assert names[-1] == "item-0000000200", names[-1]
        before = tree(zk)
        assert server.stop() == 0
        become(server, "zookeeper")
        server.start()
        ensemble.wait_serving()
        wait_for("the session goes on", lambda: zk.connected)
        equal_trees(before, tree(zk))
        zk.stop()


class Writer:
    """Creates numbered nodes through all changes; knows which were acknowledged."""

    def __init__(self, connect):
        self.zk = client(connect)
        self.acknowledged = []
        self.next = 0
        self.session = self.zk.client_id[0]

    def write(self, count=20):
        done = 0
        while done < count:
            path = f"/w-{self.next}"
            try:
                self.zk.create(path, b"v")
            except KazooException:
                # Unknown outcome: a number is never used twice.
                self.next += 1
                continue
            self.acknowledged.append(path)
            self.next += 1
            done += 1


def server_by_server_there_and_back():
    with Ensemble(["zookeeper"] * 3, SETTINGS) as ensemble:
        ensemble.start()
        writer = Writer(ensemble.connect)
        fill(writer.zk)
        for kind in ("quorate", "zookeeper"):
            for server in ensemble.servers:
                writer.write()
                server.kill()
                become(server, kind)
                server.start()
                ensemble.wait_serving(3)
                writer.write()
        ensemble.wait_equal_zxid()
        trees = []
        for server in ensemble.servers:
            one = client(server.address)
            one.add_auth("digest", "bob:pw")
            trees.append(tree(one))
            one.stop()
        equal_trees(trees[0], trees[1])
        equal_trees(trees[0], trees[2])
        missing = [path for path in writer.acknowledged if path not in trees[0]]
        assert not missing, f"acknowledged and gone: {missing}"
        stat = ZnodeStat(*trees[0]["/mine"][1])
        assert stat.ephemeralOwner == writer.session == writer.zk.client_id[0]
        assert len(writer.acknowledged) == 240
        writer.zk.stop()


if __name__ == "__main__":
    run_tests([alone_there_and_back, server_by_server_there_and_back])
