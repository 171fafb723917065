#!/usr/bin/python3
"""examples/lambda: every answer of the serving layer recomputed here, whatever part of it comes from the batch layer and
whatever from the speed layer; then everything is killed, again and again, while events flow."""
import concurrent.futures
import json
import os
import pathlib
import random as chance
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, SHARED, Ensemble, run_tests, wait_for  # noqa: E402
from hits import check_equal, differences, recompute  # noqa: E402
from lambda_processes import LambdaProcesses  # noqa: E402
from serving import Serving  # noqa: E402
from znode_watch import ZnodeWatch, check_one_owner_at_a_time  # noqa: E402

TOOL = str(BIN / "pipeline-tool")
EVENTS = int(os.environ.get("QUORATE_LAMBDA_EVENTS", "200000"))
RATE = int(os.environ.get("QUORATE_LAMBDA_RATE", "12000"))
SESSION_MS = 1500
HLL_ERROR = 5 * 0.008125  # Five standard errors of a HyperLogLog of precision 14: there are a thousand estimates.
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))


def tool(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, timeout=300)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def generated(file, lines, *more):
    file.write_bytes(tool("generate", "--lines", lines, *more))
    return file


def aggregate(file, *more):
    return json.loads(tool("aggregate", file, *more))


def visitors_of(answers):
    """{(prefix, step, begin): visitors}"""
    found = {}
    for prefix, steps in answers.items():
        found[prefix, "total", None] = steps["total"]["visitors"]
        for step in ("minute", "hour", "day"):
            for begin, answer in steps[step]:
                found[prefix, step, begin] = answer["visitors"]
    return found


def without_visitors(value):
    if isinstance(value, dict):
        return {key: without_visitors(part) for key, part in value.items() if key != "visitors"}
    return [without_visitors(part) for part in value] if isinstance(value, list) else value


class Reference:
    """What must be answered once all these lines have come, in whatever order and however often."""

    def __init__(self, folder, lines):
        text = "".join(lines)
        told = recompute(text)
        self.events, self.exact = told["events"], told["answers"]
        file = folder / "reference.log"
        file.write_text(text)
        self.sketched = visitors_of(aggregate(file, "--sketch")["answers"])

    def check(self, got, exact):
        """All numbers but the visitors' are exact, always. Visitors are exact where the batch layer alone answers
        (`exact`). With the speed layer in it each is the estimate of one HyperLogLog over all of these visitors,
        whichever layer has seen them: the very number, for sketches merge without loss; and that estimate is within
        five standard errors (4.1 %) of the truth, or within three visitors, where these are more."""
        check_equal(without_visitors(got), without_visitors(self.exact))
        truth, visitors = visitors_of(self.exact), visitors_of(got)
        if exact:
            assert visitors == truth, differences(visitors, truth)
            return
        assert visitors == self.sketched, differences(visitors, self.sketched)
        for where, count in visitors.items():
            assert abs(count - truth[where]) <= max(3, HLL_ERROR * truth[where]), (where, count, truth[where])


def any_mix_of_layers_answers_the_same(lines):
    """The speed layer alone, then the batch layer alone; then every line again, in another order. And both layers with a cut
    between them, and the same with two."""
    with tempfile.TemporaryDirectory() as name:
        reference = Reference(pathlib.Path(name), lines)
    for shares in ((), (0.6,), (0.3, 0.85)):
        with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
            ensemble.start()
            with LambdaProcesses(name, ensemble.connect, SESSION_MS) as processes:
                processes.start_all(speeds=2)
                mix_of_layers(processes, list(lines), shares, reference)
    print(f"       {len(lines)} lines, {reference.events} events, {len(reference.exact)} prefixes, {len(reference.sketched)} answers "
          f"a time; largest error of a visitor estimate {largest_error(reference):.2%}")


