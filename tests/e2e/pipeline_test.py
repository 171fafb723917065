#!/usr/bin/python3
"""examples/pipeline: every answer recomputed here, in another way; consumers, broker and servers killed in the middle."""
import collections
import json
import os
import pathlib
import random as chance
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, SHARED, Ensemble, run_tests, wait_for  # noqa: E402
from hits import check_equal, parse, recompute  # noqa: E402

TOOL = str(BIN / "pipeline-tool")
KILLS = int(os.environ.get("QUORATE_PIPELINE_KILLS", "8"))
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))

# --- Running the tool -----------------------------------------------------------------------------

def run(*arguments, timeout=120):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, timeout=timeout)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def aggregate(file, *more):
    told = json.loads(run("aggregate", file, *more))
    told["bad"] = told["bad"]["total"]
    return told


def generated(file, *more, lines=10_000):
    file.write_bytes(run("generate", "--lines", lines, *more))
    return file.read_text()


# --- Tests ------------------------------------------------------------------------------------------

def every_answer_equals_the_recomputation(folder, text, file):
    expected = recompute(text)
    check_equal(aggregate(file), expected)
    check_equal(aggregate(file, "--parts", 7), expected)
    lines = text.splitlines()
    doubled = lines + random.sample(lines, len(lines) // 2)
    random.shuffle(doubled)
    other = folder / "shuffled"
    other.write_text("\n".join(doubled) + "\n")
    for parts in (1, 5):
        shuffled = aggregate(other, "--parts", parts)
        assert shuffled["events"] == expected["events"] and shuffled["duplicates"] > expected["duplicates"]
        check_equal(shuffled["answers"], expected["answers"])
    return expected


def generated_hits_both_formats():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for more in ([], ["--json"]):
            text = generated(folder / "log", "--seed", 5, *more)
            expected = every_answer_equals_the_recomputation(folder, text, folder / "log")
            assert expected["events"] > 9_500 and expected["bad"] > 20 and expected["duplicates"] > 50, (
                expected["events"], expected["bad"], expected["duplicates"])


def the_real_log():
    real = SHARED / "data" / "access.log"
    if not real.exists():
        assert os.environ.get("CI") != "true", f"{real} is missing"
        print(f"       skipped: no {real}")
        return
    with tempfile.TemporaryDirectory() as folder:
        expected = every_answer_equals_the_recomputation(pathlib.Path(folder), real.read_text(), real)
        assert (expected["lines"], expected["bad"]) == (10_000, 0), expected["bad"]


def sketches_are_within_their_error():
    with tempfile.TemporaryDirectory() as name:
        file = pathlib.Path(name) / "log"
        generated(file, "--rate", 20, lines=30_000)
        exact, sketch = (aggregate(file, *more)["answers"]["/"]["total"] for more in ([], ["--sketch"]))
        assert abs(sketch["visitors"] / exact["visitors"] - 1) < 0.025, (sketch["visitors"], exact["visitors"])
        sketch["visitors"] = exact["visitors"]
        check_equal(sketch, exact)


def bad_lines_are_kept_aside():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = generated(folder / "log", "--bad-lines", 0.1, lines=2_000)
        told = json.loads(run("aggregate", folder / "log", "--bad", folder / "bad"))
        kept = [line.split("\t", 3) for line in (folder / "bad").read_text().split("\n")[:-1]]
        assert [line for _, _, _, line in kept] == [line for line in text.split("\n")[:-1] if not parse(line)]
        assert collections.Counter(reason for reason, *_ in kept) == {
            reason: count for reason, count in told["bad"].items() if reason != "total"}
        for _, source, offset, line in kept:
            assert source == str(folder / "log") and text.encode()[int(offset):].startswith(line.encode() + b"\n")


def wrong_arguments_say_so():
    for arguments, word in ((["aggregate", "/no/such/file"], "No such file"), (["dance"], "no command dance"),
                            (["aggregate", "--parts", "x", "f"], "--parts"), (["generate", "--color", "red"], "--color"),
                            (["parse"], "FILE"), ([], "usage")):
        done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2) and word in done.stderr, (arguments, done)


