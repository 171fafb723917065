"""Processes of a demo: started, waited for (never asked in a loop), started again, and gone with it.

A child dies with the demo whatever ends that: PR_SET_PDEATHSIG is the kernel's promise, kept even for
kill -9. Children have sessions of their own, so that Ctrl-C and the end of a terminal reach the demo
alone, which then ends them in order.
"""
import asyncio
import collections
import contextlib
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LINE_MAX = 1 << 25
ENDING_S = 10       # What a process has to end by itself before it is killed.
STORM_COUNT = 5     # So many ends within STORM_S and the pause before the next start doubles...
STORM_S = 20
PAUSE_MAX_S = 30    # ... up to this.


def single_threaded_waiting():
    """Children are waited for by the event loop, on descriptors. Before Python 3.12 a thread each was usual."""
    if sys.version_info < (3, 12):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


def die_with_parent():
    """For `preexec_fn`: in the child, before the program. Right also when the demo has died meanwhile."""
    parent = os.getpid()

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return prepare


def send(process, number):
    """A signal to a process that nobody has waited for yet. (asyncio's own way looks whether it has ended, and takes
    its exit code away from the event loop.)"""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


class Died(Exception):
    """A process ended before it was ready."""


class Child:
    """One process, in all its lives."""

    def __init__(self, name, command, log, restart=True, ready="ready", on_line=None, environment=None):
        self.name, self.command, self.log = name, [str(word) for word in command], log
        self.restart = restart          # Is it started again when it fails or is killed?
        self.ready_word = ready         # A line on its standard output that begins so; None: at once.
        self.on_line = on_line          # Gets its output instead of the log.
        self.environment = environment
        self.process = None
        self.lives = 0
        self.state = "stopped"          # starting, ready, waiting (for its next life), stopping, stopped
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.ready_line = ""
        self.ends = collections.deque(maxlen=STORM_COUNT)
        self.storm = 0
        self.ending_s = ENDING_S

    @property
    def pid(self):
        return self.process.pid if self.running else None

    @property
    def running(self):
        return self.process is not None and self.process.returncode is None

    def log_tail(self, lines=8):
        try:
            with open(self.log, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError:
            return ""


class Children:
    """All of them. `tell(text)` hears of every end and new start."""

    def __init__(self, tell=lambda text: None, pause_s=1.0):
        self.all, self.tell, self.pause_s = {}, tell, pause_s
        self.tasks = set()
        self.closing = False

    def __getitem__(self, name):
        return self.all[name]

    def named(self, prefix):
        return [child for name, child in self.all.items() if name.startswith(prefix)]

    # --- Starting -----------------------------------------------------------------------------

    def start_soon(self, child):
        """Starts it; `child.ready` says when it takes part."""
        self.all[child.name] = child
        child.state = "starting"
        self._keep(self._live(child))
        return child

    async def start(self, child, patience_s=60):
        """Starts it and waits until it is ready. Raises Died with its last words."""
        return await self.until_ready(self.start_soon(child), patience_s)

    async def until_ready(self, child, patience_s=60):
        ended, ready = (asyncio.ensure_future(event.wait()) for event in (child.ended, child.ready))
        try:
            await asyncio.wait({ended, ready}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (ended, ready):
                waiting.cancel()
        if not child.ready.is_set():
            code = child.process.returncode if child.process else None
            what = f"ended with {code}" if child.ended.is_set() else f"is not ready after {patience_s} s"
            raise Died(f"{child.name} {what}; its last words ({child.log}):\n{child.log_tail()}")
        return child

    def _keep(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.tell(f"the supervisor has failed: {task.exception()!r}")

    async def _spawn(self, child):
        child.ready.clear()
        child.ended.clear()
        with open(child.log, "ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                *child.command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent(), limit=LINE_MAX,
                env={**os.environ, **(child.environment or {})})
        child.lives += 1
        child.state = "starting"
        if child.ready_word is None:
            child.state = "ready"
            child.ready.set()

    async def _listen(self, child):
        """Its output into its log; the line that says that it is ready."""
        with open(child.log, "ab", buffering=0) as log:
            while True:
                try:
                    line = await child.process.stdout.readline()
                except ValueError:  # Longer than LINE_MAX: dropped by the stream, and no line we wait for.
                    continue
                if not line:
                    return
                if child.on_line:
                    child.on_line(line)
                    continue
                log.write(line)
                if not child.ready.is_set() and child.ready_word and line.startswith(child.ready_word.encode()):
                    child.ready_line = line.decode(errors="replace").strip()
                    child.state = "ready"
                    child.ready.set()

    async def _live(self, child):
        """All lives of a child."""
        while not self.closing:
            await self._spawn(child)
            await self._listen(child)
            code = await child.process.wait()
            child.ended.set()
            child.ready.clear()
            if self.closing or child.state == "stopping" or not child.restart or code == 0:
                break  # With exit code 0 it has done what it was to do.
            child.state = "waiting"
            pause = self._pause_before_next(child)
            self.tell(f"{child.name} has ended ({how(code)}); it is started again in {pause:g} s")
            await asyncio.sleep(pause)
            if child.state != "waiting":  # Stopped meanwhile.
                break
        child.state = "stopped"

    def _pause_before_next(self, child):
        now = time.monotonic()
        child.ends.append(now)
        if len(child.ends) < STORM_COUNT or now - child.ends[0] > STORM_S:
            child.storm = 0
            return self.pause_s
        child.storm += 1
        return min(PAUSE_MAX_S, self.pause_s * 2 ** child.storm)

    # --- Ending -------------------------------------------------------------------------------

    def signal(self, name, number):
        child = self.all[name]
        if child.running:
            send(child.process, number)

    async def stop(self, name):
        """SIGTERM, at last SIGKILL; it is not started again. Its exit code."""
        child = self.all[name]
        patience_s = child.ending_s
        child.state = "stopping" if child.running else "stopped"
        if not child.running:
            return None
        send(child.process, signal.SIGTERM)
        send(child.process, signal.SIGCONT)  # A paused process ends only once it goes on.
        try:
            async with asyncio.timeout(patience_s):
                await child.ended.wait()
        except TimeoutError:
            self.tell(f"{name} has not ended {patience_s} s after SIGTERM and is killed")
            send(child.process, signal.SIGKILL)
            await child.ended.wait()
        return child.process.returncode

    async def close(self, order=()):
        """Ends all, `order` first: a list of prefixes of names, one after the other."""
        self.closing = True
        for prefix in (*order, ""):
            await asyncio.gather(*(self.stop(child.name) for child in self.named(prefix) if child.running))
        for task in list(self.tasks):
            task.cancel()

    def kill_all(self):
        """At once, for those who press Ctrl-C twice."""
        self.closing = True
        for child in self.all.values():
            if child.running:
                send(child.process, signal.SIGKILL)


def how(code):
    """0, 1, or the name of a signal."""
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
