#!/usr/bin/python3
"""Four-letter words, admin pages and metrics of a live server.

QUORATE_ORACLE=1 runs what holds for both against ZooKeeper, and compares sets of keys.
"""
import http.client
import json
import os
import pathlib
import pwd
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble as support  # noqa: E402
from ensemble import Ensemble, four_letter, free_ports, run_tests, wait_for  # noqa: E402
from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, NotEmptyError  # noqa: E402
from kazoo.exceptions import SessionExpiredError  # noqa: E402
from kazoo.security import make_acl, make_digest_acl  # noqa: E402

ORACLE = bool(os.environ.get("QUORATE_ORACLE"))
support.ZOOKEEPER_CLASSPATH += "".join(
    f":/usr/share/java/{jar}.jar" for jar in (
        "zookeeper-jute", "jetty9-server", "jetty9-servlet", "jetty9-util", "jetty9-http", "jetty9-io",
        "jetty9-security", "jetty9-util-ajax", "servlet-api", "jackson-core", "jackson-databind",
        "jackson-annotations", "metrics-core", "snappy-java", "netty-all", "commons-cli"))
PROVIDER = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
COMMANDS = """configuration connection_stat_reset connections dirs dump environment get_trace_mask hash
initial_configuration is_read_only last_snapshot leader monitor observer_connection_stat_reset observers ruok
server_stats set_trace_mask stat_reset stats system_properties voting_view watch_summary watches
watches_by_path zabstate""".split()


class Alone:
    """One standalone server with admin pages, and a client of it."""

    def __init__(self, settings=None, client=True):
        self.admin = free_ports(1)[0]
        self.ensemble = Ensemble(["quorate"], {"admin.enableServer": "true", "admin.serverPort": self.admin,
                                               **(settings or {})})
        self.server = self.ensemble[1]
        self.ensemble.start(serving="4lw.commands.whitelist" not in (settings or {}))
        self.client = None
        if client:
            self.client = KazooClient(self.ensemble.connect, timeout=10)
            self.client.start(timeout=30)

    def word(self, word):
        return four_letter(self.server.client_port, word, timeout=10)

    def mntr(self):
        return dict(line.split("\t", 1) for line in self.word("mntr").splitlines())

    def get(self, path, method="GET", headers=None, body=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.admin, timeout=10)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def command(self, name, **options):
        status, _, body = self.get(f"/commands/{name}", **options)
        assert status == 200, (name, status, body)
        return json.loads(body)

    def metrics(self, port=None):
        status, headers, body = self.get("/metrics", port=port)
        assert status == 200 and headers["Content-Type"].startswith("text/plain"), (status, headers)
        return parse_metrics(body)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.client:
            self.client.stop()
            self.client.close()
        self.ensemble.__exit__(kind, error, trace)


def parse_metrics(text):
    """{name: type}, {sample with labels: value}; every sample belongs to the family above it."""
    types, samples, family = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            family, kind = line[7:].split(" ")
            assert family not in types and kind in ("gauge", "counter", "summary"), line
            types[family] = kind
        elif not line.startswith("#"):
            found = re.fullmatch(r"([a-zA-Z_:][\w:]*)(\{[^}]*\})? (NaN|[-+0-9.eE]+)", line)
            assert found and found[1].startswith(family), line
            samples[found[1] + (found[2] or "")] = float(found[3])
    return types, samples


def work(client):
    client.create("/app", b"x")
    client.create("/app/e", b"", ephemeral=True)
    client.get("/app", watch=lambda event: None)
    client.exists("/app/none", watch=lambda event: None)
    client.get_children("/app", watch=lambda event: None)
    for i in range(20):
        client.set("/app", b"%d" % i)
        client.get("/app")
    client.get("/app", watch=lambda event: None)


