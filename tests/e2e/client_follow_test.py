#!/usr/bin/python3
"""Clients of ConnectOptions::follow_ensemble while three servers become five and others become three: where they
are, what they know, and that no session is lost; against Quorate and ZooKeeper 3.8.0."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, run_tests, wait_for  # noqa: E402
from reconfig_test import Members, client, reconfig  # noqa: E402

CLIENTS = 60


class Followers:
    """The program with the clients."""

    def __init__(self, servers):
        self.process = subprocess.Popen([BIN / "test_client_follow", f"--servers={servers}", f"--clients={CLIENTS}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self):
        self.process.stdin.write("where\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def wait_at(self, ports, least):
        """Until all are on servers of these ports, each with `least` at least, and know these alone."""
        wanted = {f"127.0.0.1:{port}" for port in ports}

        def there():
            now = self.ask()
            assert now["over"] == 0, now
            return (set(now["servers"]) <= wanted and min(now["servers"].get(at, 0) for at in wanted) >= least
                    and all(set(text.split(",")) == wanted for text in now["lists"]))
        try:
            wait_for("all clients have followed", there)
        except Exception:
            print(self.ask())
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        assert error[0] or code == 0, code


def clients_follow(kind):
    with Members([kind] * 3) as members:
        members.ensemble.start()
        hosts = members.ensemble.connect
        first = [members.server(sid).client_port for sid in (1, 2, 3)]
        with Followers(hosts) as followers:
            # The configuration of the start names no client ports.
            followers.wait_at(first, least=6)
            zk = client(hosts)
            new = [members.joiner(sid, kind, named=[1, 2, 3]).client_port for sid in (4, 5)]
            # The lines of the first three still have gaps: nobody may take those for removed.
            reconfig(zk, "five members", joining=members.lines([4, 5]))
            followers.wait_at(first + new, least=2)
            moves = followers.ask()["moves"]
            assert moves <= CLIENTS * 0.65, moves  # Two fifths in the mean; none moves twice.
            # A leader that goes takes connections with it, and those come back to whoever serves first.
            leader = members.ensemble.leader().sid
            stays = leader if leader <= 3 else 3
            reconfig(zk, "three members", new_members=members.lines([stays, 4, 5]))
            zk.stop()
            zk.close()
            left = [members.server(stays).client_port, *new]
            # ZooKeeper opens a client port anew when its line names it for the first time.
            followers.wait_at(left, least=2 if kind == "quorate" else 0)
            for sid in {1, 2, 3} - {stays}:
                members.stop(sid)
            followers.wait_at(left, least=0)


def clients_follow_quorate():
    clients_follow("quorate")


def clients_follow_zookeeper():
    clients_follow("zookeeper")


if __name__ == "__main__":
    run_tests([clients_follow_quorate, clients_follow_zookeeper])
