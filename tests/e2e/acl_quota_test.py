#!/usr/bin/python3
"""Authentication, ACLs, quotas, containers and TTL nodes, by kazoo and by raw frames.

QUORATE_ORACLE=1 asks ZooKeeper 3.8.0 the same.
"""
import base64
import hashlib
import logging
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402
from frames import Frames, raises  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import AuthFailedError, InvalidACLError, NoAuthError, NoNodeError  # noqa: E402
from kazoo.protocol.states import EventType  # noqa: E402
from kazoo.security import ACL, Id, make_acl, make_digest_acl  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)

CREATE, DELETE, EXISTS, SET, AUTH = 1, 2, 3, 5, 100
CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL, SASL, CLOSE = 19, 20, 21, 102, -11
OK, UNIMPLEMENTED, BAD_ARGUMENTS, NO_NODE, AUTH_FAILED, QUOTA = 0, -6, -8, -101, -115, -125


def digest(user, password):
    hashed = hashlib.sha1(f"{user}:{password}".encode()).digest()
    return f"{user}:{base64.b64encode(hashed).decode()}"


SETTINGS = {
    "DigestAuthenticationProvider.superDigest": digest("super", "secret"),
    "enforceQuota": "true",
    "extendedTypesEnabled": "true",
}
# ZooKeeper takes these from the command line only.
CONTAINER_SETTINGS = {"znode.container.checkIntervalMs": 200}


def servers(count=1, settings=None):
    ensemble = Ensemble(["quorate"] * count, {**SETTINGS, **CONTAINER_SETTINGS, **(settings or {})})
    for server in ensemble.servers:
        server.jvm_options = [f"-D{key}={value}" for key, value in CONTAINER_SETTINGS.items()]
    return ensemble.start()


def client(hosts, auth=None):
    c = KazooClient(hosts=hosts, timeout=6.0, auth_data=auth, randomize_hosts=False)
    c.start(timeout=30)
    return c


# ---- Frames by hand ------------------------------------------------------------------------------
def text(value):
    raw = value.encode()
    return struct.pack(">i", len(raw)) + raw


OPEN = struct.pack(">ii", 1, 31) + text("world") + text("anyone")


class Raw(Frames):
    """A session of frames."""

    def ask(self, op, body, xid=None):
        """(error, zxid, body) of the reply."""
        self.xid += 1
        xid = self.xid if xid is None else xid
        self.send(struct.pack(">ii", xid, op) + body)
        reply = self.receive()
        got, zxid, error = struct.unpack(">iqi", reply[:16])
        assert got == xid, (got, xid)
        return error, zxid, reply[16:]

    def create(self, path, data=b"", flags=0, op=CREATE, ttl=None):
        body = text(path) + struct.pack(">i", len(data)) + data + OPEN + struct.pack(">i", flags)
        return self.ask(op, body + (b"" if ttl is None else struct.pack(">q", ttl)))[0]

    def delete(self, path):
        return self.ask(DELETE, text(path) + struct.pack(">i", -1))[0]

    def set(self, path, data):
        return self.ask(SET, text(path) + struct.pack(">i", len(data)) + data
                        + struct.pack(">i", -1))[0]

    def exists(self, path):
        error = self.ask(EXISTS, text(path) + b"\0")[0]
        assert error in (OK, NO_NODE), error
        return error == OK

    def is_closed(self):
        try:
            self.read(1)
            return False
        except (EOFError, ConnectionResetError):
            return True

    def close(self):
        self.ask(CLOSE, b"")
        self.sock.close()