def test_every_word_has_zookeepers_text():
    with Alone() as alone:
        work(alone.client)
        sid = alone.client.client_id[0] & (2 ** 64 - 1)
        assert alone.word("ruok") == "imok"
        assert alone.word("isro") == "rw"
        assert re.fullmatch(r"Zookeeper version: \S+?-\S+, built on [^\n]+\nLatency min/avg/max: \d+/\d+\.\d+/\d+\n"
                            r"Received: \d+\nSent: \d+\nConnections: \d+\nOutstanding: \d+\nZxid: 0x[0-9a-f]+\n"
                            r"Mode: standalone\nNode count: \d+\n", alone.word("srvr")), alone.word("srvr")
        line = r" /127\.0\.0\.1:\d+\[\d\]\(queued=\d+,recved=\d+,sent=\d+"
        assert re.search(rf"built on [^\n]+\nClients:\n({line}\)\n)+\nLatency ", alone.word("stat")), alone.word("stat")
        cons = alone.word("cons")
        assert re.search(rf"{line},sid={sid:#x},lop=GETD,est=\d{{13}},to=10000,lcxid=0x[0-9a-f]+,lzxid=0x[0-9a-f]+,"
                         r"lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)\n", cons), cons
        assert cons.endswith(")\n\n"), cons
        date = r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}"
        dump = alone.word("dump")
        assert re.fullmatch(rf"SessionTracker dump:\nSession Sets \(\d+\)/\(1\):\n(\d+ expire at {date}:\n(\t0x\w+\n)*)+"
                            rf"ephemeral nodes dump:\nSessions with Ephemerals \(1\):\n{sid:#x}:\n\t/app/e\n"
                            rf"Connections dump:\nConnections Sets \(\d+\)/\(\d+\):\n(\d+ expire at {date}:\n"
                            r"(\tip: /127\.0\.0\.1:\d+ sessionId: 0x\w+\n)*)+", dump), dump
        assert alone.word("wchs") == "1 connections watching 2 paths\nTotal watches:2\n", alone.word("wchs")
        paths = [("/app", "/app/none"), ("/app/none", "/app")]  # ZooKeeper: in no order.
        assert alone.word("wchc") in [f"{sid:#x}\n\t{a}\n\t{b}\n\n" for a, b in paths], alone.word("wchc")
        assert alone.word("wchp") in [f"{a}\n\t{sid:#x}\n{b}\n\t{sid:#x}\n\n" for a, b in paths], alone.word("wchp")
        assert re.fullmatch(r"datadir_size: \d+\nlogdir_size: \d+\n", alone.word("dirs"))
        assert alone.word("envi").startswith("Environment:\nzookeeper.version=")
        conf = alone.word("conf")
        assert f"clientPort={alone.server.client_port}\n" in conf and conf.endswith("serverId=0\n"), conf
        assert alone.word("hash") == ""
        assert alone.word("gtmk") == "306"
        mask = struct.pack(">q", 5).decode("latin-1")
        assert alone.word("stmk" + mask) == "5" and alone.word("gtmk") == "5"
        assert alone.word("crst") == "Connection stats reset.\n"
        assert ",lop=NA," in alone.word("cons") or ",lop=PING," in alone.word("cons"), alone.word("cons")
        assert alone.word("srst") == "Server stats reset.\n"
        assert int(alone.mntr()["zk_packets_received"]) <= 5, alone.mntr()
        with socket.create_connection(("127.0.0.1", alone.server.client_port), timeout=5) as telnet:
            telnet.sendall(b"\xff\xf4\xff\xfd")
            assert telnet.recv(100) == b""


def test_mntr_has_zookeepers_keys_and_they_move():
    with Alone() as alone:
        before = alone.mntr()
        work(alone.client)
        after = wait_for("the last answers to be counted",
                         lambda: (now := alone.mntr()) and int(now["zk_cnt_updatelatency"]) >= 22 and now)

        def grew(key, least=1):
            delta = float(after[key]) - float(before[key])
            assert delta >= least, (key, before[key], after[key])

        for key, least in {"packets_received": 46, "packets_sent": 46, "znode_count": 2, "ephemerals_count": 1,
                           "watch_count": 3, "approximate_data_size": 5, "bytes_received_count": 500,
                           "response_bytes": 1000, "watch_bytes": 20, "cnt_readlatency": 24,
                           "cnt_fsynctime": 10, "cnt_propagation_latency": 22,
                           "cnt_node_changed_watch_count": 1, "sync_processor_request_queued": 22,
                           "uptime": 1}.items():
            grew("zk_" + key, least)
        assert after["zk_connection_request_count"] == "1" and after["zk_global_sessions"] == "1", after
        assert int(after["zk_cnt_app_read_per_namespace"]) >= 23, after
        assert int(after["zk_cnt_app_write_per_namespace"]) >= 21, after
        assert after["zk_proposal_count"] == after["zk_commit_count"] == "0", after
        assert re.fullmatch(r"\d+\.\d{1,4}", after["zk_avg_latency"]), after
        assert int(after["zk_open_file_descriptor_count"]) > 5 < int(after["zk_max_file_descriptor_count"])


def test_words_outside_the_whitelist_are_refused():
    with Alone({"4lw.commands.whitelist": "ruok, wchc"}, client=False) as alone:
        wait_for("an answer", lambda: alone.word("ruok") == "imok")
        wait_for("a served word", lambda: alone.word("wchc") == "\n")
        assert "Mode: " in alone.word("srvr"), "always answered"
        for word in ("isro", "mntr", "stat", "srst"):
            answer = alone.word(word)
            assert answer == f"{word} is not executed because it is not in the whitelist.\n", (word, answer)


