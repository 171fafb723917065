#!/usr/bin/python3
"""scripts/demo is told to end at every moment of its start, its programs fail or cannot be started: the exit code is right,
the reason is told, no process and no file is left behind. The programs are fakes, so that there is time for many starts."""
import asyncio
import concurrent.futures
import gc
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import ROOT, run_tests, wait_for  # noqa: E402

sys.path.insert(0, str(ROOT / "scripts"))
from demo_parts.children import Child, Children, program, single_threaded_waiting, to_the_end  # noqa: E402

NAMES = ("quorate-server", "quorate-shell", "pipeline-tool", "lambda", "kappa", "leader_follower")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UP = "Ctrl-C ends all of it"
MOMENTS = 4     # Of each demo, by the clock, beside those that the programs choose.
SIDE_BY_SIDE = 3

# Each one counts itself; that with the number $FAKE_AT, before or behind what it says, is the one that ends the demo.
FAKE = """#!/bin/sh
n=1
while ! mkdir "$FAKE/$n" 2>/dev/null; do n=$((n+1)); done
[ "before $n" != "$FAKE_AT" ] || kill -s "$FAKE_SIGNAL" $PPID
[ "${0##*/} $1" != "$FAKE_FAILS" ] || { echo "no luck today" >&2; exit 3; }
[ "${0##*/} $1" != "$FAKE_STAYS" ] || trap '' TERM
case "${0##*/} $*" in
  *" broker "*) echo listening ;;
  quorate-shell*) echo '{"path":"/","children":[]}'; ends=1 ;;
  "kappa start"*|"kappa switch"*|"kappa generations"*) echo done; ends=1 ;;
  quorate-server*) ;;
  *) echo "ready http://127.0.0.1:1/" ;;
esac
[ "behind $n" != "$FAKE_AT" ] || kill -s "$FAKE_SIGNAL" $PPID
[ -n "$ends" ] || exec sleep 1000
"""


