"""Telling a story that is true: each step says what it does, shows the znodes that changed, and checks what it claims."""
import asyncio
import contextlib
import json
import re
import textwrap

from .children import Failed, how, program
from .web import NoAnswer

SHOWN_TEXT = 110
READ_S = 2.5  # What a person gets to read a step.


class Story:
    def __init__(self, stage, journal, fast):
        self.stage, self.journal, self.fast = stage, journal, fast
        self.failed = []
        self.steps = 0
        self.begun = asyncio.get_running_loop().time()

    async def step(self, title, why=""):
        """A headline and the reason; the journal's mark, where the step begins."""
        self.steps += 1
        spent = asyncio.get_running_loop().time() - self.begun
        self.stage.tell(f"\n== {self.steps}. {title}   ({spent:.0f} s)")
        for line in textwrap.wrap(why, 100):
            self.stage.tell(f"   {line}")
        if not self.fast:
            await asyncio.sleep(READ_S)
        return self.journal.mark()

    def tell(self, text):
        self.stage.tell(f"   {text}")

    def check(self, claim, holds):
        """What a step shows. A claim that does not hold makes the story fail, and it goes on."""
        self.stage.tell(f"   {'ok ' if holds else 'NOT'} {claim}")
        if not holds:
            self.failed.append(f"step {self.steps}: {claim}")
        return holds

    def znodes(self, mark, pattern, limit=6):
        """The changes below the root since `mark` whose paths match: first and last state of each."""
        folded = {}
        for what, path, before, after in self.journal.since(mark, pattern):
            first = folded.get(path, (before,))[0]
            folded[path] = (first, after)
        for path, (before, after) in list(folded.items())[:limit]:
            self.stage.tell(f"   znode {path}")
            before, after = only_different(before, after)
            self.stage.tell(f"         {brief(before)}  ->  {brief(after)}")
        if len(folded) > limit:
            self.stage.tell(f"   and {len(folded) - limit} znodes more")
        return folded

    async def until(self, what, condition, patience_s=30):
        """Waits until `condition()` (which may be a coroutine function) is true; its value, or None, as a failed
        claim. Asks again whenever a znode changes, and a few times a second for what is no znode."""
        end = asyncio.get_running_loop().time() + patience_s
        while asyncio.get_running_loop().time() < end:
            try:
                value = condition()
                if asyncio.iscoroutine(value):
                    value = await value
                if value:
                    return value
            except NoAnswer:
                pass  # The server is being started again.
            self.journal.came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self.journal.came.wait()
        self.check(f"within {patience_s} s: {what}", False)
        return None

    def end(self):
        """The exit code."""
        spent = asyncio.get_running_loop().time() - self.begun
        if self.failed:
            self.stage.tell(f"\n{len(self.failed)} claims did not hold:")
            for claim in self.failed:
                self.stage.tell(f"  {claim}")
            return 1
        self.stage.tell(f"\nEvery step showed what it said ({self.steps} steps, {spent:.0f} s).")
        return 0


def only_different(before, after):
    """Of two JSON objects what differs; any other texts as they are."""
    try:
        a, b = json.loads(before or ""), json.loads(after or "")
    except ValueError:
        return before, after
    if not (isinstance(a, dict) and isinstance(b, dict)) or a == b:
        return before, after
    keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
    return tuple(json.dumps({key: each[key] for key in keys if key in each}) for each in (a, b))


def brief(text):
    """A znode's text on one line."""
    if text is None:
        return "(not there)"
    line = re.sub(r"\s+", " ", text.split("\n", 1)[0]).strip()
    line = "".join(c if c.isprintable() else "." for c in line)
    return (line[:SHOWN_TEXT] + "...") if len(line) > SHOWN_TEXT else line or "(empty)"


def token_of(text):
    """The fencing token in a checkpoint's text ("v1 <token> <offset> ..."); None where there is none."""
    match = re.match(r"v1 (\d+) (\d+) ", text or "")
    return int(match[1]) if match else None


class Feeder:
    """Sends the lines of a file to a collector by HTTP, so many a second, until told to stop."""

    def __init__(self, web, file, rate, at_once=0):
        self.web, self.rate, self.at_once = web, rate, at_once
        self.lines = file.read_bytes().splitlines(keepends=True)
        self.sent = 0
        self.task = None

    def start(self):
        self.task = asyncio.ensure_future(self._feed())

    async def _feed(self):
        portion = max(1, self.rate // 10)
        while self.sent < len(self.lines):
            if self.sent >= self.at_once:
                await asyncio.sleep(portion / self.rate)
            part = self.lines[self.sent:self.sent + portion]
            try:
                await self.web.post("/hits", b"".join(part))
            except NoAnswer:
                await asyncio.sleep(0.3)
                continue  # The same lines again: repetitions are told by their ids.
            self.sent += len(part)

    async def stop(self):
        """What was sent, as one text. Lines whose answer never came are sent again, so that none is in doubt."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        part = self.lines[self.sent:self.sent + max(1, self.rate // 10)]
        await self.web.post("/hits", b"".join(part))
        self.sent += len(part)
        return b"".join(self.lines[:self.sent])


async def run_program(*command, patience_s=120):
    """Its standard output; Failed with its last words where it fails, or takes longer."""
    shown = " ".join(map(str, command))
    try:
        async with (asyncio.timeout(patience_s),
                    program(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE) as process):
            out, err = await process.communicate()
    except TimeoutError:
        raise Failed(f"{shown} has not ended within {patience_s} s") from None
    except OSError as error:
        raise Failed(f"{shown} cannot be started: {error}") from None
    if process.returncode != 0:
        raise Failed(f"{shown} has ended ({how(process.returncode)}): {err.decode(errors='replace')[-500:]}")
    return out


async def run_json(*command, patience_s=120):
    return json.loads(await run_program(*command, patience_s=patience_s))