def test_by_default_the_cheap_words_are_answered():
    if ORACLE:
        return
    with Alone(client=False) as alone:
        config = alone.server.config
        config.write_text("".join(line for line in config.read_text().splitlines(True)
                                  if not line.startswith("4lw")))
        alone.server.stop()
        alone.ensemble.start()
        for word in ("ruok", "srvr", "isro", "mntr", "conf", "envi", "dirs"):
            assert "whitelist" not in alone.word(word), word
        for word in ("stat", "cons", "dump", "wchs", "wchc", "wchp", "crst", "srst", "stmk"):
            assert alone.word(word) == f"{word} is not executed because it is not in the whitelist.\n"


def test_every_command_over_http():
    with Alone() as alone:
        work(alone.client)
        sid = alone.client.client_id[0]
        status, headers, body = alone.get("/commands")
        assert status == 200 and headers.get("Content-Type", "text/html").startswith("text/html")
        for name in COMMANDS:
            assert f'<a href="/commands/{name}">{name}</a>\n<br/>\n' in body, name
            answer = alone.command(name + ("?traceMask=306" if name == "set_trace_mask" else ""))
            assert answer["command"] == name, answer
            assert answer["error"] is None or name == "leader", answer
        status, headers, body = alone.get("/commands/ruok")
        assert body == '{\n  "command" : "ruok",\n  "error" : null\n}', body
        assert headers["Content-Type"].startswith("application/json")
        assert alone.command("nonsense")["error"] == "Unknown command: nonsense"
        connection, = [one for one in alone.command("cons")["connections"] if one.get("session_id") == sid]
        assert connection["session_timeout"] == 10000 and connection["established"] > 10 ** 12
        assert alone.command("wchs") == {"num_connections": 1, "num_paths": 2, "num_total_watches": 2,
                                         "command": "watch_summary", "error": None}
        assert alone.command("wchp")["path_to_session_ids"] == {"/app": [sid], "/app/none": [sid]}
        dump = alone.command("dump")
        assert dump["session_id_to_ephemeral_paths"] == {str(sid): ["/app/e"]}
        assert [sid] in dump["expiry_time_to_session_ids"].values()
        assert alone.command("icfg")["initial_configuration"] == alone.server.config.read_text()
        assert alone.command("stmk?traceMask=7")["tracemask"] == alone.command("gtmk")["tracemask"] == 7
        assert alone.command("stmk")["error"] == "setTraceMask requires long traceMask argument"
        assert alone.command("lead")["error"] == "server is not initialized"
        stats = alone.command("srvr")
        assert stats["server_stats"]["server_state"] == "standalone" and stats["node_count"] >= 7
        mntr, monitor = alone.mntr(), alone.command("monitor")
        same = {key[3:] for key in mntr} - {"followers"}
        assert same ^ set(monitor) - {"followers"} == {"command", "error"}, same ^ set(monitor)
        assert isinstance(monitor["avg_latency"], float) and isinstance(monitor["znode_count"], int)


BOB = {"Authorization": "digest bob:pw"}


def test_commands_that_change_or_copy_the_tree():
    if ORACLE:
        return
    with Alone() as alone:
        assert alone.get("/commands/mntr", method="POST", body=b"x")[0] == 500
        assert alone.get("/commands", method="TRACE")[0] == 403
        assert alone.client.exists("/zookeeper")