# ---- Tests ---------------------------------------------------------------------------------------
def digest_auth_and_the_super_user():
    with servers() as ensemble:
        owner = client(ensemble.connect, [("digest", "bob:pw")])
        other = client(ensemble.connect)
        owner.create("/mine", b"1", acl=[make_digest_acl("bob", "pw", all=True)])
        owner.create("/auth", b"2", acl=[make_acl("auth", "", all=True)])
        raises(InvalidACLError, other.create, "/nobody", b"", acl=[make_acl("auth", "", all=True)])
        assert owner.get_acls("/auth")[0] == [ACL(31, Id("digest", digest("bob", "pw")))]
        for path in ("/mine", "/auth"):
            assert owner.get(path)[0] and owner.set(path, b"x").version == 1
            raises(NoAuthError, other.get, path)
            raises(NoAuthError, other.set, path, b"y")
            raises(NoAuthError, other.create, path + "/x", b"")
            raises(NoAuthError, other.set_acls, path, [make_acl("world", "anyone", all=True)])
        # Who may read but not administrate sees no hashes.
        owner.set_acls("/auth", [make_digest_acl("bob", "pw", all=True),
                                 make_acl("world", "anyone", read=True)])
        assert other.get_acls("/auth")[0][0].id.id == "bob:x"
        # A second login on the same connection; the same one twice is one.
        other.add_auth("digest", "bob:pw")
        other.add_auth("digest", "bob:pw")
        assert other.get("/mine")[0] == b"x"
        boss = client(ensemble.connect, [("digest", "super:secret")])
        assert boss.get("/mine")[0] == b"x"
        boss.set_acls("/mine", [make_acl("world", "anyone", all=True)])
        boss.set("/zookeeper/config", boss.get("/zookeeper/config")[0])
        wrong = client(ensemble.connect, [("digest", "super:wrong")])
        raises(NoAuthError, wrong.set, "/zookeeper/config", b"")
        raises(AuthFailedError, client(ensemble.connect).add_auth, "nobody", "x")
        for c in (owner, other, boss, wrong):
            c.stop()


def lists_by_address():
    with servers() as ensemble:
        c = client(ensemble.connect)
        c.create("/near", b"", acl=[make_acl("ip", "127.0.0.0/8", all=True)])
        c.create("/far", b"", acl=[make_acl("ip", "10.9.8.7", all=True)])
        assert c.get("/near")[0] == b""
        raises(NoAuthError, c.get, "/far")
        for bad in ("127.0.0.0/33", "localhost", "1.2.3"):
            raises(InvalidACLError, c.create, "/bad", b"", acl=[make_acl("ip", bad, all=True)])
        c.add_auth("ip", "")
        raises(InvalidACLError, c.create, "/bad", b"", acl=[make_acl("auth", "", all=True)])
        c.stop()


def auth_frames():
    with servers() as ensemble:
        raw = Raw(ensemble[1].client_port)
        packet = struct.pack(">i", 0) + text("digest") + text("bob:pw")
        assert raw.ask(AUTH, packet, xid=-4) == (OK, 0, b"")
        assert raw.ask(SASL, text("token")) == (OK, 0, b"\xff\xff\xff\xff")
        for scheme, data in (("world", text("x")), ("sasl", text("x")), ("auth", text("x")),
                             ("super", text("x")), ("digest", b"\xff\xff\xff\xff")):
            bad = Raw(ensemble[1].client_port)
            assert bad.ask(AUTH, struct.pack(">i", 0) + text(scheme) + data, xid=-4)[0] == AUTH_FAILED
            assert bad.is_closed(), scheme
        raw.close()


def quotas():
    with servers() as ensemble:
        c = client(ensemble.connect)
        raw = Raw(ensemble[1].client_port)
        root = "/zookeeper/quota"
        c.create("/app", b"12345")
        c.create("/app/a", b"1")
        c.create(root + "/app", b"")
        c.create(root + "/app/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=4")
        c.create(root + "/app/zookeeper_stats", b"")
        stats = lambda: c.get(root + "/app/zookeeper_stats")[0]  # noqa: E731
        before = c.exists(root + "/app/zookeeper_stats")
        assert stats() == b"count=2,bytes=6", stats()
        c.create("/app/b", b"22")
        c.create("/app/b/c", b"333")
        assert stats() == b"count=4,bytes=11", stats()
        assert raw.create("/app/d") == QUOTA
        c.delete("/app/b/c")
        assert raw.create("/app/d") == OK
        assert raw.set("/app/d", b"x" * 13) == QUOTA
        assert raw.set("/app/d", b"x" * 12) == OK
        assert stats() == b"count=4,bytes=20", stats()
        told = four_letter(ensemble[1].client_port, "mntr")
        assert "zk_app_quota_exceeded_error_per_namespace\t2\n" in told, told
        assert raw.set("/app/d", b"") == OK
        after = c.exists(root + "/app/zookeeper_stats")
        assert (after.version, after.mzxid, after.mtime) == (0, before.mzxid, before.mtime)
        c.create("/other", b"x" * 100)
        # After a restart the quota counts as before.
        ensemble[1].kill()
        ensemble[1].start()
        ensemble.wait_serving()
        wait_for("kazoo is back", lambda: c.connected)
        assert c.retry(stats) == b"count=4,bytes=8"
        raw = Raw(ensemble[1].client_port)
        assert raw.create("/app/e") == QUOTA
        c.delete(root + "/app/zookeeper_limits")
        assert raw.create("/app/e") == OK
        c.stop()


