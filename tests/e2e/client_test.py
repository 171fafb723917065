#!/usr/bin/python3
"""The C++ client: the same program (tests/client) against Quorate, one server and three, and against ZooKeeper 3.8.0."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, free_ports, run_tests  # noqa: E402

SETTINGS = {"extendedTypesEnabled": "true"}
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-client-"))


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=FOLDER)


def key_and_request(name, *more):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", *more)


def make_certificates():
    for name in ("ca", "stranger"):
        key_and_request(name, "-x509", "-days", 2, "-out", f"{name}.pem")
    for name in ("localhost", "client", "other"):
        key_and_request(name, "-out", f"{name}.csr")
        (FOLDER / "names").write_text(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", 2, "-extfile", "names", "-out", f"{name}.crt")
    (FOLDER / "server.pem").write_text((FOLDER / "localhost.key").read_text() + (FOLDER / "localhost.crt").read_text())


def tls_settings():
    port = free_ports(1)[0]
    return port, {"secureClientPort": port, "secureClientPortAddress": "127.0.0.1",
                  "ssl.keyStore.location": FOLDER / "server.pem", "ssl.trustStore.location": FOLDER / "ca.pem"}


def against(kind):
    settings, more = dict(SETTINGS), []
    if kind == "quorate":
        make_certificates()
        port, tls = tls_settings()
        settings.update(tls)
        more = [f"--tls-servers=localhost:{port}", f"--tls-folder={FOLDER}"]
    with Ensemble([kind], settings) as ensemble:
        for server in ensemble.servers:
            server.jvm_options = ["-Dzookeeper.extendedTypesEnabled=true"]
        ensemble.start()
        subprocess.run([BIN / "test_client_live", f"--servers={ensemble.connect}", f"--kind={kind}", *more],
                       check=True, timeout=60)


def against_quorate():
    against("quorate")


def against_zookeeper():
    against("zookeeper")


def against_a_follower_of_three():
    """Every write goes by way of the leader. TLS is the one server's business above."""
    with Ensemble(["quorate"] * 3, SETTINGS) as ensemble:
        ensemble.start()
        follower = next(server for server in ensemble.servers if server.mode() == "follower")
        subprocess.run([BIN / "test_client_live", f"--servers={follower.address}", "--kind=quorate"], check=True, timeout=60)


if __name__ == "__main__":
    run_tests([against_quorate, against_zookeeper, against_a_follower_of_three])
