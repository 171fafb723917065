#!/usr/bin/python3
"""The leader-follower demo: workers (and servers) killed 20 times, counts equal to an independent count."""
import collections
import os
import pathlib
import random as chance
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, SHARED, Ensemble, run_tests  # noqa: E402

KILLS = int(os.environ.get("QUORATE_KILLS", "20"))
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))
PROGRAM = str(BIN / "leader_follower")


def independent_count(log):
    """Hits per page, page = path without query of the request; what is no such line is counted apart."""
    counts, bad = collections.Counter(), 0
    for line in log.read_text(errors="surrogateescape").split("\n"):
        if not line:
            continue
        quoted = line.split('"')
        words = quoted[1].split(" ") if len(quoted) >= 3 else []
        if len(words) < 2 or not words[1]:
            bad += 1
            continue
        counts[words[1].split("?")[0]] += 1
    return counts, bad


def printed_counts(connect):
    done = subprocess.run([PROGRAM, "--connect", connect, "--print"], capture_output=True, text=True,
                          errors="surrogateescape", timeout=60)
    assert done.returncode == 0, done.stderr
    counts = {}
    for line in done.stdout.splitlines():
        count, _, page = line.partition("\t")
        counts[page] = int(count)
    return counts


class Workers:
    def __init__(self, connect, log, folder, count, *more):
        self.command = [PROGRAM, "--connect", connect, "--log", str(log), *more]
        self.folder, self.started, self.processes = pathlib.Path(folder), 0, []
        for _ in range(count):
            self.add()

    def add(self):
        self.started += 1
        name = f"w{self.started}"
        with open(self.folder / f"{name}.log", "ab") as out:
            self.processes.append(subprocess.Popen(self.command + ["--id", name], stdout=out, stderr=out))

    def kill_one(self):
        """kill -9 of a random live worker, and a new one in its place."""
        live = [p for p in self.processes if p.poll() is None]
        if not live:
            return False
        victim = random.choice(live)
        victim.kill()
        victim.wait()
        self.processes.remove(victim)
        self.add()
        return True

    def wait_done(self):
        for process in self.processes:
            code = process.wait(180)
            assert code == 0, f"a worker ended with {code}\n" + "\n".join(
                f"{f.name}: {f.read_text(errors='replace')[-800:]}" for f in self.folder.glob("w*.log"))

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def access_log(folder):
    real = SHARED / "data" / "access.log"
    if real.exists():
        return real
    made = pathlib.Path(folder) / "access.log"
    subprocess.run([PROGRAM, "--generate", "10000", "--seed", "7", str(made)], check=True)
    return made


def counts_without_faults():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        log = access_log(folder)
        workers = Workers(ensemble.connect, log, folder, 3)
        try:
            workers.wait_done()
            expected, _ = independent_count(log)
            assert printed_counts(ensemble.connect) == dict(expected)
        finally:
            workers.close()


def counts_survive_kills():
    """Any worker, the leading one included, and now and then a server."""
    with Ensemble(["quorate"] * 3) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        log = access_log(folder)
        workers = Workers(ensemble.connect, log, folder, 4, "--session-timeout-ms", "1500",
                          "--lines-per-shard", "50",
                          # 200 shards shared by four: work for as long as the kills take, and some more.
                          "--delay-ms-per-shard", str(max(250, 12 * KILLS)))
        try:
            kills = servers = 0
            while kills < KILLS:
                time.sleep(random.uniform(0.1, 0.5))  # Kills at chance moments: this is the fault, no wait.
                if kills % 7 == 6:
                    server = random.choice(ensemble.servers).kill()
                    ensemble.wait_serving(count=2)
                    server.start()
                    servers += 1
                elif not workers.kill_one():
                    break
                kills += 1
            workers.wait_done()
            expected, bad = independent_count(log)
            counts = printed_counts(ensemble.connect)
            assert counts == dict(expected), (
                f"{sum(counts.values())} hits counted, {sum(expected.values())} expected; "
                f"{[(p, counts.get(p), n) for p, n in expected.items() if counts.get(p) != n][:5]}")
            assert kills == KILLS, f"done after {kills} kills already: too little work for this test"
            print(f"       {kills} kills ({servers} of servers), {sum(counts.values())} hits on "
                  f"{len(counts)} pages, {bad} bad lines")
        finally:
            workers.close()


def a_generated_log_is_the_same_for_a_seed():
    with tempfile.TemporaryDirectory() as folder:
        texts = []
        for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
            path = pathlib.Path(folder) / name
            subprocess.run([PROGRAM, "--generate", "500", "--seed", seed, str(path)], check=True)
            texts.append(path.read_bytes())
        assert texts[0] == texts[1] != texts[2]
        assert sum(independent_count(pathlib.Path(folder) / "a")[0].values()) > 400


if __name__ == "__main__":
    run_tests([a_generated_log_is_the_same_for_a_seed, counts_without_faults, counts_survive_kills])