class Processes:
    """Broker and consumers; all of them end with the test."""

    def __init__(self, folder, connect):
        self.folder, self.connect, self.running, self.started = pathlib.Path(folder), connect, {}, 0
        self.address = f"unix:{self.folder}/socket"
        (self.folder / "views").mkdir()

    def start(self, name, *arguments):
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            self.running[name] = subprocess.Popen([TOOL, *map(str, arguments)], stdout=out, stderr=out)
        return log

    def start_broker(self):
        log = self.start("broker", "broker", "--data", self.folder / "bus", "--listen", self.address)
        wait_for("the broker listens", lambda: b"listening" in log.read_bytes())

    def start_consumer(self, group="g", *more):
        self.started += 1
        name = f"c{self.started}"
        self.start(name, "consume", "--connect", self.connect, "--bus", self.address, "--group", group,
                   "--folder", self.folder / "views", "--id", name, "--session-timeout-ms", 1000,
                   "--commit-ms", 100, *more)
        return name

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        """SIGTERM; the counts that it tells last."""
        process = self.running.pop(name)
        process.terminate()
        assert process.wait(60) == 0, self.log(name)
        return json.loads(self.log(name).splitlines()[-1])

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def view(self, group="g", wait_s=60):
        told = json.loads(run("view", "--connect", self.connect, "--bus", self.address, "--group", group,
                              "--folder", self.folder / "views", "--wait-s", wait_s))
        assert sum(told["lag"]) == 0, (told["lag"], {name: self.log(name)[-500:] for name in self.running})
        return told["answers"]

    def close(self):
        for process in self.running.values():
            process.kill()
            process.wait()


