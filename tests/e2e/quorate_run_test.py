#!/usr/bin/python3
"""quorate-run: one command at a time, stopped when the session is suspended, tokens that fence.

QUORATE_ORACLE=1 asks the same of ZooKeeper.
"""
import os
import pathlib
import random as chance
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402

RUN = str(BIN / "quorate-run")
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))

# The resource: a file of "token line", appended to under a file lock; it refuses a token smaller than
# the greatest it has seen. What the command does, in a process of its own.
RESOURCE = r"""
import fcntl, os, sys, time
path, turns, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
token = int(os.environ["QUORATE_FENCING_TOKEN"])
for turn in range(turns):
    with open(path, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        seen = [int(line.split()[0]) for line in file if line.split()[1] == "ok"]
        if seen and max(seen) > token:
            file.write(f"{token} refused {os.getpid()}\n")
            sys.exit(9)
        file.write(f"{token} ok {os.getpid()}\n")
    end = time.monotonic() + pause
    while time.monotonic() < end:  # The work.
        pass
"""


def start(ensemble, *words, out=None):
    return subprocess.Popen([RUN, "--connect", ensemble.connect, "--session", "3", *words],
                            stderr=subprocess.PIPE if out is None else out, text=True)


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(*processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def codes_and_environment():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        out = pathlib.Path(folder, "out")
        done = subprocess.run([RUN, "--connect", ensemble.connect, "--quiet", "--lock", "/l", "--", "sh", "-c",
                               f"echo $QUORATE_FENCING_TOKEN $QUORATE_LOCK_NODE > {out}; exit 42"],
                              timeout=30, capture_output=True, text=True)
        assert done.returncode == 42 and done.stderr == "", done
        token, node = out.read_text().split()
        assert int(token) > 0 and node.startswith("/l/") and "__lock__" in node, (token, node)
        again = subprocess.run([RUN, "--connect", ensemble.connect, "--lock", "/l", "--", "sh", "-c",
                                f"echo $QUORATE_FENCING_TOKEN > {out}; kill -9 $$"], timeout=30)
        assert again.returncode == 128 + 9, again
        assert int(out.read_text()) > int(token)
        missing = subprocess.run([RUN, "--connect", ensemble.connect, "--lock", "/l", "--", "/no/such/program"],
                                 timeout=30, capture_output=True, text=True)
        assert missing.returncode == 127 and "/no/such/program" in missing.stderr, missing
    for words, text in ((["--lock", "/l"], "no command"), (["--", "true"], "--lock PATH"),
                        (["--lock", "l", "--", "true"], "begin with '/'"), (["--frob"], "--frob"),
                        (["--wait", "soon", "--lock", "/l", "--", "true"], "seconds expected")):
        bad = subprocess.run([RUN, *words], timeout=30, capture_output=True, text=True)
        assert bad.returncode == 2 and text in bad.stderr, (words, bad)
    nobody = subprocess.run([RUN, "--connect", "127.0.0.1:1", "--connect-timeout", "0.5", "--lock", "/l", "--", "true"],
                            timeout=30, capture_output=True, text=True)
    assert nobody.returncode == 3 and "127.0.0.1:1" in nobody.stderr, nobody


def one_at_a_time_and_wait():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        mark = pathlib.Path(folder, "mark")
        first = start(ensemble, "--lock", "/l", "--", "sh", "-c", f"touch {mark}; exec tail -f /dev/null")
        wait_for("the first to hold", mark.exists)
        late = subprocess.run([RUN, "--connect", ensemble.connect, "--wait", "0.3", "--lock", "/l", "--", "true"],
                              timeout=30, capture_output=True, text=True)
        assert late.returncode == 75 and "not obtained in time" in late.stderr, late
        # A signal reaches the command; the code is the command's; the next one holds at once.
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 128 + signal.SIGTERM
        done = subprocess.run([RUN, "--connect", ensemble.connect, "--wait", "1", "--lock", "/l", "--", "true"], timeout=30)
        assert done.returncode == 0
        trap = start(ensemble, "--lock", "/l", "--", "sh", "-c",
                     f"trap 'exit 7' USR1; echo > {mark}2; while :; do :; done")
        wait_for("the trap", pathlib.Path(f"{mark}2").exists)
        trap.send_signal(signal.SIGUSR1)
        assert trap.wait(20) == 7


def stopped_at_suspension():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        pids = pathlib.Path(folder, "pids")
        # A command that does not heed SIGTERM, and a child of it: both are gone after the grace.
        stubborn = start(ensemble, "--grace", "0.3", "--lock", "/l", "--", "bash", "-c",
                         f"trap '' TERM; tail -f /dev/null & echo $$ $! > {pids}; while :; do wait; done")
        wait_for("the command", lambda: pids.exists() and len(pids.read_text().split()) == 2)
        both = [int(pid) for pid in pids.read_text().split()]
        ensemble[1].kill(signal.SIGKILL)
        begin = time.monotonic()
        assert stubborn.wait(20) == 76
        assert time.monotonic() - begin < 3, "later than the session's timeout"
        assert not any(alive(pid) for pid in both)
        assert "lost /l" in stubborn.stderr.read()
        ensemble[1].start()
        ensemble.wait_serving()
        # --elect stands again, with a greater token, and starts the command anew.
        tokens = pathlib.Path(folder, "tokens")
        leader = start(ensemble, "--elect", "/e", "--", "sh", "-c",
                       f"echo $QUORATE_FENCING_TOKEN >> {tokens}; exec tail -f /dev/null")
        wait_for("the first term", lambda: len(lines_of(tokens)) == 1)
        ensemble[1].kill(signal.SIGKILL)
        ensemble[1].start()
        wait_for("the second term", lambda: len(lines_of(tokens)) == 2)
        first, second = map(int, lines_of(tokens))
        assert second > first
        leader.send_signal(signal.SIGTERM)
        assert leader.wait(20) == 128 + signal.SIGTERM


def a_killed_runner_takes_its_command_along():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        pid = pathlib.Path(folder, "pid")
        first = start(ensemble, "--lock", "/l", "--", "sh", "-c", f"echo $$ > {pid}; exec tail -f /dev/null")
        wait_for("the command", lambda: lines_of(pid))
        second = start(ensemble, "--lock", "/l", "--", "true")
        first.kill()
        first.wait()
        wait_for("the command's end", lambda: not alive(int(pid.read_text())), timeout=5)
        assert second.wait(20) == 0


def tokens_fence_a_stopped_holder():
    """The holder and its command are stopped past the session's end, another holds; then the first goes on."""
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        resource = pathlib.Path(folder, "resource")
        work = [sys.executable, "-c", RESOURCE, str(resource)]
        first = start(ensemble, "--lock", "/l", "--", *work, "100000", "0.05")
        wait_for("the first writes", lambda: len(lines_of(resource)) > 2)
        command = int(lines_of(resource)[0].split()[2])
        os.kill(first.pid, signal.SIGSTOP)
        os.kill(command, signal.SIGSTOP)
        second = start(ensemble, "--lock", "/l", "--", *work, "100000", "0.05")
        token = int(lines_of(resource)[0].split()[0])
        wait_for("the second writes", lambda: int(lines_of(resource)[-1].split()[0]) > token)
        os.kill(command, signal.SIGCONT)  # It still believes; only its token tells.
        wait_for("the refusal", lambda: any(line.split()[1] == "refused" for line in lines_of(resource)))
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(20) in (9, 76)
        greatest = 0
        for line in lines_of(resource):
            now, verdict, _ = line.split()
            assert verdict == "refused" or int(now) >= greatest, line
            greatest = max(greatest, int(now))
        end(second)


def many_under_kills():
    """Five runners on three servers; runners killed and stopped, servers killed: tokens never go back."""
    with Ensemble(["quorate"] * 3) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        resource = pathlib.Path(folder, "resource")
        work = [sys.executable, "-c", RESOURCE, str(resource), "3", "0.02"]
        runners = []

        def add():
            runners.append(start(ensemble, "--quiet", "--lock", "/l", "--", *work, out=subprocess.DEVNULL))
        deadline = time.monotonic() + 15
        stopped = []
        while time.monotonic() < deadline:
            while len(runners) < 5:
                add()
            what = random.choice(["kill", "stop", "nothing", "nothing", "server"])
            victim = random.choice(runners)
            if what == "kill":
                victim.kill()
            elif what == "stop":
                victim.send_signal(signal.SIGSTOP)
                stopped.append((victim, time.monotonic() + 4))
            elif what == "server":
                server = random.choice(ensemble.servers)
                server.kill()
                server.start()
            for process, until in list(stopped):
                if time.monotonic() > until:
                    process.send_signal(signal.SIGCONT)
                    stopped.remove((process, until))
            runners[:] = [r for r in runners if r.poll() is None]
            end_of_round = time.monotonic() + 0.4
            wait_for("a random while", lambda: time.monotonic() > end_of_round)
        for process, _ in stopped:
            process.send_signal(signal.SIGCONT)
        ensemble.wait_serving()
        for runner in runners:
            assert runner.wait(30) in (0, 9, 76, -9), runner.returncode
        greatest, holders = 0, {}
        for line in lines_of(resource):
            token, verdict, pid = line.split()
            assert verdict == "refused" or int(token) >= greatest, line
            assert holders.setdefault(token, pid) == pid, f"two processes with one token: {line}"
            greatest = max(greatest, int(token))
        assert len(holders) > 5, holders


if __name__ == "__main__":
    run_tests([codes_and_environment, one_at_a_time_and_wait, stopped_at_suspension,
               a_killed_runner_takes_its_command_along, tokens_fence_a_stopped_holder, many_under_kills])
