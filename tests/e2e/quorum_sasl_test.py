#!/usr/bin/python3
"""Servers that log in to one another by SASL: among ourselves, with ZooKeeper, over TLS; who is not let in; the
move of a running ensemble, one server at a time."""
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402
from links import (Writer, client, comes_back_beside_silence, configure, ended, led_by_either_kind,  # noqa: E402
                   logged, ports_of, restart_each, writes_reach_all, zookeeper_speaks_tls)

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-qsasl-"))
MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule"
SECRET = "it's \\\"secret\\\""  # As a JAAS file has it.
MAGIC = 0x5f2435013501edcc
ALL = {"quorum.auth.enableSasl": "true", "quorum.auth.learnerRequireSasl": "true",
       "quorum.auth.serverRequireSasl": "true"}


def jaas(name, user="zk", password=SECRET, prefix="Quorum"):
    """A JAAS file of a server: who it is, and the password of those who log in to it."""
    path = FOLDER / f"{name}.jaas"
    path.write_text(f"""{prefix}Server {{
  {MODULE} required
    user_old="other"
    user_zk="{SECRET}";
}};
{prefix}Learner {{
  {MODULE} required
    username="{user}"
    password="{password}";
}};
""")
    return path


def log_in_with(server, path, lines=()):
    """For the next start. ZooKeeper's JVM is told of the file by an option of its own."""
    configure(server, {**ALL, "java.security.auth.login.config": path, **dict(lines)})
    server.jvm_options = [f"-Djava.security.auth.login.config={path}"]


def protected(kinds, lines=()):
    ensemble = Ensemble(kinds)
    for server in ensemble.servers:
        log_in_with(server, jaas("good"), lines)
    return ensemble


def initial_message(sid):
    address = b"127.0.0.1:1"
    return struct.pack(">qqi", -65536, sid, len(address)) + address


def three_servers():
    with protected(["quorate"] * 3).start() as ensemble:
        writes_reach_all(ensemble, "sasl")
        # One that does not log in, one that says nothing, one that does not come to an end.
        quorum, election = ports_of(ensemble[1])
        for port, name, head in ((quorum, "quorum", b""), (election, "election", initial_message(3))):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(head + struct.pack(">iqii", 11, 0, 0, 0) + bytes(30))
                assert ended(sock)
            wait_for("no login refused", lambda: logged(
                ensemble[1], "quorum-sasl-refused", f"port={name}", "it does not log in", "remedy="))
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(head)
                for _ in range(10):
                    sock.sendall(struct.pack(">qii", MAGIC, 0, 3) + b"abc")
                assert ended(sock)
        comes_back_beside_silence(ensemble)


def names_of_sections():
    """Sections of other names, as some who share a JAAS file between programs have them."""
    names = {"quorum.auth.learner.saslLoginContext": "OwnLearner",
             "quorum.auth.server.saslLoginContext": "OwnServer"}
    with Ensemble(["quorate"] * 3) as ensemble:
        for server in ensemble.servers:
            own = server.sid == 2
            log_in_with(server, jaas("own", prefix="Own") if own else jaas("good"), names if own else ())
        ensemble.start()
        writes_reach_all(ensemble, "sections")


def with_zookeeper_in_either_role():
    with protected(["quorate", "quorate", "zookeeper"]) as ensemble:
        led_by_either_kind(ensemble, "sasl")
        assert logged(ensemble[3], "Successfully completed the authentication using SASL")


def with_zookeeper_of_the_smallest_id():
    """It knocks at the election ports of ours and is called back."""
    with protected(["zookeeper", "quorate", "quorate"]) as ensemble:
        assert ensemble.start().leader().kind == "quorate"
        writes_reach_all(ensemble, "smallest")


def over_tls():
    """A login inside of TLS, beside a ZooKeeper that has both, too."""
    zookeeper_speaks_tls()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=all", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", FOLDER / "key", "-out", FOLDER / "all.crt"], check=True, capture_output=True)
    (FOLDER / "all.pem").write_text((FOLDER / "key").read_text() + (FOLDER / "all.crt").read_text())
    (FOLDER / "trust.pem").write_text((FOLDER / "all.crt").read_text())
    tls = {"sslQuorum": "true", "ssl.quorum.keyStore.location": FOLDER / "all.pem",
           "ssl.quorum.trustStore.location": FOLDER / "trust.pem"}
    with protected(["quorate", "zookeeper", "quorate"], tls).start() as ensemble:
        writes_reach_all(ensemble, "both")


def strangers_are_refused():
    with protected(["quorate"] * 3) as ensemble:
        for sid in (1, 2):
            ensemble[sid].start()
        ensemble.wait_serving(count=2)
        c = client(f"{ensemble[1].address},{ensemble[2].address}")
        for name, lines in (("wrong-password", {"password": "guess"}), ("unknown", {"user": "eve"})):
            log_in_with(ensemble[3], jaas(name, **lines))
            ensemble[3].start()
            for server in (ensemble[1], ensemble[2]):
                wait_for(f"{name} refused", lambda: logged(
                    server, "quorum-sasl-refused port=election", "wrong user or password"))
            wait_for("told where it fails", lambda: logged(
                ensemble[3], "quorum-sasl-failed port=election", "refuses the login", "QuorumLearner"))
            c.create(f"/beside-{name}", b"")
            assert ensemble[3].mode() == "" and ensemble[3].alive
            assert ensemble[1].mode() and ensemble[2].mode()
            ensemble[3].kill()
        log_in_with(ensemble[3], jaas("good"))
        ensemble[3].start()
        ensemble.wait_serving()
        c.create("/all", b"")
        c.stop()


def moved_one_by_one():
    """The three steps of docs/operations.md, each a rolling restart; the others always serve."""
    with Ensemble(["quorate"] * 3).start() as ensemble:
        writer = Writer(ensemble.connect)
        good = jaas("good")
        for key in ALL:
            restart_each(ensemble, writer, lambda server: configure(
                server, {"java.security.auth.login.config": good, key: "true"}))
        written = writer.finish()
        for server in ensemble.servers:
            for word in ("quorum-sasl-refused", "quorum-sasl-failed"):
                assert not logged(server, word), logged(server, word)
        quorum, _ = ports_of(ensemble[1])
        with socket.create_connection(("127.0.0.1", quorum), timeout=10) as sock:
            sock.sendall(struct.pack(">iqii", 11, 0, 0, 0) + bytes(30))
            assert ended(sock)
        print(f"       {written}")


if __name__ == "__main__":
    try:
        run_tests([three_servers, names_of_sections, with_zookeeper_in_either_role,
                   with_zookeeper_of_the_smallest_id, over_tls, strangers_are_refused, moved_one_by_one])
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
