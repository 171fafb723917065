"""`scripts/demo kappa`: hits, a generation of workers, and the answers, until Ctrl-C."""
import asyncio
import contextlib

from .application import Kappa, Lambda
from .children import Child, Failed
from .stage import Stage
from .lambda_demo import PARTITIONS, RATE, address_in
from .story import run_json, run_program
from .web import Web

TABLE_S = 5


class KappaDemo:
    """The processes of one kappa application on a stage."""

    def __init__(self, stage):
        self.stage, self.kappa, self.lambda_ = stage, Kappa(stage.place), Lambda(stage.place)
        self.address = None

    def child(self, name, command, **more):
        return Child(name, command, self.stage.place.log(name), **more)

    async def collect(self, command):
        """The collector is the lambda application's: events and bus are the same."""
        await self.stage.children.start(self.child("collect-1", command))

    async def generation(self, number, workers, *options):
        """Declares it and starts its workers."""
        await run_program(*self.kappa.start(number, *options))
        for letter in "abcdefgh"[:workers]:
            self.stage.children.start_soon(self.child(f"kappa-{number}{letter}", self.kappa.work(number, letter)))
        for child in self.stage.children.named(f"kappa-{number}"):
            await self.stage.children.until_ready(child)

    async def serve(self):
        await self.stage.children.start(self.child("serve-1", self.kappa.serve()))
        child = self.stage.children["serve-1"]
        self.address = address_in(child.ready_line)
        child.command = self.kappa.serve(self.address)

    async def table(self):
        return await run_json(*self.kappa.generations())

    async def lag(self, number):
        rows = {row["generation"]: row for row in (await self.table())["generations"]}
        return sum(rows[number]["lag"])


async def run(options):
    async with Stage(options, "kappa") as stage:
        demo = KappaDemo(stage)
        stage.tell("starting servers, bus and workers ...")
        await demo.collect(demo.lambda_.collect(log=options.log, lines=options.lines, rate=options.rate or RATE,
                                                seed=options.seed, partitions=PARTITIONS))
        await demo.generation(1, 2)
        await run_program(*demo.kappa.switch(1))
        await demo.serve()
        stage.tell(f"answers     http://{demo.address}/")
        stage.tell(f"Quorate     {stage.quorum.connect}")
        stage.tell(f"bus         {stage.place.bus}")
        stage.tell("another generation beside it (gap of sessions one hour), and the switch:")
        words = " ".join(demo.kappa.start(2)[2:-2])
        for what in ("start --generation 2 --gap-ms 3600000", "work --generation 2 --id a", "switch --to 2 --wait-s 60", "rollback"):
            stage.tell(f"  {stage.place.program('kappa')} {what} {words}")
        stage.tell("Ctrl-C ends all of it")
        await tables(stage, demo)


async def tables(stage, demo):
    """The table of generations, when the serving layer tells of something new, but not more often than one can read."""
    while True:
        with contextlib.suppress(Failed):
            async for _ in Web(demo.address).events():
                text = await run_program(*demo.kappa.generations()[:-1])
                stage.tell(text.decode(errors="replace").rstrip())
                break  # What comes meanwhile is old: a new connection tells what is new.
        await asyncio.sleep(TABLE_S)