def mix_of_layers(processes, lines, shares, reference):
    serving = Serving(processes)

    def send(part):
        file = processes.place.folder / "part.log"
        file.write_text("".join(part))
        processes.collect(file)
    random.shuffle(lines)  # Events come in no order at all.
    cuts = [0, *(int(len(lines) * share) for share in shares), len(lines)]
    for begin, end in zip(cuts, cuts[1:]):
        if begin > 0:
            serving.batch()
        send(lines[begin:end])
    wait_for(f"{reference.events} events are seen", lambda: serving.hits() >= reference.events)
    events = serving.status()["events"]
    assert (events["batch"] > 0) == bool(shares) and events["speed"] > 0, events
    reference.check(serving.all_answers(reference.exact), exact=False)
    if shares:
        return
    serving.batch()
    reference.check(serving.all_answers(reference.exact), exact=True)
    again = lines + random.sample(lines, len(lines) // 3)
    random.shuffle(again)
    send(again)
    serving.wait_no_lag()
    reference.check(serving.all_answers(reference.exact), exact=True)  # Not one event is new to the speed layer.
    serving.batch()
    reference.check(serving.all_answers(reference.exact), exact=True)  # Nor to the batch layer.


def largest_error(reference):
    truth = visitors_of(reference.exact)
    return max(abs(reference.sketched[where] / count - 1) for where, count in truth.items() if count)


def generated_hits_with_batch_only_speed_only_and_mixed():
    with tempfile.TemporaryDirectory() as name:
        text = generated(pathlib.Path(name) / "log", 10_000, "--seed", 5).read_text()
    any_mix_of_layers_answers_the_same(text.splitlines(keepends=True))


def the_real_log_with_batch_only_speed_only_and_mixed():
    real = SHARED / "data" / "access.log"
    if not real.exists():
        assert os.environ.get("CI") != "true", f"{real} is missing"
        print(f"       skipped: no {real}")
        return
    any_mix_of_layers_answers_the_same(real.read_text().splitlines(keepends=True))


# --- Kills --------------------------------------------------------------------------------------------

class Killer:
    """Every two seconds somebody is killed with -9, and started again a moment later."""

    def __init__(self, ensemble, processes):
        self.ensemble, self.processes = ensemble, processes
        self.kills = {}
        self.spared = set()  # Roles.

    def strike(self):
        victims = self.processes.names("archive", "batch", "speed", "serve", "collect", "broker")
        spared = self.spared | ({"collect"} & self.kills.keys())  # It sends all from the beginning: once is enough.
        victims = [name for name in victims if name.split("-")[0] not in spared]
        victim = random.choice([*victims, "server", "server"])
        role = victim.split("-")[0]
        self.kills[role] = self.kills.get(role, 0) + 1
        if victim == "server":
            server = random.choice(self.ensemble.servers).kill()
            self.ensemble.wait_serving(count=2)
            server.start()
            return
        if self.processes.running[victim].poll() is not None:
            return  # The collector is through.
        self.processes.kill(victim)
        time.sleep(random.uniform(0.1, 0.6))  # Chance moments: this is the fault, no wait.
        self.processes.start(victim, ready="listening" if victim == "broker" else "ready", wait=victim == "broker")


def a_zombie(processes, watch):
    """A speed worker is paused past its session, loses its partitions, and goes on: what it tries then is refused.
    The number of its refused effects."""
    for name in processes.names("speed") * 3:
        before, refused = watch.tokens("/speed/.*/offsets/"), processes.refused(name)
        process = processes.running[name]
        process.send_signal(signal.SIGSTOP)
        try:
            wait_for("its partitions are taken over",
                     lambda: any(token > before.get(path, 0) for path, token in watch.tokens("/speed/.*/offsets/").items()))
        finally:
            process.send_signal(signal.SIGCONT)
        try:
            return name, wait_for("a refused effect", lambda: max(0, processes.refused(name) - refused), timeout=5)
        except AssertionError:
            continue  # It held nothing just then. Another one.
    raise AssertionError("no late effect was tried")


def anybody_is_killed_every_two_seconds_and_the_answers_stay_exact():
    with Ensemble(["quorate"] * 3) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        file = generated(folder / "log", EVENTS, "--seed", 11, "--rate", 200)
        with LambdaProcesses(folder, ensemble.connect, SESSION_MS) as processes:
            processes.start_all(archives=2, batches=2, speeds=3, every_s=5)
            watch = ZnodeWatch(ensemble, processes.place.root)
            serving = Serving(processes)
            killer = Killer(ensemble, processes)
            processes.collect(file, wait=False, rate=RATE)
            with concurrent.futures.ThreadPoolExecutor(1) as beside:
                killer.spared.add("speed")  # Until the zombie is buried: it must be a pause that takes its partitions.
                zombie = beside.submit(a_zombie, processes, watch)
                zombie.add_done_callback(lambda _: killer.spared.discard("speed"))
                while processes.running["collect-1"].poll() is None:
                    time.sleep(random.uniform(1, 2))  # Chance moments: this is the fault, no wait.
                    killer.strike()
                zombie, refused = zombie.result()
            processes.wait_collected()
            expected = aggregate(file)
            events = expected["events"]
            wait_for(f"{events} events are seen", lambda: serving.hits() >= events, timeout=120)
            serving.batch()
            serving.wait_no_lag()
            found = differences(serving.all_answers(expected["answers"]), expected["answers"])
            assert not found, "\n".join(found)
            watch.close()
            seen, handed_over = check_one_owner_at_a_time(watch, "/(speed|archive)/.*/offsets/")
            assert handed_over > 0
            strikes = sum(killer.kills.values())
            print(f"       {strikes} kills {killer.kills}, {events} events exact; {seen} checkpoints seen, {handed_over} of "
                  f"them with a greater token; {zombie} was paused, {refused} of its effects refused")


if __name__ == "__main__":
    run_tests([generated_hits_with_batch_only_speed_only_and_mixed, the_real_log_with_batch_only_speed_only_and_mixed,
               anybody_is_killed_every_two_seconds_and_the_answers_stay_exact])
