#!/usr/bin/python3
"""TLS for clients: who is let in, who he is then, certificates renewed without a restart, and what
is said about key files that cannot be used."""
import logging
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import (BIN, ZOOKEEPER_CLASSPATH, Ensemble, Missed, four_letter, free_ports,  # noqa: E402
                      run_tests, wait_for)

from kazoo.client import KazooClient  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-tls-"))


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=FOLDER)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, subject, ca="ca"):
    """NAME.key, NAME.crt, and both in NAME.pem."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8",
            "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", 2, "-out", f"{name}.crt")
    (FOLDER / f"{name}.pem").write_text((FOLDER / f"{name}.key").read_text() + (FOLDER / f"{name}.crt").read_text())


def make_all():
    authority("ca")
    authority("stranger")
    certificate("server", "/CN=localhost/O=Quorate")
    certificate("client", "/C=DE/O=Acme, Inc./OU=Ops/CN=worker 1")
    certificate("other", "/CN=other")
    certificate("foreign", "/CN=foreign", ca="stranger")
    openssl("pkcs12", "-export", "-in", "server.crt", "-inkey", "server.key", "-out", "server.p12",
            "-passout", "pass:secret")
    (FOLDER / "password").write_text("secret\n")


DN = r"CN=worker 1,OU=Ops,O=Acme\, Inc.,C=DE"


def settings(**more):
    port = free_ports(1)[0]
    lines = {"secureClientPort": port, "secureClientPortAddress": "127.0.0.1",
             "ssl.keyStore.location": FOLDER / "server.pem", "ssl.trustStore.location": FOLDER / "ca.pem"}
    lines.update({key.replace("__", "."): value for key, value in more.items()})
    return {key: value for key, value in lines.items() if value is not None}, port


def context(name=None):
    out = ssl.create_default_context(cafile=FOLDER / "ca.pem")
    out.check_hostname = False
    if name:
        out.load_cert_chain(FOLDER / f"{name}.pem")
    return out


def frame(body):
    return struct.pack(">i", len(body)) + body


CONNECT = frame(struct.pack(">iqiqi", 0, 0, 10000, 0, 16) + bytes(16) + b"\0")


def receive(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


def session(port, name=None):
    """A TLS connection with a session on it; OSError when it is not let in."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock = context(name).wrap_socket(raw)
    sock.sendall(CONNECT)
    answer = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
    assert struct.unpack(">q", answer[8:16])[0] != 0
    return sock


def who_am_i(sock):
    sock.sendall(frame(struct.pack(">ii", 1, 107)))
    body = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
    assert struct.unpack(">i", body[12:16])[0] == 0, body
    at, texts = 20, []
    for _ in range(2 * struct.unpack(">i", body[16:20])[0]):
        size = struct.unpack(">i", body[at:at + 4])[0]
        texts.append(body[at + 4:at + 4 + size].decode())
        at += 4 + size
    return set(zip(texts[::2], texts[1::2]))


def refused(port, name=None):
    try:
        session(port, name).close()
        return False
    except OSError:
        return True


def kazoo(port, name):
    c = KazooClient(hosts=f"127.0.0.1:{port}", timeout=5, use_ssl=True, verify_certs=True,
                    ca=str(FOLDER / "ca.pem"), certfile=str(FOLDER / f"{name}.crt"),
                    keyfile=str(FOLDER / f"{name}.key"))
    c._connection_retry = None
    c.start(timeout=20)
    return c


def kazoo_over_tls():
    lines, port = settings()
    with Ensemble(["quorate"], settings=lines).start():
        c = kazoo(port, "client")
        c.create("/tls", b"x" * 300000)
        assert c.get("/tls")[0] == b"x" * 300000
        assert len([c.create("/tls/s-", b"", sequence=True) for _ in range(50)]) == 50
        assert c.command(b"ruok") == "imok"
        c.stop()


