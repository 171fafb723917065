#!/usr/bin/env python3
"""The same random conversation with Quorate and with Debian's ZooKeeper 3.8.0; every answer compared.

    tests/e2e/differential_test.py [VARIANT...]

QUORATE_DIFFERENTIAL_REQUESTS and QUORATE_DIFFERENTIAL_SEEDS set the size of each variant; the rest of
the program's arguments (--replay SEED, --upto STEP) go into QUORATE_DIFFERENTIAL_ARGUMENTS.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Missed, Server, free_ports, wait_for  # noqa: E402

REQUESTS = os.environ.get("QUORATE_DIFFERENTIAL_REQUESTS", "2500")
SEEDS = os.environ.get("QUORATE_DIFFERENTIAL_SEEDS", "1..2")
ARGUMENTS = os.environ.get("QUORATE_DIFFERENTIAL_ARGUMENTS", "").split()
# Operations that are not built. Empty is what it must be.
SKIP = []

# Sessions outlive everything: an expiry would come at another moment on each server.
BASE = {
    "admin.enableServer": "false", "tickTime": 500, "minSessionTimeout": 120000, "maxSessionTimeout": 240000, "forceSync": "no",
    # "super:secret"
    "DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
}
# The reaper stays away; the keys of these two are read as they are, without "zookeeper." before them.
NEVER = ["-Dznode.container.checkIntervalMs=86400000"]
# With quotas no multi: ZooKeeper does not count what earlier parts of one add.
VARIANTS = {
    "plain": (BASE, []),
    "ttl": (BASE | {"extendedTypesEnabled": "true"}, []),
    "quota": (BASE | {"extendedTypesEnabled": "true", "enforceQuota": "true"}, ["--quota", "--skip", "14"]),
}


def serving(server):
    if server.ended_by_itself:
        raise Missed(f"{server.kind} ended by itself\n{server.log_tail()}")
    return server.mode() == "standalone"


def compare(name, folder):
    settings, arguments = VARIANTS[name]
    ports = free_ports(2)
    oracle = Server(pathlib.Path(folder) / f"{name}-oracle", "zookeeper", 1, ports[0], settings=settings)
    oracle.jvm_options = NEVER
    ours = Server(pathlib.Path(folder) / f"{name}-ours", "quorate", 1, ports[1],
                  settings=settings | {"znode.container.checkIntervalMs": 86400000})
    try:
        for server in (oracle, ours):
            server.start()
        for server in (oracle, ours):
            wait_for(f"{server.kind} serves", lambda: serving(server))
        command = [str(BIN / "quorate-differential"), "--oracle", str(ports[0]), "--ours", str(ports[1]),
                   "--seeds", SEEDS, "--requests", REQUESTS, *arguments, *ARGUMENTS]
        if SKIP:
            command += ["--skip", ",".join(map(str, SKIP))]
            print(f"left out: operations {SKIP}")
        print(f"--- {name}", flush=True)
        code = subprocess.run(command, check=False).returncode
        if code != 0 and ours.ended_by_itself:
            print(f"Quorate ended by itself\n{ours.log_tail()}")
        return code == 0
    finally:
        for server in (oracle, ours):
            server.kill()


def main():
    names = sys.argv[1:] or list(VARIANTS)
    with tempfile.TemporaryDirectory(prefix="quorate-differential-") as folder:
        same = [name for name in names if compare(name, folder)]
    print(f"{len(same)} passed, {len(names) - len(same)} failed")
    return 0 if len(same) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
