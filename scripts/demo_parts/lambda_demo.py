"""`scripts/demo lambda`: the lambda application on this machine, with a table, until Ctrl-C."""
import asyncio
import random
import re
import signal

from .application import Lambda
from .children import Child, Failed
from .screen import Screen
from .stage import Stage
from .view import LambdaView
from .web import Web

PARTITIONS = 8
RATE = 2000


class LambdaDemo:
    """The processes of one lambda application on a stage."""

    def __init__(self, stage, archives=1, batches=2, speeds=3, every_s=60):
        self.stage, self.lambda_ = stage, Lambda(stage.place)
        self.counts, self.every_s = {"archive": archives, "batch": batches, "speed": speeds}, every_s
        self.web = self.view = None
        self.resuming = set()

    def child(self, name, command, **more):
        return Child(name, command, self.stage.place.log(name), **more)

    async def start(self, collect_command):
        """Everything; the collector first, as it makes the topics."""
        children = self.stage.children
        await children.start(self.child("collect-1", collect_command))
        for role, count in self.counts.items():
            for identity in map(str, range(1, count + 1)):
                children.start_soon(self.child(f"{role}-{identity}", self._worker(role, identity)))
        serve = self.lambda_.serve("1", "127.0.0.1:0", "--demo")
        await children.start(self.child("serve-1", serve))
        await asyncio.gather(*(children.until_ready(child) for child in list(children.all.values())
                               if child.name.split("-")[0] in self.counts))
        self.find_web()

    def _worker(self, role, identity):
        if role == "batch":
            return self.lambda_.batch(identity, self.every_s)
        return getattr(self.lambda_, role)(identity)

    def find_web(self):
        """Where the serving layer listens; it keeps that address when it is started again."""
        child = self.stage.children["serve-1"]
        address = address_in(child.ready_line)
        child.command = self.lambda_.serve("1", address, "--demo")
        self.web = Web(address)
        self.view = LambdaView(self.web, self.stage.children)

    def collector(self):
        return Web(address_in(self.stage.children["collect-1"].ready_line))

    async def deploy_speed(self, bug=None):
        """One worker after the other gives up its partitions and comes back with other code."""
        for child in self.stage.children.named("speed-"):
            await self.stage.children.stop(child.name)
            identity = child.name.split("-", 1)[1]
            await self.stage.children.start(self.child(child.name, self.lambda_.speed(identity, bug)))

    def kill(self, name):
        self.stage.tell(f"kill -9 {name}")
        self.stage.children.signal(name, signal.SIGKILL)

    async def pause(self, name, seconds):
        """Past its session's end; then it goes on, and does not know."""
        self.stage.tell(f"{name} is paused for {seconds:g} s, past its session")
        child = self.stage.children[name]
        self.stage.children.signal(name, signal.SIGSTOP)
        child.state = "paused"
        await asyncio.sleep(seconds)
        if child.state == "paused":
            child.state = "ready"
            self.stage.children.signal(name, signal.SIGCONT)
            self.stage.tell(f"{name} goes on")

    def pause_s(self):
        return self.stage.place.session_timeout_ms / 1000 * 2 + 1

    async def request_batch(self, patience_s=120):
        """Until the new generation is served."""
        from .story import run_program
        await run_program(*self.lambda_.request_batch(), patience_s=patience_s)


def address_in(line):
    found = re.search(r"(127\.0\.0\.1|localhost|\[::1\]):\d+", line)
    if not found:
        raise Failed(f"no address in: {line!r}")
    return found[0]


async def run(options):
    async with Stage(options, "lambda") as stage:
        demo = LambdaDemo(stage, every_s=options.every_s)
        collect = demo.lambda_.collect(log=options.log, lines=options.lines, rate=options.rate or RATE, seed=options.seed,
                                       partitions=PARTITIONS)
        stage.tell("starting servers, bus and workers ...")
        await demo.start(collect)
        tell_addresses(stage, demo.web)
        screen = Screen(stage, f"Lambda   dashboard http://{demo.web.address}/   Quorate {stage.quorum.connect}",
                        lambda: demo.view, "up/down or a number chooses a worker; k kill, p pause past its session, "
                        "b batch run, x kill anybody, s kill a server, q end", None)
        screen.on_key = Keys(demo, screen).press
        following = asyncio.ensure_future(demo.view.follow(screen.changed))
        showing = asyncio.ensure_future(screen.show())
        quit_ = asyncio.ensure_future(screen.quit.wait())
        try:
            done, _ = await asyncio.wait({following, showing, quit_}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, showing, quit_):
                task.cancel()
            await asyncio.gather(following, showing, quit_, return_exceptions=True)
        for task in done:
            task.result()  # What ended by a fault tells it, rather than passing for a wish.
    return 0


def tell_addresses(stage, web):
    stage.tell(f"dashboard   http://{web.address}/")
    stage.tell(f"Quorate     {stage.quorum.connect}    {stage.quorum.binaries}/quorate-shell -server {stage.quorum.connect}")
    stage.tell(f"bus         {stage.place.bus}")
    stage.tell(f"files, logs {stage.folder}")
    stage.tell("Ctrl-C ends all of it")


class Keys:
    """What a key does."""

    def __init__(self, demo, screen):
        self.demo, self.screen = demo, screen
        self.under_way = set()

    def press(self, key):
        chosen = self.screen.chosen_worker()
        children = self.demo.stage.children
        if key == "q":
            self.screen.quit.set()
        elif key == "k" and chosen and chosen.name in children.all:
            self.demo.kill(chosen.name)
        elif key == "p" and chosen and chosen.name in children.all:
            self._later(self.demo.pause(chosen.name, self.demo.pause_s()))
        elif key == "x":
            self.demo.kill(random.choice([child.name for child in children.all.values() if child.running]))
        elif key == "s":
            self.demo.kill(random.choice(children.named("server-")).name)
        elif key == "b":
            self._later(self._batch())

    async def _batch(self):
        self.demo.stage.tell("a batch run is asked for")
        try:
            await self.demo.request_batch()
            self.demo.stage.tell("its generation is served")
        except Failed as error:
            self.demo.stage.tell(f"the batch run: {error}")

    def _later(self, work):
        task = asyncio.ensure_future(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
