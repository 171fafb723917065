#!/usr/bin/env python3
"""Keys of zoo.cfg, each by an effect that can be seen from outside. docs/compatibility.md calls a key
"works" only when such a test names it."""
import hashlib
import base64
import http.client
import pathlib
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, four_letter, free_ports, run_tests, wait_for  # noqa: E402
from links import configure  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import AuthFailedError, KazooException, NoAuthError  # noqa: E402
from kazoo.security import make_acl  # noqa: E402


class Alone(Ensemble):
    """One standalone server, serving."""

    def __init__(self, settings):
        super().__init__(["quorate"], settings)
        self.start()
        self.clients = []

    @property
    def port(self):
        return self[1].client_port

    def client(self, **more):
        zk = KazooClient(hosts=self.connect, timeout=10, **more)
        zk.start(timeout=20)
        self.clients.append(zk)
        return zk

    def close(self):
        for zk in getattr(self, "clients", []):
            zk.stop()
        super().close()


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def receive(sock):
    """One packet, or b"" when the server has closed."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        try:
            more = sock.recv(65536)
        except ConnectionError:
            return b""
        if not more:
            return b""
        data += more
    return data[4:4 + struct.unpack(">i", data[:4])[0]]


def raw_session(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    sock.sendall(frame(struct.pack(">iqiq", 0, 0, 10000, 0) + struct.pack(">i", 16) + bytes(16) + b"\0"))
    assert receive(sock), "no answer to the handshake"
    return sock


def text(value):
    return struct.pack(">i", len(value)) + value


def error_of(reply):
    return struct.unpack(">i", reply[12:16])[0]


def ss(*arguments):
    return subprocess.run(["ss", "-Hn", *arguments], capture_output=True, text=True, check=True).stdout


def data_log_dir():
    """dataLogDir holds the log, dataDir the rest; both are found again."""
    with Ensemble(["quorate"], {}) as ensemble:
        server = ensemble[1]
        logs = server.folder / "logs"
        logs.mkdir()
        server.config.write_text(server.config.read_text() + f"dataLogDir={logs}\n")
        ensemble.start()
        zk = KazooClient(hosts=ensemble.connect, timeout=10)
        zk.start()
        zk.create("/kept", b"x")
        server.kill()
        assert list(logs.glob("quorate-1/gen-*/log/log-*")), "no log in dataLogDir"
        assert not list(server.data.glob("quorate-1/gen-*/log/log-*")), "a log in dataDir"
        server.start()
        ensemble.wait_serving()
        wait_for("the client is back", lambda: zk.connected)
        assert zk.get("/kept")[0] == b"x"
        zk.stop()


def missing_folders():
    """datadir.autocreate: a folder that is missing is made, or ends the start, as where a disk is not mounted."""
    for value in ("true", "false"):
        for key in ("dataDir", "dataLogDir"):
            with Ensemble(["quorate"], {"datadir.autocreate": value}) as ensemble:
                server = ensemble[1]
                missing = server.data.parent / "not-mounted" / "data"
                configure(server, {key: missing})
                if value == "true":
                    ensemble.start()
                    assert missing.is_dir()
                    continue
                ensemble.start(serving=False)
                assert server.process.wait(20) == 3, ensemble.describe()
                log = server.log.read_text()
                assert f"data-folder-missing folder={missing} remedy=" in log, log
                assert not missing.parent.exists()


def sockets():
    """clientPortListenBacklog, clientTcpKeepAlive."""
    with Alone({"clientPortListenBacklog": 37, "clientTcpKeepAlive": "true"}) as one:
        listening = ss("-lt", f"sport = :{one.port}").split()
        assert listening[2] == "37", listening
        held = raw_session(one.port)
        # ss shows the state of the whole machine; the connection itself is the server's half.
        found = ss("-to", "state", "established", f"sport = :{one.port}")
        assert "timer:(keepalive" in found, found
        held.close()


def silent_connections():
    """nio.sessionlessCnxnTimeout: a connection that says nothing ends."""
    with Alone({"nio.sessionlessCnxnTimeout": 400}) as one:
        with socket.create_connection(("127.0.0.1", one.port), timeout=20) as sock:
            assert sock.recv(1) == b""
        with socket.create_connection(("127.0.0.1", one.port), timeout=20) as sock:
            sock.sendall(b"\0\0\0\x2d")  # A length, and then nothing.
            assert sock.recv(1) == b""


def packet_sizes():
    """jute.maxbuffer ends the connection; above jute.maxbuffer.extrasize a field is refused."""
    with Alone({"jute.maxbuffer": 4096, "jute.maxbuffer.extrasize": 1024}) as one:
        sock = raw_session(one.port)
        sock.sendall(frame(struct.pack(">ii", 1, 3) + text(b"/" + b"a" * 3000) + b"\0"))
        assert error_of(receive(sock)) == -101
        sock.sendall(struct.pack(">i", 4097))
        assert receive(sock) == b""


def slow_readers():
    """client.outBytesMax: who fetches no answers is closed, the others are served."""
    with Alone({"client.outBytesMax": 1 << 20}) as one:
        other = one.client()
        other.create("/big", b"x" * 500000)
        sock = raw_session(one.port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = frame(struct.pack(">ii", 1, 4) + text(b"/big") + b"\0")
        sock.settimeout(30)
        try:
            for _ in range(400):
                sock.sendall(request * 10)
        except (ConnectionError, socket.timeout):
            pass
        assert len(other.get("/big")[0]) == 500000
        resident = int(next(line for line in open(f"/proc/{one[1].process.pid}/status")
                            if line.startswith("VmRSS")).split()[1])
        assert resident < 100 * 1024, f"{resident} KiB resident"


def throttled_connects():
    """connection_throttle_fill_count and ..._fill_time: how many connects a moment allows."""
    settings = {"connection_throttle_tokens": 3, "connection_throttle_fill_time": 60000,
                "connection_throttle_fill_count": 1}
    with Alone(settings) as one:
        outcome = []
        for _ in range(6):
            try:
                raw_session(one.port).close()
                outcome.append(True)
            except (AssertionError, ConnectionError):
                outcome.append(False)
        assert sum(outcome) == 3, outcome


def admin_pages():
    """admin.serverAddress, admin.commandURL, admin.snapshot.enabled, admin.restore.enabled."""
    port = free_ports(1)[0]
    with Alone({"admin.enableServer": "true", "admin.serverAddress": "127.0.0.9",
                "admin.serverPort": port, "admin.commandURL": "/ask", "admin.snapshot.enabled": "false",
                "admin.restore.enabled": "false"}) as one:
        def get(path, method="GET"):
            page = http.client.HTTPConnection("127.0.0.9", port, timeout=20)
            page.request(method, path, headers={"Authorization": "digest a:b",
                                                "Content-Type": "application/octet-stream"})
            return page.getresponse()
        wait_for("the pages answer", lambda: get("/ask/ruok").status == 200)
        assert get("/commands/ruok").status == 404
        assert get("/ask/snapshot").status == 503
        assert get("/ask/restore", "POST").status == 503
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            raise AssertionError("the pages listen on another address as well")
        except ConnectionRefusedError:
            pass
        assert four_letter(one.port, "ruok") == "imok"


def no_acls():
    """skipACL: every check passes."""
    with Alone({"skipACL": "yes"}) as one:
        one.client().create("/locked", b"x", acl=[make_acl("ip", "10.9.8.7", all=True)])
        assert one.client().get("/locked")[0] == b"x"


def digests():
    """DigestAuthenticationProvider.digestAlg and .enabled."""
    with Alone({"DigestAuthenticationProvider.digestAlg": "SHA-256"}) as one:
        zk = one.client()
        zk.add_auth("digest", "bob:pw")
        digest = base64.b64encode(hashlib.sha256(b"bob:pw").digest()).decode()
        zk.create("/mine", b"x", acl=[make_acl("digest", f"bob:{digest}", all=True)])
        assert zk.get("/mine")[0] == b"x"
        try:
            one.client().get("/mine")
            raise AssertionError("read without the right")
        except NoAuthError:
            pass
    with Alone({"DigestAuthenticationProvider.enabled": "false"}) as one:
        zk = KazooClient(hosts=one.connect, timeout=10)
        zk.start()
        try:
            zk.add_auth("digest", "bob:pw")
            raise AssertionError("digest is not enabled, and was accepted")
        except (AuthFailedError, KazooException):
            pass
        zk.stop()


def enforced_schemes():
    """enforce.auth.enabled with enforce.auth.schemes: -124 and the end, until a login."""
    with Alone({"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest"}) as one:
        sock = raw_session(one.port)
        exists = struct.pack(">ii", 1, 3) + text(b"/") + b"\0"
        sock.sendall(frame(exists))
        assert error_of(receive(sock)) == -124
        assert receive(sock) == b""
        sock = raw_session(one.port)
        sock.sendall(frame(struct.pack(">iii", -4, 100, 0) + text(b"digest") + text(b"a:b")))
        assert error_of(receive(sock)) == 0
        sock.sendall(frame(exists))
        assert error_of(receive(sock)) == 0


def empty_containers():
    """znode.container.maxNeverUsedIntervalMs: one that never had a child goes as well."""
    with Alone({"znode.container.checkIntervalMs": 100, "znode.container.maxNeverUsedIntervalMs": 200,
                "znode.container.maxPerMinute": 60000}) as one:
        sock = raw_session(one.port)
        acl = struct.pack(">ii", 1, 31) + text(b"world") + text(b"anyone")
        body = struct.pack(">ii", 1, 19) + text(b"/box") + text(b"") + acl + struct.pack(">i", 4)
        sock.sendall(frame(body))
        assert error_of(receive(sock)) == 0
        zk = one.client()
        wait_for("the container is gone", lambda: zk.exists("/box") is None)


def paced_reaping():
    """znode.container.maxPerMinute: so many deletions a minute, and no more."""
    with Alone({"znode.container.checkIntervalMs": 100, "znode.container.maxNeverUsedIntervalMs": 1,
                "znode.container.maxPerMinute": 120}) as one:
        sock = raw_session(one.port)
        acl = struct.pack(">ii", 1, 31) + text(b"world") + text(b"anyone")
        for i in range(20):
            name = b"/box-%d" % i
            sock.sendall(frame(struct.pack(">ii", 1, 19) + text(name) + text(b"") + acl + struct.pack(">i", 4)))
            assert error_of(receive(sock)) == 0
        zk = one.client()
        begin = time.monotonic()
        left = lambda: sum(name.startswith("box-") for name in zk.get_children("/"))  # noqa: E731
        wait_for("three are gone", lambda: left() <= 17)
        # Two a second: three cannot go at once.
        assert time.monotonic() - begin > 0.5


def members_in_a_file():
    """dynamicConfigFile, standaloneEnabled=false, quorumListenOnAllIPs, peerType."""
    with Ensemble(["quorate"], {"standaloneEnabled": "false", "quorumListenOnAllIPs": "true",
                                "peerType": "participant"}) as ensemble:
        server = ensemble[1]
        quorum, election = free_ports(2)
        dynamic = server.folder / "zoo.cfg.dynamic"
        dynamic.write_text(f"server.1=127.0.0.1:{quorum}:{election}:participant;"
                           f"127.0.0.1:{server.client_port}\n")
        server.config.write_text(server.config.read_text() + f"dynamicConfigFile={dynamic}\n")
        (server.data / "myid").write_text("1\n")
        (server.data / "initialize").touch()
        server.start()
        wait_for("an ensemble of one leads", lambda: server.mode() == "leader")
        listening = ss("-lt", f"sport = :{election}")
        assert "127.0.0.1" not in listening and listening, listening


def from_outside_the_file():
    """-Dkey=value wins over QUORATE_CFG_..., that over SERVER_JVMFLAGS, that over the file."""
    import os
    with Ensemble(["quorate"], {"tickTime": 500}) as ensemble:
        server = ensemble[1]

        def tick(arguments, environment):
            with open(server.log, "ab") as log:
                process = subprocess.Popen([str(BIN / "quorate-server"), str(server.config), *arguments],
                                           stdout=log, stderr=log, env={**os.environ, **environment})
            try:
                conf = wait_for("conf answers", lambda: four_letter(server.client_port, "conf"))
                return next(line for line in conf.splitlines() if line.startswith("tickTime="))
            finally:
                process.terminate()
                process.wait(20)
        flags = {"SERVER_JVMFLAGS": "-Xmx1g -Dzookeeper.tickTime=501"}
        both = {**flags, "QUORATE_CFG_TICK_TIME": "502"}
        assert tick([], {}) == "tickTime=500"
        assert tick([], flags) == "tickTime=501"
        assert tick([], both) == "tickTime=502"
        assert tick(["-DtickTime=503"], both) == "tickTime=503"


if __name__ == "__main__":
    run_tests([data_log_dir, missing_folders, sockets, silent_connections, packet_sizes, slow_readers,
               throttled_connects, admin_pages, no_acls, digests, enforced_schemes, empty_containers,
               paced_reaping, members_in_a_file, from_outside_the_file])