def containers_and_ttl_nodes(count=1):
    with servers(count) as ensemble:
        c = client(ensemble[count].address)
        raw = Raw(ensemble[count].client_port)
        gone = []
        assert raw.create("/box", op=CREATE_CONTAINER, flags=4) == OK
        assert raw.create("/new", op=CREATE_CONTAINER, flags=4) == OK
        assert raw.create("/full", op=CREATE_CONTAINER, flags=4) == OK
        assert c.exists("/box", watch=gone.append).ephemeralOwner == 0
        for path in ("/box/x", "/full/x"):
            assert raw.create(path) == OK
        for flags, ttl, error in ((5, 0, BAD_ARGUMENTS), (5, 2**40, BAD_ARGUMENTS),
                                  (0, 1000, BAD_ARGUMENTS), (7, 1, BAD_ARGUMENTS)):
            assert raw.create("/bad", op=CREATE_TTL, flags=flags, ttl=ttl) == error, (flags, ttl)
        assert raw.create("/plain", flags=5) == BAD_ARGUMENTS
        assert raw.create("/short", op=CREATE_TTL, flags=5, ttl=300) == OK
        assert raw.create("/parent", op=CREATE_TTL, flags=5, ttl=300) == OK
        assert raw.create("/parent/x") == OK
        assert raw.create("/long", op=CREATE_TTL, flags=5, ttl=1000000) == OK
        assert raw.create("/short-", op=CREATE_TTL, flags=6, ttl=300) == OK
        wait_for("TTL nodes reaped", lambda: not raw.exists("/short"))
        wait_for("numbered TTL nodes reaped",
                 lambda: not any(n.startswith("short-") for n in c.get_children("/")))
        assert raw.exists("/box") and raw.exists("/parent") and raw.exists("/long")
        assert raw.delete("/box/x") == OK
        wait_for("the empty container reaped", lambda: not raw.exists("/box"))
        wait_for("the watcher told", lambda: gone)
        assert gone[0].type == EventType.DELETED and gone[0].path == "/box"
        assert raw.delete("/parent/x") == OK
        wait_for("the emptied TTL node reaped", lambda: not raw.exists("/parent"))
        assert raw.exists("/new") and raw.exists("/full") and raw.exists("/full/x")
        # The reaper's operation is not for clients.
        assert raw.ask(DELETE_CONTAINER, text("/new"))[0] in (UNIMPLEMENTED, BAD_ARGUMENTS)
        if count > 1:
            ensemble.wait_equal_zxid()
            for server in ensemble.servers:
                names = client(server.address).get_children("/")
                assert sorted(names) == ["full", "long", "new", "zookeeper"], (server.sid, names)
        c.stop()


def containers_in_an_ensemble():
    containers_and_ttl_nodes(3)


def without_extended_types():
    with servers(settings={"extendedTypesEnabled": "false", "enforceQuota": "false"}) as ensemble:
        raw = Raw(ensemble[1].client_port)
        assert raw.create("/t", op=CREATE_TTL, flags=5, ttl=100) == UNIMPLEMENTED
        assert raw.create("/t", flags=6) == UNIMPLEMENTED
        assert raw.create("/q") == OK
        for path, data in (("", b""), ("/zookeeper_limits", b"count=1,bytes=1=;countHardLimit=1"),
                           ("/zookeeper_stats", b"")):
            assert raw.create("/zookeeper/quota/q" + path, data) == OK
        assert raw.create("/q/1") == OK and raw.create("/q/2", b"xyz") == OK
        raw.close()
        raises(NoNodeError, client(ensemble.connect).get, "/t")


if __name__ == "__main__":
    run_tests([digest_auth_and_the_super_user, lists_by_address, auth_frames, quotas,
               containers_and_ttl_nodes, containers_in_an_ensemble, without_extended_types])
