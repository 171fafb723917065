#!/usr/bin/python3
"""TLS between servers: among ourselves and with ZooKeeper, whose certificates are let in, the move
from plain to TLS one server at a time, and certificates renewed without a restart."""
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402
from links import (Writer, client, comes_back_beside_silence, configure, ended, led_by_either_kind,  # noqa: E402
                   logged, ports_of, restart_each, writes_reach_all, zookeeper_speaks_tls)

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-qtls-"))
PASSWORD = "secret"
zookeeper_speaks_tls()


# ---- Certificates

def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=FOLDER)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, names="IP:127.0.0.1", ca="ca", days=2):
    """NAME.pem with key and certificate, NAME.p12 with the same."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={names}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", f"{name}.crt")
    (FOLDER / f"{name}.pem").write_text((FOLDER / f"{name}.key").read_text() + (FOLDER / f"{name}.crt").read_text())
    openssl("pkcs12", "-export", "-in", f"{name}.crt", "-inkey", f"{name}.key", "-out", f"{name}.p12",
            "-passout", f"pass:{PASSWORD}")


def make_all():
    authority("ca")
    authority("stranger")
    for name in ("one", "two", "three"):
        certificate(name)
    certificate("foreign", ca="stranger")
    certificate("expired", days=-1)
    certificate("elsewhere", names="DNS:zk3.example.org,IP:192.0.2.3")
    openssl("pkcs12", "-export", "-nokeys", "-in", "ca.pem", "-out", "ca-store", "-passout", f"pass:{PASSWORD}")
    shutil.copy(FOLDER / "two.p12", FOLDER / "two-store")
    (FOLDER / "password").write_text(PASSWORD + "\n")


# ---- Servers

def secure(server, name, more=()):
    configure(server, {"sslQuorum": "true", "ssl.quorum.trustStore.location": FOLDER / "ca.pem",
                       "ssl.quorum.keyStore.location": FOLDER / f"{name}.pem", **dict(more)})


def secured(kinds, more=(), two=()):
    """An ensemble that speaks TLS; `two`: further lines of its second server, whose stores are PKCS12."""
    ensemble = Ensemble(kinds)
    for server, name in zip(ensemble.servers, ("one", "two", "three")):
        secure(server, name, more)
    configure(ensemble[2], {"ssl.quorum.keyStore.location": FOLDER / "two.p12",
                            "ssl.quorum.keyStore.password": PASSWORD, **dict(two)})
    return ensemble


def dial(port, name=None):
    """A TLS connection to a server port, as `name`."""
    context = ssl.create_default_context(cafile=FOLDER / "ca.pem")
    if name:
        context.load_cert_chain(FOLDER / f"{name}.pem")
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="127.0.0.1")


def left_open(sock):
    sock.settimeout(0.5)
    return not ended(sock)


# ---- Tests

def three_servers():
    with secured(["quorate"] * 3).start() as ensemble:
        assert logged(ensemble[1], "listening", "tls=only")
        writes_reach_all(ensemble, "tls")
        # Plain bytes, a client that says nothing, and one without a certificate: told so in the log.
        quorum, election = ports_of(ensemble[1])
        for port, name in ((quorum, "quorum"), (election, "election")):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(struct.pack(">qq", -65536, 3) + bytes(30))
                assert ended(sock)
            wait_for("plain refused", lambda: logged(
                ensemble[1], "quorum-tls-refused", f"port={name}", "from=127.0.0.1", "portUnification=true"))
            with dial(port) as sock:  # In TLS 1.3 the client believes for a moment that it is in.
                assert ended(sock)
            wait_for("no certificate refused", lambda: logged(
                ensemble[1], "quorum-tls-refused", f"port={name}", "peer did not return a certificate"))
        comes_back_beside_silence(ensemble)


def further_keys():
    two = {"ssl.quorum.keyStore.location": FOLDER / "two-store", "ssl.quorum.keyStore.type": "PKCS12",
           "ssl.quorum.keyStore.password": "", "ssl.quorum.keyStore.passwordPath": FOLDER / "password",
           "ssl.quorum.trustStore.location": FOLDER / "ca-store", "ssl.quorum.trustStore.type": "PKCS12",
           "ssl.quorum.trustStore.passwordPath": FOLDER / "password",
           "ssl.quorum.enabledProtocols": "TLSv1.2",
           "ssl.quorum.ciphersuites": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
           "ssl.quorum.clientAuth": "want", "ssl.quorum.handshakeDetectionTimeoutMillis": "700",
           "ssl.quorum.clientHostnameVerification": "false"}
    with secured(["quorate"] * 3, two=two) as ensemble:
        configure(ensemble[3], {"ssl.quorum.protocol": "TLSv1.2", "ssl.quorum.trustStore.location": FOLDER / "ca-store",
                                "ssl.quorum.trustStore.password": PASSWORD, "ssl.quorum.trustStore.type": "PKCS12"})
        ensemble.start()
        writes_reach_all(ensemble, "keys")
        election = ports_of(ensemble[2])[1]
        with dial(election, "one") as sock:
            assert (sock.version(), sock.cipher()[0]) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
        with dial(ports_of(ensemble[3])[1], "one") as sock:
            assert sock.version() == "TLSv1.2"
        with dial(ports_of(ensemble[1])[1], "one") as sock:
            assert sock.version() == "TLSv1.3"
        for name in (None, "elsewhere"):
            with dial(election, name) as sock:
                assert left_open(sock), name
        with socket.create_connection(("127.0.0.1", election), timeout=10) as sock:
            sock.sendall(b"\x16\x03\x01")
            assert ended(sock)
        assert logged(ensemble[2], "quorum-tls-refused port=election", "not done within 700 ms")
        assert logged(ensemble[2], "ssl.quorum.clientAuth=want", "may act as a server")


def with_zookeeper_in_either_role():
    with secured(["quorate", "quorate", "zookeeper"]) as ensemble:
        led_by_either_kind(ensemble, "tls")


def with_zookeeper_of_the_smallest_id():
    """It knocks at the election ports of ours and is called back."""
    with secured(["zookeeper", "quorate", "quorate"]) as ensemble:
        assert ensemble.start().leader().kind == "quorate"
        writes_reach_all(ensemble, "smallest")


def strangers_are_refused():
    """Each of them knocks at two servers that serve on."""
    with secured(["quorate"] * 3) as ensemble:
        for sid in (1, 2):
            ensemble[sid].start()
        ensemble.wait_serving(count=2)
        c = client(f"{ensemble[1].address},{ensemble[2].address}")
        for name, reason, remedy in (("foreign", "CN=stranger", "ssl.quorum.trustStore.location"),
                                     ("expired", "expired", "renew"),
                                     ("elsewhere", "DNS:zk3.example.org", "subjectAltNames")):
            secure(ensemble[3], name)
            ensemble[3].start()
            for server in (ensemble[1], ensemble[2]):
                wait_for(f"{name} refused where it connects", lambda: logged(
                    server, "quorum-tls-refused port=election from=127.0.0.1", reason, remedy))
            c.create(f"/beside-{name}", b"")
            assert ensemble[3].mode() == "" and ensemble[3].alive
            assert ensemble[1].mode() and ensemble[2].mode()
            ensemble[3].kill()
        # A stranger where we connect to: refused there, too, whoever opens the connection.
        secure(ensemble[3], "three")
        secure(ensemble[2], "elsewhere")
        ensemble[3].start()
        ensemble.wait_serving()
        ensemble[2].kill()
        ensemble[2].start()
        # By whom the election left with something to say to it.
        wait_for("refused where we connect", lambda: any(logged(
            server, "quorum-tls-failed to=127.0.0.1:", "zk3.example.org", "hostnameVerification")
            for server in (ensemble[1], ensemble[3])))
        # With the check switched off on all servers its chain is enough.
        for server in ensemble.servers:
            server.kill()
            configure(server, {"ssl.quorum.hostnameVerification": "false"})
            server.start()
        ensemble.wait_serving()
        c.create("/all", b"")
        c.stop()


def moved_one_by_one():
    """The three steps of docs/operations.md, each a rolling restart; the others always serve."""
    with Ensemble(["quorate"] * 3).start() as ensemble:
        writer = Writer(ensemble.connect)
        names = dict(zip((1, 2, 3), ("one", "two", "three")))

        def prepare(server):
            secure(server, names[server.sid])
            configure(server, {"portUnification": "true", "sslQuorum": "false"})

        restart_each(ensemble, writer, prepare)
        restart_each(ensemble, writer, lambda server: configure(server, {"sslQuorum": "true"}))
        restart_each(ensemble, writer, lambda server: configure(server, {"portUnification": "false"}))
        written = writer.finish()
        for server in ensemble.servers:
            assert logged(server, "listening", "tls=only")
            assert not logged(server, "quorum-tls-failed"), logged(server, "quorum-tls-failed")
        with socket.create_connection(("127.0.0.1", ports_of(ensemble[1])[1]), timeout=10) as sock:
            sock.sendall(struct.pack(">qq", -65536, 3) + bytes(30))
            assert ended(sock)
        print(f"       {written}")


def renewed_certificates():
    """New links see the new certificate, links that are open stay; a bad file changes nothing."""
    for reload in ("true", "false"):
        with secured(["quorate"] * 3, {"sslQuorumReloadCertFiles": reload}).start() as ensemble:
            server = ensemble[1]
            leader = ensemble.leader().sid
            hang_up = (lambda: None) if reload == "true" else (lambda: server.process.send_signal(signal.SIGHUP))

            def shown():
                with dial(ports_of(server)[1], "two") as sock:
                    return sock.getpeercert(True)

            before = shown()
            (FOLDER / "one.pem").write_text("-----BEGIN nothing of use\n")
            hang_up()
            wait_for("the fault in the log", lambda: logged(
                server, "quorum-tls-reload-failed", "ssl.quorum.keyStore.location"))
            assert shown() == before
            certificate("one")
            hang_up()
            wait_for("the new certificate", lambda: shown() != before)
            assert ensemble.leader().sid == leader
            assert len(logged(server, " looking ")) == 1, ensemble.describe()
            ensemble[2].kill()
            ensemble.wait_serving(count=2)
            ensemble[2].start()
            ensemble.wait_serving()


if __name__ == "__main__":
    try:
        make_all()
        run_tests([three_servers, further_keys, with_zookeeper_in_either_role,
                   with_zookeeper_of_the_smallest_id, strangers_are_refused,
                   moved_one_by_one, renewed_certificates])
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