def consumers_broker_and_leader_killed_nothing_lost_nothing_twice():
    with Ensemble(["quorate"] * 3) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        text = generated(folder / "log", "--seed", 9, "--duplicates", 0.05, lines=10_000)
        processes = Processes(folder, ensemble.connect)
        try:
            processes.start_broker()
            processes.start("producer", "produce", folder / "log", "--bus", processes.address, "--partitions", 6,
                            "--batch", 50, "--rate", 10_000 // max(KILLS, 1))
            slow = ("--partitions", 6, "--read-records", 100, "--pause-ms-per-batch", 20)
            live = [processes.start_consumer("g", *slow) for _ in range(3)]
            other = processes.start_consumer("other", "--partitions", 6)  # A second group has all of it, too.
            for kill in range(KILLS):
                time.sleep(random.uniform(0.6, 1.0))  # Kills at chance moments: this is the fault, no wait.
                if kill == KILLS // 2:
                    processes.kill("broker")
                    processes.start_broker()
                    continue
                if kill == KILLS - 2:
                    leader = ensemble.leader().kill()
                    ensemble.wait_serving(count=2)
                    leader.start()
                    continue
                victim = random.choice(live)
                live.remove(victim)
                processes.kill(victim)
                live.append(processes.start_consumer("g", *slow))
            assert processes.running.pop("producer").wait(60) == 0, processes.log("producer")
            expected = recompute(text)
            check_equal(processes.view("g"), expected["answers"])
            check_equal(processes.view("other"), expected["answers"])
            handled = sum(processes.stop(name)["records"] for name in live)
            assert handled > 0
            assert processes.stop(other)["records"] >= expected["events"]
            left = list((folder / "views").iterdir())
            print(f"       {KILLS} kills (one of the broker, one of the leading server), {expected['events']} hits exact in two groups; "
                  f"{handled} records handled by the last three consumers, {len(left)} state files left")
        finally:
            processes.close()


def a_paused_owner_is_refused_by_its_token():
    """SIGSTOP past the session: another takes over; the late commit reaches the server and is refused."""
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        text = generated(folder / "log", lines=4_000)
        processes = Processes(folder, ensemble.connect)
        try:
            processes.start_broker()
            run("produce", folder / "log", "--bus", processes.address, "--partitions", 1)
            # In the middle of a batch nearly all the time, so it wakes up with something to commit.
            zombie = processes.start_consumer("g", "--read-records", 20, "--pause-ms-per-batch", 60)
            wait_for("the first has the partition", lambda: "taken 0" in processes.log(zombie))
            time.sleep(random.uniform(0.3, 0.6))  # Into the work: this is the fault, no wait.
            processes.running[zombie].send_signal(signal.SIGSTOP)
            heir = processes.start_consumer("g")
            wait_for("the second has the partition", lambda: "taken 0" in processes.log(heir))
            expected = recompute(text)["answers"]
            check_equal(processes.view("g"), expected)
            processes.running[zombie].send_signal(signal.SIGCONT)
            wait_for("the first joins again", lambda: "session is over" in processes.log(zombie))
            check_equal(processes.view("g"), expected)
            counts = processes.stop(zombie)
            assert counts["fenced"] >= 1, counts
            processes.stop(heir)
        finally:
            processes.close()


def at_most_once_loses_what_was_in_flight_and_repeats_nothing():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        text = generated(folder / "log", "--duplicates", 0, lines=2_000)
        processes = Processes(folder, ensemble.connect)
        try:
            processes.start_broker()
            events = json.loads(run("produce", folder / "log", "--bus", processes.address, "--partitions", 1))["events"]
            first = processes.start_consumer("g", "--at-most-once", "--read-records", 50, "--pause-ms-per-batch", 50)
            wait_for("the first has the partition", lambda: "taken 0" in processes.log(first))
            time.sleep(random.uniform(0.2, 0.5))  # Into the work: this is the fault, no wait.
            processes.kill(first)
            second = processes.start_consumer("g", "--at-most-once", "--read-records", 50)
            wait_for("the second has the partition", lambda: "taken 0" in processes.log(second))
            begin = int(re.search(r"taken 0 token \d+ offset (\d+)", processes.log(second))[1])
            processes.view("g")  # All of it is taken; what is in flight is in the view when the second has ended.
            assert processes.stop(second)["records"] == events - begin, (events, begin)
            total = processes.view("g")["/"]["total"]["hits"]
            distinct = recompute(text)["events"]
            assert begin > 0 and distinct - 50 <= total < distinct, (begin, distinct, total)
        finally:
            processes.close()


def what_retention_took_first_is_counted():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        generated(folder / "log", lines=2_000)
        processes = Processes(folder, ensemble.connect)
        try:
            processes.start_broker()
            events = json.loads(run("produce", folder / "log", "--bus", processes.address, "--partitions", 2,
                                    "--batch", 50, "--retention-bytes", 50_000))["events"]
            consumer = processes.start_consumer("g")
            processes.view("g")
            counts = processes.stop(consumer)
            assert counts["skipped"] > 500 and counts["skipped"] + counts["records"] == events, (counts, events)
        finally:
            processes.close()


def back_pressure_blocks_buffers_or_drops():
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        text = generated(folder / "log", lines=5_000)
        processes = Processes(folder, ensemble.connect)
        try:
            processes.start_broker()
            expected = recompute(text)["answers"]
            for answer_to_it in ("block", "buffer", "drop"):
                topic = ["--topic", answer_to_it]
                consumer = answer_to_it != "drop" and processes.start_consumer(
                    "g", *topic, "--partitions", 2, "--read-records", 100, "--pause-ms-per-batch", 5)
                told = json.loads(run("produce", folder / "log", "--bus", processes.address, *topic,
                                      "--partitions", 2, "--batch", 100, "--connect", ensemble.connect,
                                      "--group", "g", "--when-behind", answer_to_it, "--backlog", 500,
                                      "--buffer", folder / "buffer"))
                assert told["appended"] + told["dropped"] == told["events"], told
                if consumer:
                    view = json.loads(run("view", "--connect", ensemble.connect, "--bus", processes.address, *topic,
                                          "--group", "g", "--folder", folder / "views", "--wait-s", 60))
                    check_equal(view["answers"], expected)
                    assert told["waits" if answer_to_it == "block" else "buffered"] > 0, told
                    processes.stop(consumer)
                else:
                    assert told["dropped"] > 3_000, told
        finally:
            processes.close()


if __name__ == "__main__":
    run_tests([generated_hits_both_formats, the_real_log, sketches_are_within_their_error, bad_lines_are_kept_aside,
               wrong_arguments_say_so, a_paused_owner_is_refused_by_its_token,
               at_most_once_loses_what_was_in_flight_and_repeats_nothing, what_retention_took_first_is_counted,
               back_pressure_blocks_buffers_or_drops, consumers_broker_and_leader_killed_nothing_lost_nothing_twice])
