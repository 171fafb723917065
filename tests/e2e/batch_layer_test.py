#!/usr/bin/python3
"""lambda archive and lambda batch: runs over all facts while leader, workers, archive, broker and server are killed."""
import filecmp
import json
import os
import pathlib
import random as chance
import signal
import subprocess
import sys
import tempfile
import time

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402

LAMBDA, TOOL = str(BIN / "lambda"), str(BIN / "pipeline-tool")
LINES = int(os.environ.get("QUORATE_BATCH_LINES", "60000"))
KILLS = int(os.environ.get("QUORATE_BATCH_KILLS", "8"))
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))


class Application:
    """A server, a broker and the batch layer's processes; all of them end with the test."""

    def __init__(self, lines=LINES):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.ensemble = Ensemble(["quorate"])
        self.running, self.started = {}, 0
        self.log_file = self.folder / "access.log"
        self.log_file.write_bytes(subprocess.run([TOOL, "generate", "--lines", str(lines), "--seed", "7",
                                                  "--duplicates", "0.05"], capture_output=True, check=True).stdout)
        (self.folder / "shared").mkdir()
        self.bus = f"unix:{self.folder}/socket"

    def __enter__(self):
        self.ensemble.__enter__()
        self.ensemble.start()
        self.zk = KazooClient(self.ensemble.connect, timeout=20)
        self.zk.start()
        self.start_broker()
        return self

    def __exit__(self, *error):
        for process in self.running.values():
            process.kill()
            process.wait()
        self.zk.stop()
        self.zk.close()
        self.ensemble.__exit__(*error)
        self.temporary.cleanup()

    def start(self, name, *arguments):
        log = self.folder / f"{name}.log"
        with open(log, "ab") as out:
            self.running[name] = subprocess.Popen([*map(str, arguments)], stdout=out, stderr=out)
        return log

    def start_broker(self):
        log = self.start("broker", TOOL, "broker", "--data", self.folder / "bus", "--listen", self.bus)
        wait_for("the broker listens", lambda: b"listening" in log.read_bytes())

    def common(self):
        return ["--connect", self.ensemble.connect, "--bus", self.bus, "--folder", self.folder / "shared",
                "--session-timeout-ms", 1000]

    def start_member(self, role, *more):
        self.started += 1
        name = f"{role}{self.started}"
        log = self.start(name, LAMBDA, role, *self.common(), "--id", name, *more)
        wait_for(f"{name} is ready", lambda: b"ready" in log.read_bytes())
        return name

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def end(self, name):
        """SIGTERM; what it tells last."""
        process = self.running.pop(name)
        process.terminate()
        assert process.wait(60) == 0, self.log(name)
        return self.log(name).splitlines()[-1]

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def produce(self, *more):
        return self.start("producer", TOOL, "produce", self.log_file, "--bus", self.bus, "--topic", "hits",
                          "--partitions", 8, *more)

    def request(self):
        done = subprocess.run([LAMBDA, "batch", "--connect", self.ensemble.connect, "--request", "--wait"],
                              capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, (done, {name: self.log(name)[-1500:] for name in self.running})
        return json.loads(done.stdout.splitlines()[-1])

    def leader(self):
        children = sorted(self.zk.get_children("/lambda/batch/election"), key=lambda name: name[-10:])
        return self.zk.get("/lambda/batch/election/" + children[0])[0].decode() if children else None

    def refused(self):
        if not self.zk.exists("/lambda/refused"):
            return {}
        told = {}
        for name in self.zk.get_children("/lambda/refused"):
            text = self.zk.get("/lambda/refused/" + name)[0]
            told[name] = json.loads(text) if text else {"count": 0}
        return told

    def check_view(self, generation):
        """The served view has the bytes of a batch that one process makes of the whole file."""
        told = subprocess.run([LAMBDA, "batch", "--local", str(self.folder / "local"), str(self.log_file), "--parts", "3"],
                              capture_output=True, text=True, timeout=90, check=True).stdout
        assert json.loads(told)["events"] == generation["events"], (told, generation)
        assert filecmp.cmp(self.folder / "shared" / generation["file"], self.folder / "local" / "batch-view-local",
                           shallow=False)


def a_run_is_exact_and_cleans_up():
    with Application() as app:
        app.start_member("archive")
        workers = [app.start_member("batch", "--every-s", 0) for _ in range(2)]
        app.produce()
        assert app.running.pop("producer").wait(60) == 0, app.log("producer")
        for _ in range(3):
            generation = app.request()
        app.check_view(generation)
        wait_for("old runs are cleaned", lambda: app.zk.get_children("/lambda/batch/runs") == [f"{generation['run']:010}"])
        wait_for("old files, too", lambda: sorted(
            file.name for file in (app.folder / "shared").iterdir() if file.name.startswith("batch-")) ==
            sorted([generation["file"], generation["previous_file"]]))
        told = [json.loads(app.end(name)) for name in workers]
        assert all(counts["failed"] + counts["refused"] == 0 for counts in told), told
        assert all(counts["done"] > 0 for counts in told), told


def everything_is_killed_and_the_view_is_exact():
    with Application() as app:
        archives = [app.start_member("archive", "--segment-age-ms", 300) for _ in range(2)]
        workers = [app.start_member("batch", "--every-s", 1, "--slots", 1, "--slow-ms", 500) for _ in range(3)]
        app.produce("--batch", 50, "--rate", LINES // 8)
        runs = []
        for kill in range(KILLS):
            time.sleep(random.uniform(0.5, 0.9))  # Kills at chance moments: this is the fault, no wait.
            if kill % 4 == 1:
                app.kill(archives.pop(0))
                archives.append(app.start_member("archive", "--segment-age-ms", 300))
            elif kill % 8 == 6:
                app.kill("broker")
                (app.folder / "broker.log").unlink()
                app.start_broker()
            elif kill % 4 == 2:
                app.ensemble[1].kill()
                app.ensemble[1].start()
                app.ensemble.wait_serving()
            else:
                leader = app.leader()
                victim = leader if leader in workers else random.choice(workers)
                app.kill(victim)
                workers.remove(victim)
                workers.append(app.start_member("batch", "--every-s", 1, "--slots", 1, "--slow-ms", 500))
            if app.zk.exists("/lambda/serving/current"):
                runs.append(json.loads(app.zk.get("/lambda/serving/current")[0])["run"])
        assert app.running.pop("producer").wait(60) == 0, app.log("producer")
        generation = app.request()
        assert runs == sorted(runs), runs
        app.check_view(generation)
        print(f"       {KILLS} kills; run {generation['run']} serves {generation['events']} events, exact")


def pause_at_work(app, victim):
    """Stops the victim in the middle of a task of a run that is then under way; the process that has asked for it."""
    def at_work():
        for run in app.zk.get_children("/lambda/batch/runs"):
            try:
                path = f"/lambda/batch/runs/{run}/claims"
                for claim in app.zk.get_children(path):
                    if app.zk.get(f"{path}/{claim}")[0].decode().startswith(victim + "-"):
                        return True
            except NoNodeError:  # It was gone before it was read.
                pass
        return False

    for _ in range(200):
        asking = subprocess.Popen([LAMBDA, "batch", "--connect", app.ensemble.connect, "--request", "--wait"],
                                  stdout=subprocess.DEVNULL)
        wait_for("the victim is at a task, or the run is over", lambda: at_work() or asking.poll() is not None,
                 interval=0.001)
        app.running[victim].send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{app.running[victim].pid}/stat")
        wait_for("the victim stands still", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", interval=0.001)
        # Its last word may still lie in the server's socket: the first answer comes behind the reading of that, the
        # second behind its commit.
        for _ in range(2):
            app.zk.sync("/lambda")
        if asking.poll() is None and at_work():
            return asking
        app.running[victim].send_signal(signal.SIGCONT)  # It has just finished: again.
        assert asking.wait(60) == 0
    raise AssertionError("never caught at work")


def two_workers(app, *more):
    """The first leads, the second is to be paused."""
    app.start_member("archive")
    app.produce()
    assert app.running.pop("producer").wait(60) == 0, app.log("producer")
    options = ("--every-s", 0, "--slots", 1, "--parts", 2, *more)
    leader = app.start_member("batch", *options)
    app.request()
    return leader, app.start_member("batch", *options)


def a_paused_workers_task_goes_to_others_and_its_late_result_is_refused():
    with Application() as app:
        leader, victim = two_workers(app)
        seen = f"/lambda/workers/batch-{victim}"
        for _ in range(10):
            asking = pause_at_work(app, victim)
            assert asking.wait(60) == 0  # Done by the other, once the victim's session was over.
            wait_for("the victim's session is over", lambda: not app.zk.exists(seen))
            app.running[victim].send_signal(signal.SIGCONT)
            wait_for("the victim joins again", lambda: app.zk.exists(seen))
            # Stopped between a request and its reply, it has nothing left to try.
            if app.refused():
                break
        assert list(app.refused()) == [f"batch-{victim}"], (app.refused(), app.log(victim))
        app.check_view(app.request())
        assert json.loads(app.end(leader))["refused"] == 0


def a_slow_tasks_copy_is_faster():
    with Application() as app:
        leader, victim = two_workers(app, "--slow-ms", 200, "--session-timeout-ms", 4000)
        took = []
        for _ in range(5):  # What it holds when it is stopped may be nothing that the run still needs.
            asking = pause_at_work(app, victim)
            began = time.monotonic()
            assert asking.wait(60) == 0
            took.append(time.monotonic() - began)
            app.running[victim].send_signal(signal.SIGCONT)
        app.end(victim)  # Whatever it finds: its run is over, its files are cleaned.
        counts = json.loads(app.end(leader))
        assert counts["copies"] >= 1, (counts, took)
        print(f"       five pauses, runs done after {min(took):.1f} to {max(took):.1f} s; the session would have lasted 4 s")


if __name__ == "__main__":
    run_tests([a_run_is_exact_and_cleans_up, a_paused_workers_task_goes_to_others_and_its_late_result_is_refused,
               a_slow_tasks_copy_is_faster,
               everything_is_killed_and_the_view_is_exact])
