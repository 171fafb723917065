#!/usr/bin/python3
"""examples/kappa: a replay with another session gap beside the running one, while hits flow; switched, rolled back, retired.

Every answer is recomputed in Python for both gaps.
"""
import json
import os
import pathlib
import random as chance
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402
from hits import check_equal, recompute  # noqa: E402

KAPPA, TOOL = str(BIN / "kappa"), str(BIN / "pipeline-tool")
OLD_GAP, NEW_GAP = 30 * 60 * 1000, 10 * 60 * 1000
HITS = int(os.environ.get("QUORATE_KAPPA_HITS", "10000"))
DAY_MS = 86_400_000
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))


def generated(file, lines, later_ms=0, seed=5):
    """JSON hits, `later_ms` after those that the generator says."""
    made = subprocess.run([TOOL, "generate", "--json", "--lines", str(lines), "--seed", str(seed), "--rate", "2"],
                          capture_output=True, text=True, timeout=60, check=True).stdout
    text = ""
    for line in made.splitlines():
        try:
            hit = json.loads(line)
            hit["time_ms"] += later_ms
            line = json.dumps(hit)
        except (ValueError, KeyError, TypeError):
            pass  # A bad line stays as it is.
        text += line + "\n"
    file.write_text(text)
    return text


class Application:
    """A broker and all that runs of kappa; all of them end with the test."""

    def __init__(self, folder, ensemble):
        self.folder, self.ensemble, self.running = pathlib.Path(folder), ensemble, {}
        self.bus = f"unix:{self.folder}/socket"
        self.views = self.folder / "views"
        self.views.mkdir()
        self.started = 0
        self.start("broker", TOOL, "broker", "--data", self.folder / "bus", "--listen", self.bus)
        wait_for("the broker listens", lambda: "listening" in self.log("broker"))

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "wb") as out:
            self.running[name] = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def common(self):
        return ["--connect", self.ensemble.connect, "--bus", self.bus, "--folder", self.views]

    def produce(self, file, *more):
        return [TOOL, "produce", file, "--bus", self.bus, "--partitions", 4, *more]

    def worker(self, generation, *more, wait=True):
        self.started += 1
        name = f"w{self.started}"
        self.start(name, KAPPA, "work", *self.common(), "--generation", generation, "--id", name,
                   "--session-timeout-ms", 1000, "--commit-ms", 200, *more)
        if wait:
            wait_for(f"{name} is ready", lambda: "ready" in self.log(name))
        return name

    def run(self, command, *more, code=0):
        done = subprocess.run([KAPPA, command, *map(str, self.common()), *map(str, more)], capture_output=True,
                              text=True, timeout=90)
        assert done.returncode == code, (command, more, done.returncode, done.stderr[-2000:])
        return done.stdout if code == 0 else done.stderr

    def serve(self):
        self.start("serve", KAPPA, "serve", *self.common())
        wait_for("it serves", lambda: "ready http" in self.log("serve"))
        return self.log("serve").split("ready ")[1].split()[0].rstrip("/")

    def table(self):
        return {one["generation"]: one for one in json.loads(self.run("generations", "--json"))["generations"]}

    def view(self, generation):
        told = json.loads(self.run("view", "--generation", generation, "--wait-s", 60))
        assert sum(told["lag"]) == 0, (told["lag"], {name: self.log(name)[-500:] for name in self.running})
        return told["answers"]

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def end(self, name, sig=signal.SIGTERM):
        """The counts that a worker tells last."""
        process = self.running.pop(name)
        if sig:
            process.send_signal(sig)
        assert process.wait(60) == 0, (name, self.log(name)[-2000:])
        return json.loads(self.log(name).splitlines()[-1])

    def close(self):
        for process in self.running.values():
            process.kill()
            process.wait()


def asked(base, path, **parameters):
    url = base + path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
    with urllib.request.urlopen(url, timeout=30) as reply:
        return json.load(reply)


def answer_in(reply):
    return {name: value for name, value in reply.items() if name not in ("generation", "session_gap_ms", "ends")}


class Flow(threading.Thread):
    """Sends a log piece by piece, until told to end: so it flows as long as the test needs it to."""

    def __init__(self, application, lines, piece=100, pause_s=0.05):
        super().__init__(daemon=True)
        self.application, self.pause_s, self.told = application, pause_s, threading.Event()
        self.pieces = [lines[at:at + piece] for at in range(0, len(lines), piece)]
        self.sent, self.fault = [], None

    def run(self):
        file = self.application.folder / "piece"
        for piece in self.pieces:
            file.write_text("".join(piece))
            done = subprocess.run([str(word) for word in self.application.produce(file)], capture_output=True, timeout=60)
            if done.returncode != 0:
                self.fault = done.stderr
                return
            self.sent += piece
            if self.told.wait(self.pause_s):
                return

    def end(self):
        """What was sent."""
        assert self.is_alive(), f"hits were to flow until here: {self.fault or 'all are sent'}"
        self.told.set()
        self.join(60)
        assert not self.fault, self.fault
        return "".join(self.sent)


