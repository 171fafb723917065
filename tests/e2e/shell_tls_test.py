#!/usr/bin/python3
"""quorate-shell over TLS: its own options, zkCli's properties file and CLIENT_JVMFLAGS, PEM and PKCS12, and what is
said of wrong authorities, certificates, hosts, passwords and files."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble  # noqa: E402

SHELL = pathlib.Path(os.environ.get("QUORATE_SHELL", ensemble.BIN / "quorate-shell"))
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-shell-tls-"))


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=FOLDER)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, ca="ca"):
    """NAME.key, NAME.crt; both in NAME.pem."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-days", 2, "-out", f"{name}.crt")
    (FOLDER / f"{name}.pem").write_text((FOLDER / f"{name}.key").read_text() + (FOLDER / f"{name}.crt").read_text())


def make_all():
    authority("ca")
    authority("stranger")
    certificate("localhost")
    certificate("client")
    certificate("foreign", ca="stranger")
    # An encrypted key, alone and with its certificate; stores as keytool makes them.
    openssl("pkey", "-in", "client.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key")
    (FOLDER / "locked.pem").write_text((FOLDER / "locked.key").read_text() + (FOLDER / "client.crt").read_text())
    openssl("pkcs12", "-export", "-in", "client.crt", "-inkey", "client.key", "-out", "client.p12", "-passout", "pass:secret")
    openssl("pkcs12", "-export", "-nokeys", "-in", "ca.pem", "-out", "trust.p12", "-passout", "pass:secret")
    (FOLDER / "client.jks").write_bytes((FOLDER / "client.p12").read_bytes())  # Since Java 9 so by default.
    (FOLDER / "old.jks").write_bytes(b"\xfe\xed\xfe\xed" + bytes(60))
    (FOLDER / "garbage").write_bytes(b"garbage")
    (FOLDER / "password").write_text("secret\n")
    (FOLDER / "wrong").write_text("guess\n")


