"""`scripts/demo lambda --story`: why such a system exists, in steps that check what they say."""
import asyncio
import json
import re
import signal

from .lambda_demo import PARTITIONS, LambdaDemo
from .quorate import Journal
from .stage import Stage
from .story import Feeder, Story, run_json, run_program, token_of

RATE = 1000         # Hits a second.
LINES = 200_000     # More than the story lasts.
SEED = 7


class LambdaStory:
    def __init__(self, stage, fast):
        self.stage, self.fast = stage, fast
        self.demo = LambdaDemo(stage, archives=1, batches=2, speeds=3, every_s=0)
        self.place = stage.place
        self.journal = Journal(stage.children, stage.quorum, self.place.root, stage.folder)
        self.story = None
        self.feeder = None

    async def run(self):
        await self.journal.start()
        self.story = Story(self.stage, self.journal, self.fast)
        await self.begin()
        await self.bug()
        await self.fix()
        await self.kill()
        await self.pause()
        await self.reckoning()
        return self.story.end()

    # --- What is asked again and again ------------------------------------------------------------

    async def batch_run(self):
        """A run over all facts there are now; it is served when this returns."""
        await self.demo.request_batch()
        run = json.loads(self.journal.now.get(f"{self.place.root}/serving/current", "{}")).get("run", 0)

        async def served():
            await self.demo.view.refresh()
            return self.demo.view.run >= run
        await self.story.until(f"run {run} is served", served)

    async def drift(self):
        await self.demo.view.refresh()
        return self.demo.view.drift

    def tokens(self):
        """Fencing token of each partition of the speed layer, as the checkpoints have it."""
        found = {}
        for path, text in self.journal.now.items():
            match = re.fullmatch(rf"{self.place.root}/speed/{self.place.topic}/offsets/(\d+)", path)
            token = token_of(text)
            if match and token is not None:
                found[int(match[1])] = token
        return found

    async def hits_beyond(self, before, more=500):
        async def condition():
            await self.demo.view.refresh()
            return self.demo.view.hits is not None and self.demo.view.hits >= before + more
        return await self.story.until(f"{more} hits more are seen", condition)

    # --- Steps ------------------------------------------------------------------------------------

    async def begin(self):
        story = self.story
        mark = await story.step(
            "Everything starts", "Hits of a web site come in by HTTP and go to a bus of eight partitions. An archive keeps "
            "them for ever, as facts. A speed layer counts what is new, at once; a batch layer counts everything again, "
            "slowly; whoever asks gets both, put together. Each process registers in Quorate, which shares the "
            "partitions out.")
        file = self.stage.folder / "hits.log"
        file.write_bytes(await run_program(self.place.program("pipeline-tool"), "generate", "--lines", LINES, "--seed", SEED))
        await self.demo.start(self.demo.lambda_.collect(listen="127.0.0.1:0", partitions=PARTITIONS))
        story.tell(f"dashboard http://{self.demo.web.address}/")
        self.feeder = Feeder(self.demo.collector(), file, RATE)
        self.feeder.start()
        workers = await story.until("seven workers are registered", lambda: len(self.workers()) >= 7 and self.workers())
        story.znodes(mark, rf"^{self.place.root}/workers/")
        story.check(f"{len(workers or [])} workers are registered", bool(workers))
        owned = await story.until("every partition has an owner", lambda: len(self.tokens()) == PARTITIONS and self.tokens())
        story.check(f"each of the {PARTITIONS} partitions has an owner, with a fencing token: {owned}", bool(owned))
        await self.hits_beyond(0)
        for _ in range(2):  # The gauge lays what the last run added beside what the speed layer said of it.
            mark = self.journal.mark()
            await self.batch_run()
            await self.hits_beyond(self.demo.view.hits)
        story.znodes(mark, rf"^{self.place.root}/serving/current")
        drift = await self.drift()
        story.check(f"batch and speed layer say the same of the same hits: the drift gauge reads {drift}", drift == 0)

    def workers(self):
        """Those that are registered now."""
        return [path for path in self.journal.now if re.match(rf"{self.place.root}/workers/.", path)]

    async def bug(self):
        story = self.story
        mark = await story.step(
            "A bug is deployed", "The new speed layer forgets all requests that failed. Nobody has noticed: it is fast, and "
            "its numbers look like numbers.")
        await self.demo.deploy_speed(bug="drop-errors")
        story.znodes(mark, rf"^{self.place.root}/workers/speed-")
        await self.hits_beyond(self.demo.view.hits or 0, 1000)
        mark = self.journal.mark()
        await self.batch_run()
        story.znodes(mark, rf"^{self.place.root}/serving/current")
        drift = await story.until("the drift gauge leaves 0", self.drift)
        story.check(f"the next batch run counts the same hits from the facts and differs: the gauge reads {drift}",
                    bool(drift))

    async def fix(self):
        story = self.story
        mark = await story.step(
            "The fix is deployed", "The facts are as they were: nothing has to be repaired. The next run serves right numbers "
            "for everything that it has seen, whatever the speed layer said; the run after it covers nothing but what the "
            "repaired layer has counted.")
        await self.demo.deploy_speed()
        story.znodes(mark, rf"^{self.place.root}/workers/speed-")
        await self.batch_run()  # The end of what the broken layer has seen.
        await self.hits_beyond(self.demo.view.hits or 0, 500)
        mark = self.journal.mark()
        await self.batch_run()
        story.znodes(mark, rf"^{self.place.root}/serving/current")
        drift = await self.drift()
        story.check(f"the drift gauge reads {drift} again", drift == 0)

    def owner_of(self, name):
        """The partitions that a worker says it has."""
        return set(self.demo.view.shards(name))

    async def busiest(self):
        async def condition():
            await self.demo.view.refresh()
            return max((child.name for child in self.stage.children.named("speed-")), key=lambda n: len(self.owner_of(n)))
        return await condition()

    async def settled(self):
        """Every worker has two partitions at least, all owners known, and it has been so for a second."""
        async def condition():
            before = [self.owner_of(child.name) for child in self.stage.children.named("speed-")]
            await self.demo.view.refresh()
            now = [self.owner_of(child.name) for child in self.stage.children.named("speed-")]
            if now != before or sum(map(len, now)) != PARTITIONS or min(map(len, now)) < 2:
                since[0] = loop.time()
            return loop.time() - since[0] > 1
        loop = asyncio.get_running_loop()
        since = [loop.time()]
        await self.story.until("the partitions are shared out evenly", condition)

    def checkpoints_of(self, shards):
        """The paths of their checkpoints, as a pattern."""
        return rf"^{self.place.root}/speed/{self.place.topic}/offsets/({'|'.join(map(str, sorted(shards)))})$"

    async def taken_over(self, shards, before):
        def condition():
            return all(self.tokens().get(n, 0) > before.get(n, 0) for n in shards)
        return await self.story.until(f"the partitions {sorted(shards)} have new owners", condition)

    async def kill(self):
        story = self.story
        await self.settled()
        victim = await self.busiest()
        mark = await story.step(
            f"{victim} is killed", "Its session ends with it, its znode goes, and the others take over where its last commit "
            "ended, each with a greater fencing token.")
        self.demo.kill(victim)
        before = self.tokens()
        await self.demo.view.refresh()  # Its locks stay until its session is over.
        shards = self.owner_of(victim)
        story.tell(f"it held the partitions {sorted(shards)}")
        await self.taken_over(shards, before)
        story.znodes(mark, rf"^{self.place.root}/workers/{victim}$")
        story.znodes(mark, self.checkpoints_of(shards))
        after = self.tokens()
        story.check(f"tokens of its partitions have grown: { {n: (before.get(n), after.get(n)) for n in sorted(shards)} }",
                    bool(shards) and all(after.get(n, 0) > before.get(n, 0) for n in shards))
        await story.until(f"{victim} is back", lambda: self.stage.children[victim].state == "ready")

    async def refused(self, name):
        text = self.journal.now.get(f"{self.place.root}/refused/{name}")
        return json.loads(text)["count"] if text else 0

    async def pause(self):
        story = self.story
        await self.settled()
        victim = await self.busiest()
        refused = await self.refused(victim)
        mark = await story.step(
            f"{victim} is paused past its session", "It knows nothing of its pause: no process does. The others take its "
            "partitions over meanwhile. When it goes on it tries to commit what it has in hand: with a token that is no "
            "longer the greatest.")
        self.stage.children.signal(victim, signal.SIGSTOP)
        before = self.tokens()
        await self.demo.view.refresh()
        shards = self.owner_of(victim)
        story.tell(f"it holds the partitions {sorted(shards)}")
        await self.taken_over(shards, before)
        middle = self.tokens()
        story.tell("it goes on, and believes that nothing has happened")
        self.stage.children.signal(victim, signal.SIGCONT)

        async def late():
            return await self.refused(victim) > refused
        await story.until(f"a late effect of {victim} is refused", late)
        story.znodes(mark, rf"^{self.place.root}/refused/.")
        story.znodes(mark, self.checkpoints_of(shards))
        now = await self.refused(victim)
        story.check(f"its late effects were refused and counted: {refused} -> {now}", now > refused)
        story.check("no token has become smaller", all(self.tokens().get(n, 0) >= token for n, token in middle.items()))

    async def reckoning(self):
        story = self.story
        mark = await story.step(
            "The reckoning", "After a bug, a kill and a zombie: is every hit counted, and none twice? A program that knows "
            "nothing of all this counts the same lines on its own.")
        sent = self.stage.folder / "sent.log"
        sent.write_bytes(await self.feeder.stop())
        told = await run_json(self.place.program("pipeline-tool"), "aggregate", sent)
        expected = told["answers"]["/"]["total"]

        async def caught_up():
            return (await self.demo.view.total())["hits"] == expected["hits"]
        await story.until(f"{expected['hits']} hits are seen", caught_up)
        await self.batch_run()
        got = await self.demo.view.total()
        story.znodes(mark, rf"^{self.place.root}/serving/current")
        for name in ("hits", "bytes", "visitors", "sessions", "2xx", "3xx", "4xx", "5xx"):
            story.check(f"{name}: {got.get(name)} served, {expected[name]} counted", got.get(name) == expected[name])


async def run(options):
    async with Stage(options, "story") as stage:
        return await LambdaStory(stage, options.fast).run()