def java_over_netty_with_and_without_tls():
    """zkCli's program on its other socket, with PEM files as they are."""
    lines, port = settings()
    classpath = ":".join([ZOOKEEPER_CLASSPATH] + [f"/usr/share/java/netty-{jar}.jar"
                                                  for jar in ("all", "codec", "resolver")])
    netty = ["-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty"]
    tls = ["-Dzookeeper.client.secure=true", "-Dzookeeper.ssl.hostnameVerification=false",
           f"-Dzookeeper.ssl.keyStore.location={FOLDER / 'client.pem'}",
           f"-Dzookeeper.ssl.trustStore.location={FOLDER / 'ca.pem'}"]
    with Ensemble(["quorate"], settings=lines).start() as ensemble:
        for options, at, who in ((netty, ensemble[1].client_port, "ip: 127.0.0.1"),
                                 (netty + tls, port, "x509: " + DN)):
            done = subprocess.run(
                ["java", *options, "-Dlog4j.configuration=none", "-cp", classpath,
                 "org.apache.zookeeper.ZooKeeperMain", "-server", f"127.0.0.1:{at}"],
                input="create /j some\nwhoami\nget -s /j\ndelete /j\nquit\n", capture_output=True,
                text=True, timeout=60)
            said = done.stdout.splitlines()
            assert done.returncode == 0 and who in said and "some" in said, done
            assert "Created /j" in done.stderr and "dataLength = 4" in said, done


def certificate_needed():
    # Four bytes are less than the head of a TLS record: only the time limit ends such a one.
    lines, port = settings(nio__sessionlessCnxnTimeout=1500)
    with Ensemble(["quorate"], settings=lines).start() as ensemble:
        assert refused(port), "without a certificate"
        assert refused(port, "foreign"), "with a certificate of somebody else's authority"
        with session(port, "client") as sock:
            assert ("x509", DN) in who_am_i(sock), who_am_i(sock)
        # Plain bytes on the TLS port, and TLS on the plain one: closed, and everybody else is served.
        for target, data in ((port, CONNECT), (port, b"ruok"), (port, b"\x16\x03\x01\xff\xff" + b"\0" * 70000),
                             (ensemble[1].client_port, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(300))):
            with socket.create_connection(("127.0.0.1", target), timeout=10) as sock:
                try:
                    sock.sendall(data)
                    while sock.recv(4096):
                        pass
                except ConnectionError:
                    pass
        session(port, "client").close()
        told = four_letter(ensemble[1].client_port, "mntr")
        assert int(told.split("zk_unsuccessful_handshake\t")[1].split()[0]) >= 4, told


def certificate_wanted_or_not():
    for auth in ("want", "none"):
        lines, port = settings(ssl__clientAuth=auth, ssl__trustStore__location=FOLDER / "ca.pem")
        with Ensemble(["quorate"], settings=lines).start():
            with session(port) as sock:
                assert {scheme for scheme, _ in who_am_i(sock)} == {"ip"}
            with session(port, "client") as sock:
                assert (("x509", DN) in who_am_i(sock)) == (auth == "want")


def acl_of_a_certificate():
    lines, port = settings()
    with Ensemble(["quorate"], settings=lines).start():
        from kazoo.exceptions import NoAuthError
        from kazoo.security import make_acl
        mine, others = kazoo(port, "client"), kazoo(port, "other")
        mine.create("/mine", b"1", acl=[make_acl("x509", DN, all=True)])
        assert mine.get("/mine")[0] == b"1"
        try:
            others.get("/mine")
            raise AssertionError("another certificate reads it")
        except NoAuthError:
            pass
        mine.stop()
        others.stop()


def one_port_for_both():
    """client.portUnification: TLS and plain connections on one port."""
    lines, _ = settings(client__portUnification="true", secureClientPort=None, secureClientPortAddress=None)
    with Ensemble(["quorate"], settings=lines).start() as ensemble:
        port = ensemble[1].client_port
        with session(port, "client") as sock:
            assert ("x509", DN) in who_am_i(sock)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(CONNECT)
            receive(sock, 41)
            assert {scheme for scheme, _ in who_am_i(sock)} == {"ip"}
        assert refused(port)


