#!/usr/bin/python3
"""scripts/demo: the stories are true, and whatever ends a demo leaves no process behind."""
import asyncio
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, ROOT, run_tests, wait_for  # noqa: E402

DEMO = [sys.executable, str(ROOT / "scripts" / "demo")]
ENVIRONMENT = {**os.environ, "QUORATE_BIN": str(BIN)}


def run(*words, timeout=120):
    return subprocess.run([*DEMO, *words], capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL)


def processes_of(folder):
    """The processes of the demo that keeps its data in `folder`: program and first argument by pid. All it starts, and what
    these start, have its name in their environment."""
    mine, found = f"QUORATE_DEMO={folder}".encode(), {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mine in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                found[int(entry.name)] = [pathlib.Path(words[0]).name, *words[1:2]]
        except OSError:
            continue
    return found


class Demo:
    """A demo that has started all its processes, with its output in a file."""

    def __init__(self, folder, *words, until="Ctrl-C ends all of it", fewest=9, name="demo"):
        self.folder, self.out = pathlib.Path(folder) / name, pathlib.Path(folder) / f"{name}.out"
        self.until, self.fewest = until, fewest
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen([*DEMO, *(words or ["lambda"]), "--dir", str(self.folder)], env=ENVIRONMENT,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def said(self):
        return self.out.read_text(errors="replace")

    def __enter__(self):
        def runs():
            assert self.process.poll() is None, self.said()
            return self.until in self.said()
        wait_for("the demo runs", runs)
        assert len(processes_of(self.folder)) >= self.fewest, processes_of(self.folder)
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(self.said()[-3000:])
        self.process.kill()
        self.process.wait()


def nothing_is_left(folder, patience=20):
    wait_for("all processes of the demo have ended", lambda: not processes_of(folder), timeout=patience)


def the_story_of_lambda_is_true():
    done = run("lambda", "--story", "--fast")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Every step showed what it said" in done.stdout
    assert len(re.findall(r"^   ok ", done.stdout, re.MULTILINE)) >= 10 and "   NOT " not in done.stdout, done.stdout
    assert "znode /lambda/serving/current" in done.stdout and "znode /lambda/refused/" in done.stdout, done.stdout
    print("       " + done.stdout.strip().splitlines()[-1])


def the_story_of_kappa_is_true():
    done = run("kappa", "--story", "--fast")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Every step showed what it said" in done.stdout and "   NOT " not in done.stdout, done.stdout
    print("       " + done.stdout.strip().splitlines()[-1])


def the_workers_survive_their_leaders():
    done = run("workers", "--fast")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "6 leaders killed" in done.stdout and "   NOT " not in done.stdout, done.stdout
    print("       " + done.stdout.strip().splitlines()[-1])


def ended_by(number, expected, paused=None):
    with tempfile.TemporaryDirectory() as folder, Demo(folder) as demo:
        for pid, words in processes_of(demo.folder).items():
            if words[1:2] == [paused]:
                os.kill(pid, signal.SIGSTOP)
        demo.process.send_signal(number)
        assert demo.process.wait(30) == expected, demo.process.returncode
        nothing_is_left(demo.folder, 5)


def ctrl_c_leaves_nothing_behind():
    ended_by(signal.SIGINT, 128 + signal.SIGINT)


def sigterm_leaves_nothing_behind_not_even_what_is_paused():
    ended_by(signal.SIGTERM, 128 + signal.SIGTERM, paused="speed")


def a_story_may_be_ended_in_its_middle():
    words, until = ("kappa", "--story", "--fast"), "== 2. Generation 2 replays"
    with tempfile.TemporaryDirectory() as folder, Demo(folder, *words, until=until, fewest=6) as demo:
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(30) == 128 + signal.SIGTERM, demo.said()
        nothing_is_left(demo.folder, 5)
        assert "Traceback" not in demo.said() and "NOT" not in demo.said(), demo.said()


def its_own_death_leaves_nothing_behind():
    ended_by(signal.SIGKILL, -signal.SIGKILL)


def in_a_terminal(folder):
    """The demo in a terminal of its own: its pid, and our end of that terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(DEMO[0], [*DEMO, "lambda", "--dir", str(folder), "--every-s", "0"], {**ENVIRONMENT, "TERM": "xterm"})
    os.set_blocking(terminal, False)
    return pid, terminal


def screen_of(terminal, text=""):
    while True:
        try:
            part = os.read(terminal, 65536)
        except (BlockingIOError, OSError):
            return text
        if not part:
            return text
        text += part.decode(errors="replace")


def a_closed_terminal_leaves_nothing_behind_and_keys_work_before():
    with tempfile.TemporaryDirectory() as folder:
        pid, terminal = in_a_terminal(folder)
        try:
            shown = [""]

            def sees(pattern):
                def look():
                    shown[0] = screen_of(terminal, shown[0])
                    return re.search(pattern, shown[0])
                return look
            wait_for("the table", sees(r"chooses a worker"))
            wait_for("hits", sees(r"hits\s+\S*[1-9]"))
            os.write(terminal, b"1k")
            wait_for("somebody is killed and started again", sees(r"kill -9 .*|has ended \(SIGKILL\)"))
            os.write(terminal, b"b")
            wait_for("a batch run", sees(r"its generation is served"))
        finally:
            os.close(terminal)
        try:
            wait_for("the demo has ended", lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, timeout=30)
            nothing_is_left(folder, 5)
        finally:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def a_killed_worker_comes_back_and_a_storm_is_bounded():
    sys.path.insert(0, str(ROOT / "scripts"))
    from demo_parts.children import PAUSE_MAX_S, Child, Children
    children, child = Children(pause_s=0.5), Child("x", ["true"], "/dev/null")
    pauses = [children._pause_before_next(child) for _ in range(20)]
    assert pauses[:4] == [0.5] * 4 and pauses == sorted(pauses) and pauses[-1] == PAUSE_MAX_S, pauses
    with tempfile.TemporaryDirectory() as folder, Demo(folder) as demo:
        def archives():
            return {pid for pid, words in processes_of(demo.folder).items() if words[1:2] == ["archive"]}
        before = archives()
        assert before
        os.kill(next(iter(before)), signal.SIGKILL)
        wait_for("another process in its place", lambda: archives() and not archives() & before)
        assert "archive-1 has ended (SIGKILL); it is started again in 1 s" in demo.said(), demo.said()
        assert re.search(r"dashboard +http://127\.0\.0\.1:\d+/", demo.said()) and "Quorate " in demo.said(), demo.said()
        wait_for("plain lines with numbers", lambda: re.search(r"^hits: [1-9].*drift gauge", demo.said(), re.MULTILINE))


def an_end_is_heard_also_in_the_moment_of_an_answer():
    """However far the answer has come up through the tasks when the demo is told to end."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from demo_parts.web import Web

    async def end_after(steps):
        web, answered, closed = Web("127.0.0.1:1"), asyncio.get_running_loop().create_future(), []

        class Connection:
            def close(self):
                closed.append(True)

            async def readexactly(self, size):
                await asyncio.get_running_loop().create_future()  # No event ever comes.

        async def upgrade(path):
            await answered
            return Connection(), Connection()
        web._upgrade = upgrade

        async def follow():
            async for _ in web.events():
                pass
        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0.01)
        answered.set_result(None)
        for _ in range(steps):
            await asyncio.sleep(0)
        following.cancel()
        done, _ = await asyncio.wait({following}, timeout=5)
        assert done and following.cancelled(), f"not ended when cancelled {steps} steps after the answer"
        return bool(closed)
    ends = [asyncio.run(end_after(steps)) for steps in range(6)]
    assert ends[-1], "the connection of the last one had come: it is closed"


def wrong_arguments_and_missing_programs_say_what_to_do():
    for words, code, said in (([], 0, "scripts/demo lambda --story"), (["--help"], 0, "--bus"), (["dance"], 2, "dance"),
                              (["lambda", "--bus", "carrier-pigeon"], 2, "embedded, kafka or"),
                              (["lambda", "--log", "/no/such/file"], 2, "cannot be read"),
                              (["lambda", "--rate", "0"], 2, "at least 1"), (["lambda", "--servers", "2"], 2, "--servers")):
        done = run(*words)
        assert done.returncode == code and said in done.stdout + done.stderr, (words, done)
    with tempfile.TemporaryDirectory() as empty:
        done = run("lambda", "--build-dir", empty)
        assert done.returncode == 1 and "cmake --build --preset release --target quorate-server" in done.stderr, done
        pathlib.Path(empty, "something").touch()
        done = run("lambda", "--dir", empty)
        assert done.returncode == 1 and "is not empty" in done.stderr, done


if __name__ == "__main__":
    run_tests([wrong_arguments_and_missing_programs_say_what_to_do, an_end_is_heard_also_in_the_moment_of_an_answer,
               ctrl_c_leaves_nothing_behind, sigterm_leaves_nothing_behind_not_even_what_is_paused,
               a_story_may_be_ended_in_its_middle, its_own_death_leaves_nothing_behind, a_closed_terminal_leaves_nothing_behind_and_keys_work_before,
               a_killed_worker_comes_back_and_a_storm_is_bounded, the_story_of_lambda_is_true, the_story_of_kappa_is_true,
               the_workers_survive_their_leaders])
