#!/usr/bin/python3
"""The C++ client: the same program (tests/client) against Quorate and against ZooKeeper 3.8.0."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests  # noqa: E402

SETTINGS = {"extendedTypesEnabled": "true"}


def run(ensemble, kind, *more):
    subprocess.run([BIN / "test_client_live", f"--servers={ensemble.connect}", f"--kind={kind}", *more],
                   check=True, timeout=60)


def against(kind):
    with Ensemble([kind], SETTINGS) as ensemble:
        for server in ensemble.servers:
            server.jvm_options = ["-Dzookeeper.extendedTypesEnabled=true"]
        ensemble.start()
        run(ensemble, kind)


def against_quorate():
    against("quorate")


def against_zookeeper():
    against("zookeeper")


if __name__ == "__main__":
    run_tests([against_quorate, against_zookeeper])
