"""`scripts/demo kappa --story`: a replay with other code beside the live views, the switch, the way back."""
import json

from .kappa_demo import KappaDemo
from .lambda_demo import PARTITIONS, address_in
from .quorate import Journal
from .stage import Stage
from .story import Feeder, Story, run_json, run_program
from .web import Web

RATE = 1000
LINES = 100_000
BACKLOG = 10_000    # Lines that are there before the story begins.
SEED = 7
EVENT_RATE = 0.2    # Of event time: visitors come back after longer pauses than half an hour.
GAP_MS = 60 * 60 * 1000
ROOT = "/kappa"


class KappaStory:
    def __init__(self, stage, fast):
        self.stage, self.fast = stage, fast
        self.demo = KappaDemo(stage)
        self.place = stage.place
        self.journal = Journal(stage.children, stage.quorum, ROOT, stage.folder)
        self.story = self.feeder = None

    async def run(self):
        await self.journal.start()
        self.story = Story(self.stage, self.journal, self.fast)
        await self.begin()
        await self.replay()
        await self.switch()
        await self.back()
        await self.reckoning()
        return self.story.end()

    def active(self):
        """(the active generation, the one before it)"""
        text = self.journal.now.get(f"{ROOT}/active")
        said = json.loads(text) if text else {}
        return said.get("generation", 0), said.get("previous", 0)

    async def view(self, number):
        return await run_json(*self.demo.kappa.view(number))

    async def begin(self):
        story = self.story
        mark = await story.step(
            "Generation 1 answers", "Hits come in by HTTP and stay on the bus for ever. One kind of program makes views of "
            "them; there is no second one for the past. Its workers share the partitions out through Quorate.")
        file = self.stage.folder / "hits.log"
        file.write_bytes(await run_program(self.place.program("pipeline-tool"), "generate", "--lines", LINES, "--seed", SEED,
                                           "--rate", EVENT_RATE))
        await self.demo.collect(self.demo.lambda_.collect(listen="127.0.0.1:0", partitions=PARTITIONS))
        self.feeder = Feeder(Web(address_in(self.stage.children["collect-1"].ready_line)), file, RATE,
                             at_once=BACKLOG)
        self.feeder.start()
        await self.demo.generation(1, 2)
        await run_program(*self.demo.kappa.switch(1))
        await story.until("generation 1 is active", lambda: self.active()[0] == 1)
        story.znodes(mark, rf"^{ROOT}/(active|generations/|workers/)")
        story.check("generation 1 is active", self.active()[0] == 1)

    async def replay(self):
        story = self.story
        mark = await story.step(
            "Generation 2 replays beside it", "The question has changed: a visit ends after an hour without a hit, not after half "
            "an hour. The new workers read the log from its first event, with a group and views of their own; the old ones "
            "go on and answer, and new hits come in all the time.")
        await self.demo.generation(2, 2, "--gap-ms", GAP_MS)
        story.znodes(mark, rf"^{ROOT}/(active|generations/|workers/)")
        story.check("generation 1 still answers", self.active()[0] == 1)

        async def nearly():
            return await self.demo.lag(2) < RATE
        await story.until("generation 2 has come up", nearly)
        for row in (await self.demo.table())["generations"]:
            story.tell(f"generation {row['generation']}: {row['state']}, gap {row['session_gap_ms'] // 60_000} min, "
                       f"{sum(row['lag'])} hits behind, {len(row['workers'])} workers")

    async def switch(self):
        story = self.story
        mark = await story.step("The switch", "One znode says who answers. It is written once, over the version that was read: whoever asks "
                                "sees the old generation or the new one, never a mix.")
        await run_program(*self.demo.kappa.switch(2))
        await story.until("generation 2 is active", lambda: self.active() == (2, 1))
        changed = story.znodes(mark, rf"^{ROOT}/active$")
        writes = [change for change in self.journal.since(mark, rf"^{ROOT}/active$")]
        story.check(f"one write of one znode: generation {self.active()[1]} -> {self.active()[0]}",
                    bool(changed) and len(writes) == 1 and self.active() == (2, 1))

    async def back(self):
        story = self.story
        mark = await story.step("Second thoughts", "The generation before is still there and has kept up: the way back is the same one write.")
        await run_program(*self.demo.kappa.rollback())
        await story.until("generation 1 is active", lambda: self.active()[0] == 1)
        story.znodes(mark, rf"^{ROOT}/active$")
        story.check("generation 1 answers again", self.active()[0] == 1)
        await run_program(*self.demo.kappa.switch(2))
        await story.until("generation 2 is active", lambda: self.active()[0] == 2)
        story.check("and forward: generation 2 answers", self.active()[0] == 2)

    async def reckoning(self):
        story = self.story
        await story.step("The reckoning", "Both generations, beside a program that counts the same lines on its own, once with each gap.")
        sent = self.stage.folder / "sent.log"
        sent.write_bytes(await self.feeder.stop())
        sessions = []
        for number, gap in ((1, 30 * 60 * 1000), (2, GAP_MS)):
            told = await run_json(self.place.program("pipeline-tool"), "aggregate", sent, "--gap-ms", gap)
            got = await self.view(number)
            total, expected = got["answers"]["/"]["total"], told["answers"]["/"]["total"]
            sessions.append(total["sessions"])
            story.check(f"generation {number}: {total['hits']} hits, {total['visitors']} visitors, {total['sessions']} sessions; every "
                        "answer equal", got["answers"] == told["answers"] and total == expected)
        story.check(f"the change shows: {sessions[0]} visits before it, {sessions[1]} after", sessions[1] < sessions[0])
        mark = self.journal.mark()
        await run_program(*self.demo.kappa.retire(1))
        await story.until("its workers have gone", lambda: not [p for p in self.journal.now if p.startswith(f"{ROOT}/workers/1-")])
        story.znodes(mark, rf"^{ROOT}/(generations/|workers/)")
        story.check("generation 1 is retired, and its workers have ended",
                    not [path for path in self.journal.now if path.startswith(f"{ROOT}/workers/1-")])


async def run(options):
    async with Stage(options, "story") as stage:
        return await KappaStory(stage, options.fast).run()
