#!/usr/bin/python3
"""Keys ssl.* that say how the stores are read and what is spoken, and X509AuthenticationProvider.superUser:
each by an effect that can be seen from outside. Who is let in is the matter of tls_test."""
import shutil
import socket
import ssl
import subprocess

from tls_test import BIN, DN, FOLDER, Ensemble, context, free_ports, kazoo, make_all, openssl, refused
from tls_test import run_tests, session, settings

from kazoo.exceptions import NoAuthError
from kazoo.security import make_acl


def make_stores():
    """A key store and a trust store of each type, with and without a password, under names that tell nothing."""
    make_all()
    openssl("pkcs12", "-export", "-nokeys", "-in", "ca.pem", "-out", "trust.p12", "-passout", "pass:trusted")
    openssl("pkey", "-in", "server.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key")
    (FOLDER / "locked.pem").write_text((FOLDER / "locked.key").read_text() + (FOLDER / "server.crt").read_text())
    (FOLDER / "trust-password").write_text("trusted\n")
    for name, copy in (("server.p12", "key-store"), ("trust.p12", "trust-store"), ("server.pem", "server.p12.txt"),
                       ("server.pem", "misnamed.p12"), ("ca.pem", "trust-misnamed.p12")):
        shutil.copy(FOLDER / name, FOLDER / copy)


def serves(**more):
    lines, port = settings(**more)
    with Ensemble(["quorate"], settings=lines).start():
        session(port, "client").close()
        assert refused(port, "foreign"), (more, "trusts somebody else's authority")


def does_not_start(more, *words):
    lines, _ = settings(**more)
    with Ensemble(["quorate"], settings={**lines, "clientPort": free_ports(1)[0]}) as ensemble:
        done = subprocess.run([BIN / "quorate-server", ensemble[1].config], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, (more, done)
    for word in words:
        assert word in done.stderr, (word, done.stderr)


def key_stores():
    """ssl.keyStore.password, ssl.keyStore.passwordPath, ssl.keyStore.type."""
    store = {"ssl__keyStore__location": FOLDER / "locked.pem"}
    serves(**store, ssl__keyStore__password="secret")
    serves(**store, ssl__keyStore__password="wrong", ssl__keyStore__passwordPath=FOLDER / "password")
    does_not_start(store, "ssl.keyStore.location", "locked.pem", "password right")
    does_not_start({**store, "ssl__keyStore__password": "wrong"}, "ssl.keyStore.location", "password right")
    does_not_start({**store, "ssl__keyStore__passwordPath": "/nonexistent"}, "ssl.keyStore.passwordPath", "/nonexistent")
    # The type wins over the name; without it the name, then the content decides.
    serves(ssl__keyStore__location=FOLDER / "key-store", ssl__keyStore__password="secret",
           ssl__keyStore__type="PKCS12")
    serves(ssl__keyStore__location=FOLDER / "misnamed.p12", ssl__keyStore__type="PEM")
    does_not_start({"ssl__keyStore__location": FOLDER / "misnamed.p12"}, "ssl.keyStore.location", "no PKCS12")
    does_not_start({"ssl__keyStore__type": "PKCS11"}, "ssl.keyStore.type", "PEM or PKCS12")


def trust_stores():
    """ssl.trustStore.password, ssl.trustStore.passwordPath, ssl.trustStore.type."""
    store = {"ssl__trustStore__location": FOLDER / "trust.p12"}
    serves(**store, ssl__trustStore__password="trusted")
    serves(**store, ssl__trustStore__passwordPath=FOLDER / "trust-password")
    does_not_start(store, "ssl.trustStore.location", "trust.p12", "password right")
    does_not_start({**store, "ssl__trustStore__password": "wrong"}, "ssl.trustStore.location", "password right")
    does_not_start({**store, "ssl__trustStore__passwordPath": "/nonexistent"}, "ssl.trustStore.passwordPath")
    serves(ssl__trustStore__location=FOLDER / "trust-store", ssl__trustStore__type="PKCS12",
           ssl__trustStore__password="trusted")
    serves(ssl__trustStore__location=FOLDER / "trust-misnamed.p12", ssl__trustStore__type="PEM")
    does_not_start({"ssl__trustStore__location": FOLDER / "trust-misnamed.p12"}, "ssl.trustStore.location")
    does_not_start({"ssl__trustStore__type": "PKCS11"}, "ssl.trustStore.type", "PEM or PKCS12")


def spoken(port, version):
    """Whether a client that knows that version only is let in."""
    only = context("client")
    only.minimum_version = only.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, only.wrap_socket(raw) as sock:
            return sock.version()
    except OSError:
        return None


def one_version():
    """ssl.protocol: that version and no other; ssl.enabledProtocols wins over it."""
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    for more, expected in (({"ssl__protocol": "TLSv1.2"}, ("TLSv1.2", None)),
                           ({"ssl__protocol": "TLSv1.3"}, (None, "TLSv1.3")),
                           ({"ssl__protocol": "TLSv1.2", "ssl__enabledProtocols": "TLSv1.3"}, (None, "TLSv1.3")),
                           ({}, ("TLSv1.2", "TLSv1.3"))):
        lines, port = settings(**more)
        with Ensemble(["quorate"], settings=lines).start():
            assert (spoken(port, old), spoken(port, new)) == expected, more
    does_not_start({"ssl__protocol": "SSLv3"}, "ssl.protocol", "TLSv1.2")


def provider():
    """ssl.authProvider: x509, and no other."""
    serves(ssl__authProvider="x509")
    does_not_start({"ssl__authProvider": "kerberos"}, "ssl.authProvider", "only x509")


def super_user():
    """X509AuthenticationProvider.superUser: the owner of that certificate passes every ACL, nobody else."""
    # A backslash of the name is written twice in the file, as in any file of Java properties.
    lines, port = settings(X509AuthenticationProvider__superUser=DN.replace("\\", "\\\\"))
    with Ensemble(["quorate"], settings=lines).start():
        boss, other = kazoo(port, "client"), kazoo(port, "other")
        other.create("/others", b"1", acl=[make_acl("x509", "CN=other", all=True)])
        boss.create("/nobodys", b"2", acl=[make_acl("ip", "10.9.8.7", all=True)])
        assert boss.get("/others")[0] == b"1"
        assert boss.get("/nobodys")[0] == b"2"
        boss.set_acls("/nobodys", [make_acl("ip", "10.9.8.6", read=True)])
        boss.delete("/nobodys")
        boss.create("/bosss", b"3", acl=[make_acl("x509", DN, all=True)])
        for act in (lambda: other.get("/bosss"), lambda: other.set("/bosss", b"4")):
            try:
                act()
                raise AssertionError("done without the right")
            except NoAuthError:
                pass
        boss.stop()
        other.stop()


if __name__ == "__main__":
    make_stores()
    run_tests([key_stores, trust_stores, one_version, provider, super_user])
