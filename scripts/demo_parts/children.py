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
LAST_WORDS_S = 1    # What of its output comes later than so long behind its end is not waited for.
STORM_COUNT = 5     # So many ends within STORM_S and the pause before the next start doubles...
STORM_S = 20
PAUSE_MAX_S = 30    # ... up to this.
NOT_STARTED = 127   # The exit code, as a shell's, of a program that could not be started.


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


async def end_of(process):
    """Its exit code, as soon as it has ended. (asyncio's own wait() may also wait for the end of its output, which a process
    that it has started may keep open.)"""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        ended.set()  # And asyncio has taken its exit code already.
    else:
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    while process.returncode is None:  # asyncio hears of it in the same moment, by a descriptor of its own.
        await asyncio.sleep(0)
    return process.returncode


async def _put_away(process):
    send(process, signal.SIGKILL)
    await end_of(process)
    process._transport.close()  # asyncio has no other word for "of this output no more is wanted".


@contextlib.asynccontextmanager
async def program(*command, **pipes):
    """A process; when it is left, also because nobody waits for its answer any more, it and its pipes are gone."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=asyncio.subprocess.DEVNULL, preexec_fn=die_with_parent(), limit=LINE_MAX, **pipes)
    try:
        yield process
    finally:
        await to_the_end(_put_away(process))


async def to_the_end(work):
    """Its value. Whoever is cancelled meanwhile hears of it when the work is done, not in the middle of it."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
    return task.result()


class Failed(Exception):
    """The demo cannot go on; a text for who has started it."""


class Died(Failed):
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
        self.code = None                # Of its last end.
        self.fault = ""                 # Why it could not be started, the last time.
        self.lives = 0
        self.state = "stopped"          # starting, ready, waiting (for its next life), stopping, stopped
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.unwanted = asyncio.Event()  # It is to end, and not to be started again.
        self.end_signal = signal.SIGTERM
        self.living = None              # The task of all its lives.
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

    def end(self, number=signal.SIGTERM):
        """Once it runs, if it is just being started."""
        self.unwanted.set()
        self.end_signal = number
        if self.running:
            self.state = "stopping"
            send(self.process, number)
            send(self.process, signal.SIGCONT)  # A paused process ends only once it goes on.


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
        if self.closing:
            child.unwanted.set()
        child.living = asyncio.ensure_future(self._live(child))
        self.tasks.add(child.living)
        child.living.add_done_callback(self._forget)
        return child

    async def start(self, child, patience_s=60):
        """Starts it and waits until it is ready. Raises Died with its last words."""
        return await self.until_ready(self.start_soon(child), patience_s)

    async def until_ready(self, child, patience_s=60):
        await self.unless_dead(child.ready.wait(), [child], patience_s, f"{child.name} is not ready")
        return child

    async def unless_dead(self, work, children, patience_s, missed):
        """The value of `work`. Raises Died, with the last words of the child, when one of them ends before, or when
        `patience_s` have passed: then `missed` says what is missing."""
        working = asyncio.ensure_future(work)
        ends = {asyncio.ensure_future(child.ended.wait()): child for child in children}
        try:
            done, _ = await asyncio.wait({working, *ends}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (working, *ends):
                waiting.cancel()
            await asyncio.gather(working, *ends, return_exceptions=True)
        if working in done:
            return working.result()
        child = next((child for end, child in ends.items() if end in done), children[0])
        if child.fault:
            raise Died(f"{child.name} {child.fault}")
        what = f"{child.name} has ended ({how(child.code)})" if child.ended.is_set() else f"{missed} after {patience_s} s"
        raise Died(f"{what}; its last words:\n{child.log_tail()}")

    def _forget(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.tell(f"the supervisor has failed: {task.exception()!r}")

    async def _spawn(self, child, log, stack):
        child.process = await stack.enter_async_context(program(
            *child.command, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
            env={**os.environ, **(child.environment or {})}))
        child.lives += 1
        child.state = "starting"
        if child.unwanted.is_set():  # Told to end while it was being started.
            child.end(child.end_signal)
        elif child.ready_word is None:
            child.state = "ready"
            child.ready.set()

    async def _listen(self, child, log):
        """Its output into its log; the line that says that it is ready."""
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
            with contextlib.suppress(OSError):  # A full disk: what it says is lost, but it must not be held up.
                log.write(line)
            if not child.ready.is_set() and child.ready_word and line.startswith(child.ready_word.encode()):
                child.ready_line = line.decode(errors="replace").strip()
                if child.state == "starting":
                    child.state = "ready"
                child.ready.set()

    async def _one_life(self, child):
        """From its start to its end."""
        child.ready.clear()
        child.ended.clear()
        child.fault = ""
        async with contextlib.AsyncExitStack() as stack:
            try:
                log = stack.enter_context(open(child.log, "ab", buffering=0))
                await self._spawn(child, log, stack)
            except OSError as error:  # No such program, or one that is just being built; no memory, no descriptors.
                child.code, child.fault = NOT_STARTED, f"cannot be started: {error}"
                return
            listening = asyncio.ensure_future(self._listen(child, log))
            try:
                child.code = await end_of(child.process)
                # What it has started itself may keep its output open: that is no reason to wait for ever.
                await asyncio.wait({listening}, timeout=LAST_WORDS_S)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _live(self, child):
        """All lives of a child."""
        try:
            while not child.unwanted.is_set():
                await self._one_life(child)
                child.ready.clear()
                child.ended.set()
                if child.unwanted.is_set() or not child.restart or child.code == 0:
                    break  # With exit code 0 it has done what it was to do.
                child.state = "waiting"
                pause = self._pause_before_next(child)
                self.tell(f"{child.name} {child.fault or f'has ended ({how(child.code)})'}; it is started again in {pause:g} s")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await child.unwanted.wait()
        finally:
            child.state = "stopped"
            child.ended.set()

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
        """SIGTERM, at last SIGKILL; it is not started again, and one that is just being started ends, too. Its exit
        code; None if it never ran."""
        child = self.all[name]
        child.end()
        if child.living is None:
            return None
        done, _ = await asyncio.wait({child.living}, timeout=child.ending_s)
        if not done:
            self.tell(f"{name} has not ended {child.ending_s} s after SIGTERM and is killed")
            child.end(signal.SIGKILL)
            await asyncio.wait({child.living})
        return child.code

    async def close(self, order=()):
        """Ends all, `order` first: a list of prefixes of names, one after the other. From now on none is started."""
        self.closing = True
        for child in self.all.values():
            child.unwanted.set()
        for prefix in (*order, ""):
            await asyncio.gather(*(self.stop(child.name) for child in self.named(prefix)))

    def kill_all(self):
        """At once, for those who press Ctrl-C twice."""
        self.closing = True
        for child in self.all.values():
            child.end(signal.SIGKILL)


def how(code):
    """0, 1, or the name of a signal."""
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