def download(alone, query="", headers=None, name="snapshot"):
    """Status, headers and bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", alone.admin, timeout=20)
    try:
        connection.request("GET", f"/commands/{name}{query}", headers=BOB if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def check_seals(data):
    """The parts of a snapshot from its end: zxid, digest, tree, each behind an Adler-32 of all before."""
    end = len(data)
    for length in (8, 20, None):
        checksum, slash = struct.unpack(">q5s", data[end - 13:end])
        assert slash == b"\0\0\0\1/" and checksum == zlib.adler32(data[:end - 13]), (end, slash)
        if length is None:
            break
        end -= 13 + length
    assert data[:4] == b"ZKSN"
    return struct.unpack(">q", data[-21:-13])[0]


def all_nodes(client):
    nodes, todo = {}, ["/"]
    while todo:
        path = todo.pop()
        data, stat = client.get(path)
        nodes[path] = data, client.get_acls(path)[0], (stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime,
                                                       stat.version, stat.cversion, stat.ephemeralOwner)
        todo += [path.rstrip("/") + "/" + child for child in client.get_children(path)]
    return nodes


def test_a_snapshot_is_a_file_that_zookeeper_starts_with():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 0}) as alone:
        client = alone.client
        big = os.urandom(300_000)
        client.create("/app", b"before")
        status, headers, first = download(alone)
        assert status == 200 and check_seals(first) == int(headers["last_zxid"], 16), headers
        for i in range(300):
            client.create(f"/app/{i:03}", b"%d" % i)
        for i in range(8):
            client.create(f"/app/big{i}", big)
        client.create("/app/mine", b"", acl=[make_digest_acl("bob", "pw", all=True), make_acl("world", "anyone", all=True)])
        client.create("/app/e", b"", ephemeral=True)
        client.set("/app", b"after")
        status, headers, data = download(alone, "?streaming=true", name="snap")
        assert status == 200 and headers["content-type"] == "application/octet-stream", headers
        assert int(headers["snapshot_size"]) == len(data) > 8 * len(big), headers
        zxid = check_seals(data)
        assert headers["last_zxid"] == hex(zxid) and zxid >= client.get("/app")[1].mzxid, headers
        assert b"after" in data and b"before" in first
        assert struct.unpack(">qiq", data[-54:-34])[:2] == (zxid, 2), "the digest is known"
        status, headers, body = download(alone, "?streaming=false")
        assert status == 200 and int(headers["snapshot_size"]) == len(data), headers
        assert headers["last_zxid"] == hex(zxid) and json.loads(body) == {"command": "snapshot", "error": None}
        assert not list(alone.server.data.glob("*snapshot*")), "it leaves no file"
        ours = all_nodes(client)
        with Ensemble(["zookeeper"], {"admin.enableServer": "false"}) as theirs:
            folder = theirs[1].data / "version-2"
            folder.mkdir()
            (folder / f"snapshot.{zxid:x}").write_bytes(data)
            theirs.start()
            other = KazooClient(theirs.connect, timeout=10)
            other.start(timeout=30)
            seen = all_nodes(other)
            other.stop()
            other.close()
        assert seen == ours, {path for path in seen.keys() | ours.keys() if seen.get(path) != ours.get(path)}
        import_a_copy(folder_of(alone, zxid, data), ours)


def folder_of(alone, zxid, data):
    """A folder with nothing but the snapshot, as ZooKeeper keeps it."""
    folder = alone.server.folder / "copy"
    (folder / "version-2").mkdir(parents=True)
    (folder / "version-2" / f"snapshot.{zxid:x}").write_bytes(data)
    return folder


def import_a_copy(folder, wanted):
    with Ensemble(["quorate"]) as ensemble:
        done = subprocess.run([support.BIN / "quorate-server", "--import", folder, "--config", ensemble[1].config],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        ensemble.start()
        client = KazooClient(ensemble.connect, timeout=10)
        client.start(timeout=30)
        assert all_nodes(client) == wanted
        client.stop()
        client.close()


def test_while_a_snapshot_is_made_writes_go_on():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 0}) as alone:
        for i in range(40):
            alone.client.create(f"/big{i}", os.urandom(900_000))
        done = []
        thread = threading.Thread(target=lambda: done.append(download(alone)))
        thread.start()
        writes = 0
        while thread.is_alive():
            alone.client.set("/big0", b"%d" % writes)
            writes += 1
        thread.join()
        status, headers, data = done[0]
        assert status == 200 and check_seals(data) == int(headers["last_zxid"], 16), headers
        assert writes > 0 and alone.client.get("/big0")[1].version == writes
        # Whoever leaves in the middle costs nothing.
        with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:
            sock.sendall(b"GET /commands/snapshot HTTP/1.1\r\nHost: a\r\nAuthorization: ip\r\n\r\n")
            assert sock.recv(10)
        assert download(alone)[0] == 200
        assert download(alone, "?streaming=false")[0] == 200


def test_a_server_stops_while_a_snapshot_is_read():
    if ORACLE:
        return
    with Alone() as alone:
        for i in range(20):
            alone.client.create(f"/big{i}", os.urandom(900_000))
        with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:
            sock.sendall(b"GET /commands/snapshot HTTP/1.1\r\nHost: a\r\nAuthorization: ip\r\n\r\n")
            start = sock.recv(1000)
            assert start.startswith(b"HTTP/1.1 200") and b"snapshot_size: 18" in start, start
            assert alone.get("/healthz")[0] == 200, "whoever reads slowly holds up nobody"
            alone.client.set("/big0", b"small")
            alone.client.stop()
            alone.client.close()
            alone.client = None
            assert alone.server.stop() == 0
            got = len(start)
            try:
                while chunk := sock.recv(1 << 20):
                    got += len(chunk)
            except ConnectionResetError:
                pass
            assert got < 18_000_000


def test_snapshot_is_for_those_who_may_do_everything():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 60_000_000}) as alone:  # Microseconds, as in ZooKeeper 3.9.

        def refused(headers):
            status, _, body = download(alone, headers=headers)
            return status, json.loads(body)["error"]

        assert refused({}) == (401, "Auth info is missing for the command")
        for given in ("digest", "nonsense bob:pw", "digest  bob:pw", "x509"):
            assert refused({"Authorization": given}) == (401, "Not authenticated"), given
        alone.client.set_acls("/", [make_digest_acl("ann", "pw", all=True), make_acl("world", "anyone", read=True)])
        assert refused(BOB) == (403, "Not authorized")
        assert download(alone, headers={"Authorization": "digest ann:pw"})[0] == 200
        assert refused({"Authorization": "digest ann:pw"}) == (429, None)
        assert refused(BOB) == (403, "Not authorized"), "rights are looked at first"
    with Alone({"admin.snapshot.enabled": "false"}, client=False) as alone:
        assert download(alone, headers={})[0] == 401
        assert download(alone)[0] == 503


def restore(alone, data, headers=None, port=None, chunked=False):
    """Status and JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port or alone.admin, timeout=30)
    try:
        headers = {"Content-Type": "application/octet-stream", **(BOB if headers is None else headers)}
        pieces = (data[at:at + 70_001] for at in range(0, len(data), 70_001)) if chunked else data
        connection.request("POST", "/commands/restore", headers=headers, body=pieces, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def fresh(alone):
    """Another session."""
    client = KazooClient(alone.ensemble.connect, timeout=10)
    client.start(timeout=30)
    return client


def test_restore_brings_the_tree_of_a_snapshot_back():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 0}) as alone:
        client = alone.client
        client.create("/app", b"before")
        for i in range(300):
            client.create(f"/app/{i:03}", os.urandom(1000))
        client.create("/app/e", b"", ephemeral=True)
        status, _, data = download(alone)
        assert status == 200
        kept = all_nodes(client)
        client.set("/app", b"after")
        client.delete("/app/000")
        late = fresh(alone)
        late.create("/late", b"", ephemeral=True)
        lost = threading.Event()
        late.add_listener(lambda state: lost.set() if state == "LOST" else None)
        last = client.set("/app", b"after that").mzxid
        status, answer = restore(alone, data)
        assert status == 200 and answer["error"] is None and answer["command"] == "restore", answer
        assert answer["last_zxid"] > last, "no zxid is seen twice"

        # The session of before the snapshot goes on, with its ephemeral; the other is over.
        wait_for("the session again", lambda: client.connected)
        assert client.retry(client.get, "/app")[0] == b"before"
        assert all_nodes(client) == kept
        assert lost.wait(20), "a session that the snapshot does not know is over"
        assert client.set("/app", b"goes on").mzxid > answer["last_zxid"]
        late.stop()
        late.close()
        mntr = alone.mntr()
        assert mntr["zk_cnt_restore_time"] == "1" and mntr["zk_restore_error_count"] == "0", mntr
        kept = all_nodes(client)
        assert not list(alone.server.data.glob("*restore*")), "it leaves no file"
        alone.server.kill()
        alone.ensemble.start()
        wait_for("the session after the restart", lambda: client.connected)
        assert client.retry(client.get, "/app")[0] == b"goes on"
        assert all_nodes(client) == kept
        # Another server, empty, takes it as well, in pieces.
        with Alone() as other:
            assert restore(other, data, chunked=True)[0] == 200
            reader = fresh(other)
            assert reader.get("/app")[0] == b"before" and len(reader.get_children("/app")) == 301
            assert reader.create("/next") and reader.exists("/next").czxid > struct.unpack(">q", data[-21:-13])[0]
            reader.stop()
            reader.close()
            assert restore(other, data) == (429, {"command": "restore", "error": None}), "milliseconds here"
            assert other.mntr()["zk_restore_rate_limited_count"] == "1"