class Fakes:
    """A folder of programs, and the demos that run on them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "bin").mkdir()
        for name in NAMES:
            (self.folder / "bin" / name).write_text(FAKE)
            (self.folder / "bin" / name).chmod(0o755)

    def demo(self, *words, **fake):
        return Demo(self.folder, words, {f"FAKE_{name.upper()}": value for name, value in fake.items()})


class Demo:
    def __init__(self, folder, words, fake):
        self.mark = f"QUORATE_TEST_MARK={uuid.uuid4()}"
        self.own = folder / self.mark.partition("=")[2]
        self.counted, self.temporary, self.out = self.own / "counted", self.own / "temporary", self.own / "out"
        for made in (self.counted, self.temporary):
            made.mkdir(parents=True)
        environment = {**os.environ, **fake, "FAKE": str(self.counted), "TMPDIR": str(self.temporary), "QUORATE_BIN": str(folder / "bin")}
        environment.update([self.mark.split("=")])
        self.begun = time.monotonic()
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen([sys.executable, str(ROOT / "scripts" / "demo"), *words], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def said(self):
        return self.out.read_text(errors="replace")

    def wait_up(self):
        def up():
            assert self.process.poll() is None, self.said()
            return UP in self.said()
        wait_for("the demo is up", up)
        return self

    def programs(self):
        """How many it has started."""
        return len(list(self.counted.iterdir()))

    def processes(self):
        mark, found = self.mark.encode(), {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
        return found

    def ends(self, *codes):
        """With one of these codes; nothing is left."""
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it has not ended; it said:\n{self.said()}") from None
        assert code in codes, (code, codes, self.said())
        wait_for("all its processes have ended", lambda: not self.processes(), timeout=5)
        assert not list(self.temporary.iterdir()), list(self.temporary.rglob("*"))
        assert "Traceback" not in self.said() and "never retrieved" not in self.said(), self.said()
        return self.said()


def side_by_side(work, many):
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        return list(threads.map(work, many))


def a_signal_at_any_moment_of_the_start_ends_all_of_it():
    with tempfile.TemporaryDirectory() as folder:
        fakes = Fakes(folder)
        cases, told = [], []
        for what in ("lambda", "kappa"):
            with_none = fakes.demo(what).wait_up()
            took, programs = time.monotonic() - with_none.begun, with_none.programs()
            assert programs >= 9, with_none.said()
            with_none.process.send_signal(signal.SIGTERM)
            with_none.ends(128 + signal.SIGTERM)
            chosen = [(what, f"{moment} {n}", 0) for n in range(1, programs + 1) for moment in ("before", "behind")]
            cases += chosen[::2 if what == "lambda" else 3]
            cases += [(what, "", random.uniform(0, took)) for _ in range(MOMENTS)]
            told.append(f"{programs} programs of {what}")

        def end(number, case):
            what, at, after = case
            wanted = SIGNALS[number % 3] if at else SIGNALS[1 + number % 2]
            demo = fakes.demo(what, at=at, signal=wanted.name[3:])
            if at:
                demo.ends(128 + wanted)
                return
            # Also before Python hears of signals; with SIGINT it would say so in many words.
            time.sleep(after)  # A random moment: this is the fault, no wait.
            demo.process.send_signal(wanted)
            demo.ends(128 + wanted, -wanted)
        side_by_side(lambda numbered: end(*numbered), list(enumerate(cases)))
        print(f"       {len(cases)} starts ended: at {', '.join(told)}")


def a_program_that_fails_or_cannot_be_started_is_named():
    with tempfile.TemporaryDirectory() as folder:
        fakes = Fakes(folder)

        def fails(case):
            program, name = case
            said = fakes.demo("kappa" if program.startswith("kappa") else "lambda", fails=program).ends(1)
            assert name in said and "no luck today" in said and "exit code 3" in said, said
        side_by_side(fails, [("lambda speed", "speed-"), ("lambda collect", "collect-1"), ("pipeline-tool broker", "broker"),
                             ("kappa work", "kappa-1a"), ("kappa start", "kappa start")])
        (fakes.folder / "bin" / "kappa").write_text("#!/no/such/interpreter\n")
        begun = time.monotonic()
        said = fakes.demo("kappa").ends(1)
        assert "kappa" in said and "No such file" in said, said
        (fakes.folder / "bin" / "lambda").write_bytes(b"\x7fELF, but cut")
        said = fakes.demo("lambda").ends(1)
        assert re.search("collect-1 cannot be started: .*(Exec format|lambda)", said), said
        assert time.monotonic() - begun < 40, "it was waited for in vain"


def a_second_signal_waits_for_nobody():
    with tempfile.TemporaryDirectory() as folder:
        demo = Fakes(folder).demo("lambda", stays="lambda archive").wait_up()
        begun = time.monotonic()
        demo.process.send_signal(signal.SIGINT)
        wait_for("the others before it have ended", lambda: len(demo.processes()) <= 4)
        demo.process.send_signal(signal.SIGINT)
        demo.ends(128 + signal.SIGINT)
        assert time.monotonic() - begun < 9, "it has waited for who did not end"


def with_children(work):
    async def run():
        single_threaded_waiting()
        children = Children(pause_s=0.01)
        try:
            return await work(children)
        finally:
            await children.close()
    return asyncio.run(run())


def alive(pid):
    return pathlib.Path("/proc", str(pid), "exe").exists()


def a_child_that_is_stopped_while_it_is_started_does_not_live():
    async def stop_after(children, steps):
        child = children.start_soon(Child(f"x{steps}", ["sleep", "1000"], "/dev/null", ready=None))
        for _ in range(steps):
            await asyncio.sleep(0)
        await children.stop(child.name)
        assert child.state == "stopped" and not child.running and child.living.done(), (steps, child.state)
        assert child.process is None or not alive(child.process.pid), steps
        return child.lives

    async def many(children):
        return [await stop_after(children, steps) for steps in range(30)]
    lives = with_children(many)
    assert lives[0] == 0 and lives[-1] == 1, lives  # Before it was started, and when it ran.


def output_that_is_held_open_holds_up_nobody():
    async def live(children):
        words = ["sh", "-c", "sleep 1000 & echo ready $!; sleep 0.05"]
        child = await children.start(Child("x", words, "/dev/null", restart=False))
        heir = int(child.ready_line.split()[1])
        try:
            async with asyncio.timeout(20):
                await child.ended.wait()
            return child.code
        finally:
            os.kill(heir, signal.SIGKILL)
    assert with_children(live) == 0


def a_program_whose_answer_nobody_awaits_is_gone_with_its_pipes():
    async def leave_after(steps):
        single_threaded_waiting()
        started = []

        async def ask():
            async with program("sleep", 1000, stdout=asyncio.subprocess.PIPE) as process:
                started.append(process.pid)
                await process.communicate()
        asking = asyncio.ensure_future(ask())
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled() and not any(map(alive, started)), steps
        return len(started)
    complaints, sys.unraisablehook = [], lambda complaint: complaints.append(str(complaint.exc_value))
    try:
        started = [asyncio.run(leave_after(steps)) for steps in range(30)]
        gc.collect()
    finally:
        sys.unraisablehook = sys.__unraisablehook__
    assert started[0] == 0 and started[-1] == 1, started  # Before it was started, and when it ran.
    assert not complaints, complaints


def what_tidies_up_is_not_cut_off_by_a_signal():
    async def run(done):
        async def work():
            await asyncio.sleep(0.05)
            done.append(True)
        task = asyncio.ensure_future(to_the_end(work()))
        for _ in range(3):
            await asyncio.sleep(0.01)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False
    done = []
    assert asyncio.run(run(done)) and done == [True]


if __name__ == "__main__":
    run_tests([what_tidies_up_is_not_cut_off_by_a_signal, a_child_that_is_stopped_while_it_is_started_does_not_live,
               output_that_is_held_open_holds_up_nobody, a_program_whose_answer_nobody_awaits_is_gone_with_its_pipes,
               a_program_that_fails_or_cannot_be_started_is_named,
               a_second_signal_waits_for_nobody, a_signal_at_any_moment_of_the_start_ends_all_of_it])
