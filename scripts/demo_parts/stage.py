"""What every demo stands on: a folder, servers of Quorate, a bus; and its end, whatever brings it about."""
import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from .application import Place
from .children import Child, Children, Failed, single_threaded_waiting, to_the_end
from .quorate import Quorum

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA_STARTING_S, KAFKA_ENDING_S = 300, 40
ENDING_ORDER = ("collect-", "serve-", "speed-", "batch-", "archive-", "worker-", "kappa-", "journal", "ledger", "broker", "kafka")


class Stage:
    """Used by `async with`: on leaving it every process has ended."""

    def __init__(self, options, name):
        self.options, self.name = options, name
        self.quiet = False          # While a table is on the screen; what is told then is kept for it.
        self.told = []
        self.children = Children(self.tell)
        self.temporary = options.dir is None
        self.folder = None
        self.quorum = self.place = None

    def tell(self, text=""):
        self.told = [*self.told[-20:], text]
        if not self.quiet:
            say(text)

    async def __aenter__(self):
        ON_STAGE.append(self.children)
        self.folder = empty_folder(self.options.dir, self.name)
        os.environ["QUORATE_DEMO"] = str(self.folder)  # In the environment of every process: whose it is.
        try:
            self.quorum = Quorum(self.children, self.folder, self.options.servers, self.options.binaries)
            await self.quorum.start()
            bus = await self._bus()
            self.place = Place(self.folder, self.quorum.connect, self.options.binaries, bus,
                               session_timeout_ms=self.options.session_timeout_ms)
            if self.place.own_bus and self.options.bus != "none":
                await self.children.start(Child("broker", self.place.broker(), self.place.log("broker"), ready="listening"))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        """All of it, also when a signal comes in the middle: it is heard of behind it."""
        self.quiet = False
        await to_the_end(self._close())

    async def _close(self):
        await self.children.close(ENDING_ORDER)
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _bus(self):
        """How the programs name the bus; None for the broker that belongs to this stage."""
        wanted = self.options.bus
        if wanted in ("embedded", "none"):
            return None
        if wanted == "kafka":
            return await self._start_kafka()
        return wanted

    async def _start_kafka(self):
        """As many brokers as servers of Quorate, which is their ZooKeeper."""
        self.tell("starting Kafka: half a minute, and some more the first time ...")
        words = [ROOT / "scripts" / "kafka", "--zookeeper", self.quorum.connect, "--brokers", self.options.servers,
                 "--dir", self.folder / "kafka", "--restart"]
        child = Child("kafka", words, self.folder / "kafka.log", restart=False, ready="listening",
                      environment={"QUORATE_BIN": str(self.options.binaries)})
        child.ending_s = KAFKA_ENDING_S
        await self.children.start(child, KAFKA_STARTING_S)
        return child.ready_line.split()[1]


def empty_folder(wanted, name):
    if wanted is None:
        return pathlib.Path(tempfile.mkdtemp(prefix=f"quorate-{name}-"))
    folder = pathlib.Path(wanted).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"scripts/demo: {folder} is not empty: name another folder, or remove what is in it")
    return folder


def say(text=""):
    """A line on standard output; a terminal that is gone is no reason to stop tidying up."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work):
    """Runs a demo until its end or a signal; the exit code."""
    return asyncio.run(_until_signal(work))


ON_STAGE = []  # The children of the stage that is open.


def kill_everything():
    """For who presses Ctrl-C twice: nobody is waited for."""
    for children in ON_STAGE:
        children.kill_all()


async def _until_signal(work):
    loop, caught = asyncio.get_running_loop(), []

    def stop(number):
        caught.append(number)
        if len(caught) == 1:
            task.cancel()
        else:
            kill_everything()
    task = asyncio.ensure_future(work)  # It begins when this one waits for it.
    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    single_threaded_waiting()
    try:
        return await task
    except asyncio.CancelledError:
        return 128 + caught[0] if caught else 1
    except Failed as failed:
        with contextlib.suppress(OSError, ValueError):
            print(f"scripts/demo: {failed}", file=sys.stderr)
        return 1