class Reader(threading.Thread):
    """Asks all the time. Of the older hits, which are all there: each answer must be that of one gap as a whole.

    Of all hits: never fewer than before.
    """

    def __init__(self, base, until_ms, expected):
        super().__init__(daemon=True)
        self.base, self.until_ms, self.expected = base, until_ms, expected
        self.asked, self.generations, self.faults, self.hits, self.ending = 0, [], [], 0, False

    def run(self):
        try:
            while not self.ending:
                old = asked(self.base, "/api/answer", to=self.until_ms)
                self.note(old["generation"])
                if answer_in(old) != self.expected[old["generation"]]:
                    self.faults.append(f"a mix: {old}")
                live = asked(self.base, "/api/answer", top=0)
                self.note(live["generation"])
                if live["hits"] < self.hits:
                    self.faults.append(f"{live['hits']} hits after {self.hits}: {live}")
                self.hits = live["hits"]
                self.asked += 2
        except (OSError, ValueError) as fault:
            self.faults.append(repr(fault))

    def note(self, generation):
        if self.generations[-1:] != [generation]:
            self.generations.append(generation)

    def sees(self, generation):
        wait_for(f"the reader sees generation {generation}", lambda: self.faults or self.generations[-1:] == [generation])
        assert not self.faults, self.faults[:3]

    def end(self):
        self.ending = True
        self.join(60)
        assert not self.faults, self.faults[:3]


def replay_with_another_gap_while_hits_flow_then_switch_roll_back_retire():
    with Ensemble(["quorate"] * 3) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        application = Application(folder, ensemble)
        try:
            old = generated(folder / "old", HITS)
            live = generated(folder / "live", 4 * HITS, later_ms=400 * DAY_MS, seed=6)
            times = [json.loads(line)["time_ms"] for line in live.splitlines() if line.startswith('{"') and "time_ms" in line
                     and line.endswith("}")]
            until_ms = min(times) - min(times) % DAY_MS
            of_old = {number: recompute(old, gap)["answers"]["/"]["total"] for number, gap in ((1, OLD_GAP), (2, NEW_GAP))}
            assert of_old[1]["sessions"] < of_old[2]["sessions"], "the gaps must make a difference"
            subprocess.run([str(word) for word in application.produce(folder / "old")], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)

            application.run("start", "--generation", 1, "--gap-ms", OLD_GAP)
            first = [application.worker(1) for _ in range(2)]
            application.run("switch", "--to", 1, "--wait")
            reader = Reader(application.serve(), until_ms, of_old)
            wait_for("the first answer", lambda: asked(reader.base, "/api/status")["serving"] == 1)
            reader.start()
            reader.sees(1)

            flow = Flow(application, live.splitlines(keepends=True))
            flow.start()
            application.run("start", "--generation", 2, "--gap-ms", NEW_GAP)
            assert "behind" in application.run("switch", "--to", 2, "--max-lag", 100, code=1)
            slow = ("--read-records", 50, "--pause-ms-per-batch", 10)
            second = [application.worker(2, *slow, "--gap-ms", NEW_GAP) for _ in range(2)]
            victim = second.pop()
            wait_for("it replays", lambda: "taken" in application.log(victim))
            assert application.table()[2]["state"] == "replaying", application.table()
            application.kill(victim)
            second.append(application.worker(2, *slow))
            leader = ensemble.leader().kill()
            ensemble.wait_serving(count=2)
            leader.start()
            latency = asked(reader.base, "/api/status")["latency_ms"]
            assert latency["deltas"] > 0, "what is new comes by deltas"
            application.run("switch", "--to", 2, "--wait")
            reader.sees(2)
            application.run("rollback", "--wait")
            reader.sees(1)
            application.run("switch", "--to", 2, "--wait")
            reader.sees(2)

            all_hits = old + flow.end()
            expected = {number: recompute(all_hits, gap)["answers"] for number, gap in ((1, OLD_GAP), (2, NEW_GAP))}
            for number in (1, 2):
                check_equal(application.view(number), expected[number])
            wait_for("the reader sees every hit", lambda: reader.faults or reader.hits == expected[2]["/"]["total"]["hits"])
            reader.end()
            assert reader.generations == [1, 2, 1, 2], reader.generations
            for prefix, answers in sorted(expected[2].items())[:10]:
                check_equal(answer_in(asked(reader.base, "/api/answer", prefix=prefix)), answers["total"])
                check_equal(asked(reader.base, "/api/series", prefix=prefix, step="hour", top=10)["series"], answers["hour"])
            status = asked(reader.base, "/api/status")
            assert [one["state"] for one in status["generations"]] == ["previous", "active"], status

            application.run("retire", "--generation", 2, code=1)
            application.run("retire", "--generation", 1)
            for worker in first:
                assert application.end(worker, sig=None)["retired"]
            assert application.table()[1]["state"] == "retired"
            left = [file.name for file in application.views.iterdir() if file.name.startswith("gen-1.")]
            assert not left, left
            assert "previous" in application.run("rollback", code=1)
            check_equal(application.view(2), expected[2])
            counts = [application.end(worker) for worker in second]
            print(f"       {reader.asked} answers while {len(flow.sent)} lines flowed; event to view p50 {latency['p50']} ms, p99 "
                  f"{latency['p99']} ms; the new gap's last two workers handled "
                  f"{sum(one['records'] for one in counts)} records")
        finally:
            application.close()