class Secure:
    """A server that wants certificates, and shells at it."""

    def __enter__(self):
        self.port = ensemble.free_ports(1)[0]
        self.servers = ensemble.Ensemble(["quorate"], settings={
            "secureClientPort": self.port, "secureClientPortAddress": "127.0.0.1",
            "ssl.keyStore.location": FOLDER / "localhost.pem", "ssl.trustStore.location": FOLDER / "ca.pem"}).start()
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(self.servers.describe(), file=sys.stderr)
        self.servers.close()

    def run(self, *options, host="localhost", program=SHELL, env=None, command=("whoami",), port=None):
        done = subprocess.run([program, "-server", f"{host}:{port or self.port}", *map(str, options), *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd=FOLDER,
                              env=dict(os.environ, **(env or {})))
        return done.returncode, done.stdout, done.stderr

    def ok(self, *options, **more):
        code, out, err = self.run(*options, **more)
        assert code == 0 and "CN=client" in out, (options, code, out, err)

    def fails(self, wanted, words, *options, **more):
        code, out, err = self.run("-connect-timeout", "1500", *options, **more)
        assert code == wanted, (options, code, out, err)
        for word in words:
            assert word in err, (options, word, err)


def properties(**more):
    lines = {"zookeeper.client.secure": "true", "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
             "zookeeper.ssl.keyStore.location": FOLDER / "client.pem", "zookeeper.ssl.trustStore.location": FOLDER / "ca.pem"}
    lines.update({"zookeeper." + key.replace("__", "."): value for key, value in more.items()})
    file = FOLDER / "client.properties"
    file.write_text("# as for zkCli\n" + "".join(f"{key}={value}\n" for key, value in lines.items()))
    return "-client-configuration", file


def own_options():
    with Secure() as at:
        at.ok("--ca", "ca.pem", "--cert", "client.pem")
        at.ok("--tls", "--ca", "ca.pem", "--cert", "client.crt", "--key", "client.key")
        at.ok("--ca", "ca.pem", "--cert", "client.crt", "--key", "locked.key", "--key-password-file", "password")
        at.ok("--ca", "ca.pem", "--cert", "client.p12", "--key-password-file", "password")
        at.ok("--any-host", "--ca", "ca.pem", "--cert", "client.pem", host="127.0.0.1")
        # A second session of one program, and one to another ensemble.
        code, out, err = at.run("--ca", "ca.pem", "--cert", "client.p12", "--key-password-file", "password", "-f", "-",
                                command=())
        assert code == 0, err
        done = subprocess.run([SHELL, "-server", f"localhost:{at.port}", "--ca", "ca.pem", "--cert", "client.p12",
                               "--key-password-file", "password"], input="create /a x\nconnect\nget /a\nwhoami\n",
                              capture_output=True, text=True, timeout=30, cwd=FOLDER)
        assert done.returncode == 0 and done.stdout.startswith("x\n") and "CN=client" in done.stdout, done


def zkclis_properties():
    with Secure() as at:
        at.ok(*properties())
        secret = {"ssl__keyStore__password": "secret"}
        at.ok(*properties(ssl__keyStore__location=FOLDER / "locked.pem", **secret))
        at.ok(*properties(ssl__keyStore__location=FOLDER / "client.p12", **secret))
        at.ok(*properties(ssl__keyStore__location=FOLDER / "client.jks", **secret))
        at.ok(*properties(ssl__keyStore__location=FOLDER / "client.p12",
                          ssl__keyStore__passwordPath=FOLDER / "password"))
        at.ok(*properties(ssl__trustStore__location=FOLDER / "trust.p12", ssl__trustStore__password="secret"))
        at.ok(*properties(ssl__hostnameVerification="false"), host="127.0.0.1")
        # Under zkCli's name what Java is told in the environment counts.
        zkcli = FOLDER / "zkCli.sh"
        zkcli.symlink_to(SHELL.resolve())
        flags = f"-Xmx64m -Dzookeeper.client.secure=true -Dzookeeper.ssl.keyStore.location={FOLDER}/client.pem " \
                f"-Dzookeeper.ssl.trustStore.location={FOLDER}/ca.pem"
        at.ok(program=zkcli, env={"CLIENT_JVMFLAGS": flags})
        at.ok(*properties(), program=zkcli)
        code, out, _ = at.run("-client-configuration", FOLDER / "nope", program=zkcli)
        assert code == 1, out
        # false is no TLS: the plain port answers.
        code, out, err = at.run(*properties(client__secure="false"), host="127.0.0.1",
                                port=at.servers[1].client_port)
        assert code == 0 and "CN=" not in out, (out, err)


def who_is_not_let_in():
    with Secure() as at:
        ours = ("--cert", "client.pem")
        at.fails(3, ["not signed by a trusted authority"], "--ca", "stranger.pem", *ours)
        at.fails(3, ["not signed by a trusted authority"], "--tls", *ours)  # The system's authorities.
        at.fails(3, ["for another host"], "--ca", "ca.pem", *ours, host="127.0.0.1")
        at.fails(3, ["it wants a certificate"], "--ca", "ca.pem")
        at.fails(3, ["it wants a certificate"], "--ca", "ca.pem", "--cert", "foreign.pem")
        at.fails(3, ["TLS", "--ca FILE"], command=("ls", "/"))  # Plain, to the port for TLS.
        at.fails(3, ["TLS"], "--ca", "ca.pem", *ours, port=at.servers[1].client_port)  # And the other way round.
        assert at.run(*properties(ssl__trustStore__location=FOLDER / "stranger.pem"))[0] == 3


def files_that_cannot_be_used():
    with Secure() as at:
        ca = ("--ca", "ca.pem")
        cases = [
            (["--ca", "nope.pem"], ["nope.pem", "No such file"]),
            (["--ca", "client.key"], ["client.key", "no certificate"]),
            (["--ca", "garbage"], ["garbage", "neither PEM nor PKCS12"]),
            ([*ca, "--cert", "nope.pem"], ["nope.pem", "No such file"]),
            ([*ca, "--cert", "client.crt"], ["client.crt", "no private key"]),
            ([*ca, "--cert", "client.crt", "--key", "foreign.key"], ["foreign.key", "not that of the certificate"]),
            ([*ca, "--cert", "locked.pem"], ["locked.pem", "is the password right?"]),
            ([*ca, "--cert", "locked.pem", "--key-password-file", "wrong"], ["locked.pem", "is the password right?"]),
            ([*ca, "--cert", "client.p12", "--key-password-file", "wrong"], ["client.p12", "is the password right?"]),
            ([*ca, "--cert", "client.p12", "--key-password-file", "nope"], ["nope", "No such file"]),
            ([*ca, "--cert", "old.jks"], ["old.jks", "keytool -importkeystore", "PKCS12"]),
            ([*ca, "--key", "client.key"], ["client.key", "without a certificate"]),
        ]
        for options, words in cases:
            at.fails(2, words, *options)
        for more, words in (({"ssl__crl": "true"}, ["zookeeper.ssl.crl", "only false"]),
                            ({"ssl__ocsp": "true"}, ["zookeeper.ssl.ocsp", "only false"]),
                            ({"ssl__context__supplier__class": "a.B"}, ["zookeeper.ssl.context.supplier.class"]),
                            ({"ssl__keyStore__location": FOLDER / "old.jks"}, ["old.jks", "keytool"]),
                            ({"ssl__keyStore__location": FOLDER / "locked.pem", "ssl__keyStore__password": "guess"},
                             ["locked.pem", "is the password right?"])):
            at.fails(2, words, *properties(**more))


if __name__ == "__main__":
    make_all()
    ensemble.run_tests([own_options, zkclis_properties, who_is_not_let_in, files_that_cannot_be_used])
