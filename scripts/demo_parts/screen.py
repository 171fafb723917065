"""The numbers of the dashboard where no browser is at hand: a table that redraws itself, or plain lines."""
import asyncio
import contextlib
import os
import shutil
import sys
import termios
import tty

REDRAW_S = 0.25     # At most so often.
LINE_S = 5          # Plain lines, where standard output is no terminal.

CLEAR, HOME, BELOW, PLAIN = "\x1b[2J", "\x1b[H", "\x1b[J", "\x1b[0m"
BOLD, GREY, RED, GREEN, INVERSE = "\x1b[1m", "\x1b[90m", "\x1b[31m", "\x1b[32m", "\x1b[7m"


def number(value):
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


class Screen:
    """Shows `numbers()`, a View (view.py), and hands keys to `on_key(key)`."""

    def __init__(self, stage, title, numbers, keys_help, on_key):
        self.stage, self.title, self.numbers = stage, title, numbers
        self.keys_help, self.on_key = keys_help, on_key
        self.changed = asyncio.Event()
        self.quit = asyncio.Event()
        self.terminal = sys.stdout.isatty()
        self.keys = self.terminal and sys.stdin.isatty()
        self.chosen = 0

    async def show(self):
        """Until cancelled."""
        if not self.terminal:
            await self._lines()
            return
        with self._keys_at_once():
            self.stage.quiet = True
            write(CLEAR)
            while True:
                self._draw()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self.changed.wait()
                self.changed.clear()
                await asyncio.sleep(REDRAW_S)

    async def _lines(self):
        before = None
        await self.changed.wait()
        while True:
            line = self.numbers().line()
            if line != before:
                self.stage.tell(line)
            before = line
            await asyncio.sleep(LINE_S)

    @contextlib.contextmanager
    def _keys_at_once(self):
        if not self.keys:
            yield
            return
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, self._key)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _key(self):
        try:
            typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
        except OSError:
            typed = ""
        if not typed:  # The terminal is gone; SIGHUP says so, too.
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        for key in {"\x1b[A": ["up"], "\x1b[B": ["down"]}.get(typed, list(typed)):
            rows = len(self.numbers().workers)
            if key in ("up", "down"):
                self.chosen = (self.chosen + (1 if key == "down" else -1)) % max(rows, 1)
            elif key.isdigit() and 0 < int(key) <= rows:
                self.chosen = int(key) - 1
            else:
                self.on_key(key)
        self.changed.set()

    def chosen_worker(self):
        workers = self.numbers().workers
        return workers[self.chosen % len(workers)] if workers else None

    def _draw(self):
        view, width = self.numbers(), shutil.get_terminal_size().columns
        rows = [f"{BOLD}{self.title}{PLAIN}", ""]
        rows += [f"  {name:<22}{value}" for name, value in view.figures()]
        rows += ["", f"  {GREY}{'':3}{'worker':<14}{'state':<10}{'pid':>8}  {'partitions':<20} note{PLAIN}"]
        for at, worker in enumerate(view.workers):
            mark = INVERSE if self.keys and at == self.chosen % len(view.workers) else ""
            colour = {"ready": GREEN, "paused": RED, "waiting": RED}.get(worker.state, "")
            rows.append(f"  {mark}{at + 1:>2} {worker.name:<14}{PLAIN}{colour}{worker.state:<10}{PLAIN}"
                        f"{worker.pid or '-':>8}  {worker.shards:<20} {worker.note}")
        rows += ["", f"  {GREY}{self.keys_help}{PLAIN}" if self.keys else ""]
        rows += [f"  {GREY}{text[:width - 4]}{PLAIN}" for text in self.stage.told[-4:]]
        write(HOME + "\n".join(row + "\x1b[K" for row in rows) + BELOW)


def write(text):
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()