def a_paused_worker_is_refused_by_its_token_and_counted():
    """SIGSTOP past its session, in the middle of the replay: another goes on; the late commit is refused."""
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        application = Application(folder, ensemble)
        try:
            text = generated(folder / "log", 3_000)
            subprocess.run([str(word) for word in application.produce(folder / "log", "--topic", "one", "--partitions", 1)],
                           check=True, timeout=60, stdout=subprocess.DEVNULL)
            of_one = ("--topic", "one")
            zombie = application.worker(1, *of_one, "--code", "v1", "--read-records", 20, "--pause-ms-per-batch", 60)
            wait_for("it has the partition", lambda: "taken 0" in application.log(zombie))
            time.sleep(random.uniform(0.3, 0.6))  # Into the work: this is the fault, no wait.
            application.running[zombie].send_signal(signal.SIGSTOP)
            heir = application.worker(1, *of_one)
            wait_for("the other has the partition", lambda: "taken 0" in application.log(heir))
            expected = recompute(text)["answers"]

            def view():
                return json.loads(application.run("view", *of_one, "--generation", 1, "--wait-s", 60))["answers"]
            check_equal(view(), expected)
            application.running[zombie].send_signal(signal.SIGCONT)
            wait_for("it is refused", lambda: "refused 0" in application.log(zombie))
            wait_for("it is back", lambda: application.log(zombie).count("ready") == 2)
            check_equal(view(), expected)
            table = json.loads(application.run("generations", *of_one, "--json"))["generations"]
            refused = {worker["id"]: worker["refused"] for worker in table[0]["workers"]}
            assert refused[zombie] >= 1 and refused[heir] == 0, table
            assert application.end(zombie)["fenced"] >= 1
            application.end(heir)
        finally:
            application.close()


def what_cannot_be_asked_is_said():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        application = Application(folder, ensemble)
        try:
            for arguments, word in ((["dance"], "no command"), (["switch"], "--to"), ([], "which command"),
                                    (["start", "--generation", "1", "--code", "v9"], "v1 (every hit counts)"),
                                    (["start", "--generation", "0"], "--generation"),
                                    (["generations", "--bus", "x", "--color", "red"], "--color")):
                done = subprocess.run([KAPPA, *arguments], capture_output=True, text=True, timeout=60)
                assert done.returncode == 2 and word in done.stderr, (arguments, done)
            generated(folder / "log", 100)
            subprocess.run([str(word) for word in application.produce(folder / "log")], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
            assert "no generation" in application.run("switch", "--to", 1, code=1)
            application.run("start", "--generation", 1)
            assert "other options" in application.run("start", "--generation", 1, "--gap-ms", 5, code=1)
            base = application.serve()

            def refused(path):
                try:
                    asked(base, path)
                except urllib.error.HTTPError as fault:
                    return fault.code, json.load(fault)["error"]
                return 200, ""
            assert refused("/api/answer")[0] == 503
            worker = application.worker(1)
            application.run("switch", "--to", 1, "--wait")
            wait_for("it answers", lambda: refused("/api/answer")[0] == 200)
            for path, word in (("/api/answer?from=x", "from"), ("/api/answer?prefix=blog", "prefix"),
                               ("/api/series?step=week", "step"), ("/api/answer?top=-1", "top"), ("/api/answer?color=red", "color")):
                code, error = refused(path)
                assert code == 400 and word in error, (path, code, error)
            assert refused("/nowhere")[0] == 404
            with urllib.request.urlopen(base, timeout=30) as page:
                assert "text/html" in page.headers["Content-Type"] and b"<title>kappa</title>" in page.read()
            application.end(worker)
        finally:
            application.close()


if __name__ == "__main__":
    run_tests([what_cannot_be_asked_is_said, a_paused_worker_is_refused_by_its_token_and_counted,
               replay_with_another_gap_while_hits_flow_then_switch_roll_back_retire])