def stores_and_versions():
    for more in ({"ssl__keyStore__location": FOLDER / "server.p12", "ssl__keyStore__password": "secret"},
                 {"ssl__keyStore__location": FOLDER / "server.p12", "ssl__keyStore__passwordPath": FOLDER / "password"},
                 {"ssl__enabledProtocols": "TLSv1.2",
                  "ssl__ciphersuites": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,ECDHE-ECDSA-AES256-GCM-SHA384"}):
        lines, port = settings(**more)
        with Ensemble(["quorate"], settings=lines).start():
            with session(port, "client") as sock:
                if "ssl__enabledProtocols" in more:
                    assert sock.version() == "TLSv1.2", sock.version()
                    assert sock.cipher()[0] in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")


def serial_of(port):
    with session(port, "client") as sock:
        return ssl.DER_cert_to_PEM_cert(sock.getpeercert(True))


def renewed_certificate():
    """Old connections stay, new ones see the new certificate; a bad file changes nothing. With
    client.certReload by itself, otherwise at SIGHUP."""
    for reload in ("true", "false"):
        lines, port = settings(client__certReload=reload)
        with Ensemble(["quorate"], settings=lines).start() as ensemble:
            hang_up = (lambda: None) if reload == "true" else \
                (lambda: ensemble[1].process.send_signal(signal.SIGHUP))
            old = session(port, "client")
            before = serial_of(port)
            good = (FOLDER / "server.pem").read_text()
            (FOLDER / "server.pem").write_text("-----BEGIN nothing of use\n")
            hang_up()
            wait_for("the fault in the log", lambda: "tls-reload-failed" in ensemble[1].log.read_text())
            assert "ssl.keyStore.location" in ensemble[1].log.read_text()
            assert serial_of(port) == before
            (FOLDER / "server.pem").write_text(good)
            certificate("server", "/CN=localhost/O=Renewed")
            hang_up()
            wait_for("the new certificate", lambda: serial_of(port) != before)
            assert ("x509", DN) in who_am_i(old), "the old connection is gone"
            old.close()


def unusable_files():
    (FOLDER / "java.jks").write_bytes(b"\xfe\xed\xfe\xed" + bytes(60))
    (FOLDER / "garbage.p12").write_bytes(b"garbage")
    # key, value, what the message must say
    cases = [
        ({"ssl__keyStore__location": "/nonexistent.pem"}, ("ssl.keyStore.location", "/nonexistent.pem", "No such file")),
        ({"ssl__keyStore__location": FOLDER / "java.jks"}, ("ssl.keyStore.location", "java.jks", "keytool -importkeystore")),
        ({"ssl__keyStore__location": FOLDER / "garbage.p12"}, ("ssl.keyStore.location", "garbage.p12", "no PKCS12")),
        ({"ssl__keyStore__location": FOLDER / "server.p12"}, ("ssl.keyStore.location", "password right")),
        ({"ssl__keyStore__location": FOLDER / "ca.pem"}, ("ssl.keyStore.location", "no private key")),
        ({"ssl__keyStore__location": None}, ("ssl.keyStore.location", "is missing")),
        ({"ssl__trustStore__location": None}, ("ssl.trustStore.location", "is missing")),
        ({"ssl__trustStore__location": FOLDER / "client.key"}, ("ssl.trustStore.location", "no certificate")),
        ({"ssl__enabledProtocols": "SSLv3"}, ("ssl.enabledProtocols", "SSLv3", "TLSv1.2")),
        ({"ssl__ciphersuites": "TLS_NO_SUCH"}, ("ssl.ciphersuites", "TLS_NO_SUCH")),
        ({"ssl__clientAuth": "maybe"}, ("ssl.clientAuth", "none, want or need")),
        ({"ssl__crl": "true"}, ("ssl.crl", "only false")),
        ({"ssl__ocsp": "true"}, ("ssl.ocsp", "only false")),
        ({"ssl__clientHostnameVerification": "true"}, ("ssl.clientHostnameVerification", "only false")),
    ]
    for more, words in cases:
        lines, _ = settings(**more)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-tls-cfg-"))
        lines.update({"dataDir": folder, "clientPort": free_ports(1)[0], "clientPortAddress": "127.0.0.1",
                      "admin.enableServer": "false"})
        (folder / "zoo.cfg").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        done = subprocess.run([BIN / "quorate-server", folder / "zoo.cfg"], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2, (more, done)
        for word in words:
            assert word in done.stderr, (word, done.stderr)


if __name__ == "__main__":
    make_all()
    run_tests([kazoo_over_tls, java_over_netty_with_and_without_tls, certificate_needed,
               certificate_wanted_or_not, acl_of_a_certificate, one_port_for_both,
               stores_and_versions, renewed_certificate, unusable_files])