def test_a_damaged_snapshot_changes_nothing():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 0}) as alone:
        client = alone.client
        for i in range(20):
            client.create(f"/n{i}", os.urandom(5000))
        data = download(alone)[2]
        client.create("/later")
        session, nodes = client.client_id, all_nodes(client)
        turned = bytearray(data)
        turned[len(data) // 2] ^= 1
        log = bytearray(data)
        log[:4] = b"ZKLG"
        for what in (b"", b"x", b"ZKSN", data[:-1], data[:len(data) // 2], data + b"x", bytes(turned), bytes(log),
                     os.urandom(100_000)):
            status, answer = restore(alone, what)
            assert status == 500 and answer["error"] and "last_zxid" not in answer, (len(what), status, answer)
        # The connection ends in the middle; and far more is announced than there is room for.
        with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:
            sock.sendall(b"POST /commands/restore HTTP/1.1\r\nHost: a\r\nAuthorization: digest bob:pw\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(data) + data[:3000])

        def far_too_much():
            with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:
                sock.sendall(b"POST /commands/restore HTTP/1.1\r\nHost: a\r\nAuthorization: digest bob:pw\r\n"
                             b"Content-Length: 99999999999999999\r\nExpect: 100-continue\r\n\r\n")
                return int(sock.recv(100).split(b" ")[1])
        # As long as the end of the other connection has not been noticed it is one too many.
        assert wait_for("an answer", lambda: (status := far_too_much()) != 429 and status) == 413
        assert client.client_id == session and client.connected and all_nodes(client) == nodes
        assert int(alone.mntr()["zk_restore_error_count"]) >= 10, alone.mntr()["zk_restore_error_count"]
        with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:  # As curl does it.
            sock.sendall(b"POST /commands/rest HTTP/1.1\r\nHost: a\r\nAuthorization: digest bob:pw\r\n"
                         b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(data))
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(data)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        wait_for("the session again", lambda: client.connected)
        assert not client.retry(client.exists, "/later")


def test_restore_is_for_those_who_may_do_everything_and_for_a_server_alone():
    if ORACLE:
        return
    with Alone() as alone:
        data = download(alone)[2]
        big = data + os.urandom(5_000_000)  # The answer comes before all of it is sent.
        assert restore(alone, big, headers={}) == (401, {"command": "restore",
                                                         "error": "Auth info is missing for the command"})
        assert restore(alone, big, headers={"Authorization": "nonsense a:b"})[0] == 401
        alone.client.set_acls("/", [make_digest_acl("ann", "pw", all=True), make_acl("world", "anyone", read=True)])
        assert restore(alone, big)[0] == 403
        assert alone.get("/commands/restore", headers=BOB)[0] == 500, "not by GET"
        assert alone.mntr()["zk_restore_error_count"] == "0"
        assert restore(alone, data, headers={"Authorization": "digest ann:pw"})[0] == 200
    with Alone({"admin.restore.enabled": "false"}, client=False) as alone:
        assert restore(alone, data)[0] == 503
    admin = free_ports(1)[0]
    with Ensemble(["quorate"] * 3, {}) as three:
        config = three[1].config
        config.write_text(config.read_text().replace("admin.enableServer=false",
                                                     f"admin.enableServer=true\nadmin.serverPort={admin}"))
        three.start()
        status, answer = restore(None, data, port=admin)
        assert status == 503 and "--import" in answer["error"], answer


def test_a_server_that_dies_while_it_restores_has_the_old_tree_or_the_new_one():
    if ORACLE:
        return
    with Alone({"admin.rateLimiterIntervalInMS": 0}) as alone:
        alone.client.create("/app", b"0")
        for i in range(60):
            alone.client.create(f"/app/{i}", os.urandom(300_000))
        data = download(alone)[2]
        begin = time.monotonic()
        assert restore(alone, data)[0] == 200
        whole = time.monotonic() - begin
        wait_for("the session again", lambda: alone.client.connected)
        for share in (0.3, 0.5, 0.7, 0.8, 0.9, 1):
            alone.client.retry(alone.client.set, "/app", b"1")
            answer = []

            def ask():
                try:
                    answer.append(restore(alone, data)[0])
                except (OSError, http.client.HTTPException):
                    pass
            thread = threading.Thread(target=ask)
            thread.start()
            threading.Event().wait(share * whole)  # A moment of its work, not of its answer.
            alone.server.kill()
            thread.join()
            alone.ensemble.start()
            wait_for("a session", lambda: alone.client.connected)
            seen = alone.client.retry(alone.client.get, "/app")[0]
            assert seen in ((b"0",) if answer == [200] else (b"0", b"1")), (seen, answer)
            assert len(alone.client.get_children("/app")) == 60


def test_refusals_are_counted():
    if ORACLE:
        return
    with Alone({"largeRequestThreshold": 1000, "largeRequestMaxBytes": 5000,
                "admin.rateLimiterIntervalInMS": 60_000_000}) as alone:
        assert download(alone)[0] == 200 and download(alone)[0] == 429
        try:
            alone.client.create("/q", b"x" * 9000)
            raise AssertionError("a large request was taken")
        except (ConnectionLoss, ConnectionClosedError, SessionExpiredError):
            pass
        mntr = alone.mntr()
        assert mntr["zk_snapshot_rate_limited_count"] == "1" and mntr["zk_large_requests_rejected"] == "1", mntr
        alone.word("srst")
        assert alone.mntr()["zk_large_requests_rejected"] == "0"


def audit_lines(server):
    return [line.split(" audit ", 1)[1] for line in server.log.read_text().splitlines() if " audit " in line]


def test_the_audit_log_tells_who_changed_what():
    if ORACLE:
        return
    with Alone({"audit.enable": "true"}) as alone:
        client = alone.client
        client.add_auth("digest", "bob:secret")
        client.create("/a", b"x")
        client.create("/a/e", b"", ephemeral=True)
        client.set("/a", b"y")
        try:
            client.delete("/a")
            raise AssertionError("it has a child")
        except NotEmptyError:
            pass
        client.set_acls("/a", [make_digest_acl("bob", "secret", all=True)])
        client.get("/a")
        multi = client.transaction()
        multi.create("/m", b"")
        multi.delete("/m")
        assert multi.commit() == ["/m", True]
        multi = client.transaction()
        multi.delete("/none")
        multi.commit()
        session = f"session={client.client_id[0] & (2 ** 64 - 1):#x}\t"
        client.stop()
        client.close()
        alone.client = None
        assert alone.server.stop() == 0
        user = pwd.getpwuid(os.geteuid()).pw_name
        who = session + "user=127.0.0.1,bob\tip=127.0.0.1\toperation="
        acl = make_digest_acl("bob", "secret", all=True).id.id
        assert audit_lines(alone.server) == [
            f"user={user}\toperation=serverStart\tresult=success",
            who + "create\tznode=/a\tznode_type=persistent\tresult=success",
            who + "create\tznode=/a/e\tznode_type=ephemeral\tresult=success",
            who + "setData\tznode=/a\tresult=success",
            who + "delete\tznode=/a\tresult=failure",
            who + f"setAcl\tznode=/a\tacl=digest:{acl}:cdrwa\tresult=success",
            who + "create\tznode=/m\tznode_type=persistent\tresult=success",
            who + "delete\tznode=/m\tresult=success",
            who + "multiOperation\tresult=failure",
            session + f"user={user}\toperation=ephemeralZNodeDeletionOnSessionCloseOrExpire\tznode=/a/e\tresult=success",
            f"user={user}\toperation=serverStop\tresult=invoked"], audit_lines(alone.server)
        alone.ensemble.start()
        with_many = fresh(alone)
        for i in range(100):
            with_many.create(f"/n{i}")
        with_many.stop()
        with_many.close()
        again = audit_lines(alone.server)[11:]
        assert len(again) == 101 and again[0].endswith("serverStart\tresult=success"), "nothing twice, nothing left out"
    with Alone() as quiet:
        quiet.client.create("/a")
        assert not audit_lines(quiet.server)


def test_metrics_for_prometheus():
    if ORACLE:
        return
    port = free_ports(1)[0]
    with Alone({"metricsProvider.className": PROVIDER, "metricsProvider.httpHost": "127.0.0.1",
                "metricsProvider.httpPort": port}) as alone:
        work(alone.client)
        types, samples = alone.metrics()
        for name, kind in {"znode_count": "gauge", "snap_count": "counter", "fsynctime": "summary",
                           "readlatency": "summary", "read_per_namespace": "summary",
                           "process_resident_memory_bytes": "gauge"}.items():
            assert types[name] == kind, name
        assert samples["znode_count"] >= 7 and samples["watch_count"] == 3
        assert samples["fsynctime_count"] >= 10 and samples["fsynctime_sum"] > 0
        assert samples['updatelatency{quantile="0.99"}'] >= 0 and samples["updatelatency_count"] >= 22
        assert samples['write_per_namespace_count{key="app"}'] >= 21
        assert alone.metrics(port)[0].keys() >= types.keys()
        assert alone.get("/commands/ruok", port=port)[0] == 404
        assert 'zk_fsynctime{quantile="0.5"}\t' in alone.word("mntr")


def test_health_and_readiness():
    if ORACLE:
        return
    with Alone(client=False) as alone:
        assert alone.get("/healthz")[0] == 200 and alone.get("/readyz")[0] == 200
        assert alone.get("/other")[0] == 404
    admin = free_ports(1)[0]
    with Ensemble(["quorate"] * 3, {}) as lonely:
        server = lonely[1]
        server.config.write_text(server.config.read_text().replace(
            "admin.enableServer=false", f"admin.enableServer=true\nadmin.serverPort={admin}"))
        server.start()
        alone = Alone.__new__(Alone)
        alone.admin = admin

        def pages():
            try:
                return alone.get("/healthz")[0], alone.get("/readyz")[0]
            except OSError:
                return None
        assert wait_for("pages", pages) == (200, 503)
        assert alone.command("srvr")["error"] == "This ZooKeeper instance is not currently serving requests"


def test_bad_requests_end_their_connection_only():
    if ORACLE:
        return
    with Alone({"admin.idleTimeout": 1500}) as alone:
        slow = [socket.create_connection(("127.0.0.1", alone.admin)) for _ in range(100)]
        for sock in slow:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert alone.get("/healthz")[0] == 200
        for sock in slow:
            sock.settimeout(10)
            try:
                while sock.recv(1000):
                    pass
            except OSError:
                pass
            sock.close()
        for junk in (b"\x00" * 100, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/x" * 10000 + b" HTTP/1.1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
                     b"POST /commands/restore HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
                     b"GET /commands/%00%ff HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", alone.admin), timeout=10) as sock:
                try:
                    sock.sendall(junk)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                except OSError:
                    pass
            assert alone.get("/healthz")[0] == 200, junk[:30]
        assert alone.client.exists("/zookeeper") and alone.server.alive


def test_a_port_in_use_is_a_warning_that_names_the_key():
    if ORACLE:
        return
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Ensemble(["quorate"], {"admin.enableServer": "true",
                                    "admin.serverPort": taken.getsockname()[1]}) as ensemble:
            ensemble.start()
            assert "admin.serverPort" in ensemble[1].log.read_text()
            assert ensemble[1].stop() == 0


def test_an_ensemble_shows_its_members():
    if ORACLE:
        return
    admins = free_ports(3)
    with Ensemble(["quorate"] * 3) as ensemble:
        for server, admin in zip(ensemble.servers, admins):
            server.config.write_text(server.config.read_text().replace(
                "admin.enableServer=false", f"admin.enableServer=true\nadmin.serverPort={admin}"))
        leader = ensemble.start().wait_serving()
        client = KazooClient(ensemble.connect, timeout=10)
        client.start(timeout=30)
        client.create("/app", b"x")
        client.stop()
        client.close()
        for server, admin in zip(ensemble.servers, admins):
            alone = Alone.__new__(Alone)
            alone.admin, alone.server = admin, server
            who = alone.command("leader")
            assert who["leader_id"] == leader.sid and who["is_leader"] == (server is leader), who
            assert len(alone.command("voting_view")["current_config"]) == 3
            state = alone.command("zabstate")
            assert state["zabstate"] == "broadcast" and state["voting"] and state["myid"] == server.sid
            mntr = alone.mntr()
            role = "leading" if server is leader else "following"
            assert mntr["zk_peer_state"] == f"{role} - broadcast" and mntr["zk_quorum_size"] == "3", mntr
            assert int(mntr["zk_cnt_election_time"]) >= 1 and int(mntr["zk_looking_count"]) >= 1
            assert int(mntr["zk_cnt_unavailable_time"]) >= 1
            if server is leader:
                assert mntr["zk_synced_followers"] == mntr["zk_followers"] == "2", mntr
                assert int(mntr["zk_proposal_count"]) >= 3 and int(mntr["zk_commit_count"]) >= 3
                assert int(mntr["zk_cnt_quorum_ack_latency"]) >= 3 and int(mntr["zk_leader_uptime"]) > 0
                assert int(mntr["zk_diff_count"]) + int(mntr["zk_snap_count"]) >= 1
                assert "Proposal sizes last/min/max: " in alone.word("srvr")
            else:
                assert int(mntr["zk_learner_proposal_received_count"]) >= 3
                assert int(mntr["zk_cnt_follower_sync_time"]) >= 1
                assert "Global Sessions(" in alone.word("dump")
            assert "membership: \nserver.1=" in alone.word("conf")
            status, headers, data = download(alone)
            assert status == 200 and check_seals(data) == int(headers["last_zxid"], 16) and b"/app" in data, headers


def test_keys_are_those_of_zookeeper():
    """Against ZooKeeper 3.8.0 itself, which takes seconds to start: with QUORATE_ORACLE only."""
    if not ORACLE:
        return
    with Alone() as theirs:
        work(theirs.client)
        wanted_mntr = set(theirs.mntr())
        wanted = {name: theirs.command(name) for name in COMMANDS}
        os.environ.pop("QUORATE_ORACLE")
        try:
            with Alone() as ours:
                work(ours.client)
                missing = {key for key in wanted_mntr - set(ours.mntr()) if "jvm_" not in key}
                assert not missing, missing
                for name in COMMANDS:
                    if name == "system_properties":
                        continue
                    answer = ours.command(name)
                    absent = {key for key in set(wanted[name]) - set(answer)
                              if "java." not in key and "jvm_" not in key}
                    assert not absent, (name, absent)
                    if name in ("connections", "stats"):
                        assert set(wanted[name]["connections"][0]) == set(answer["connections"][0]), name
                    if name == "server_stats":
                        assert set(wanted[name]["server_stats"]) == set(answer["server_stats"]), name
        finally:
            os.environ["QUORATE_ORACLE"] = "1"


if __name__ == "__main__":
    run_tests([test for name, test in sorted(globals().items()) if name.startswith("test_")])
