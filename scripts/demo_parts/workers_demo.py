"""`scripts/demo workers`: workers elect a leader that gives out jobs; it is killed, again and again, and every job is done
once in effect."""
import asyncio
import collections
import re
import signal

from .children import Child
from .quorate import Journal
from .stage import Stage
from .story import Story, run_json, run_program

WORKERS = 4
POOL = "demo"
LINES_PER_JOB = 100


def hits_of_pages(log):
    """An independent count: page of the request up to '?', of lines that have one."""
    counts = collections.Counter()
    for line in log.read_text(errors="surrogateescape").split("\n"):
        quoted = line.split('"')
        words = quoted[1].split(" ") if len(quoted) >= 3 else []
        if len(words) >= 2 and words[1]:
            counts[words[1].split("?")[0]] += 1
    return counts


class WorkersDemo:
    def __init__(self, stage, options):
        self.stage, self.options = stage, options
        self.program = stage.place.program("leader_follower")
        self.kills = 6 if options.fast else 12
        self.log = options.log
        self.ledger = None

    def command(self, *words):
        return [self.program, "--connect", self.stage.quorum.connect, "--pool", POOL, *map(str, words)]

    async def status(self):
        return await run_json(*self.command("--status", "--json", "--ledger", self.ledger))

    async def run(self):
        journal = Journal(self.stage.children, self.stage.quorum, "/", self.stage.folder)
        await journal.start()
        story = Story(self.stage, journal, self.options.fast)
        await self.begin(story)
        await self.kill_leaders(story)
        await self.reckoning(story)
        return story.end()

    async def begin(self, story):
        mark = await story.step("Workers, a queue, a leader", "Four workers elect one of them. The leader gives the jobs of a queue to members; each "
                                "job counts a piece of a log and adds the result to a ledger, outside Quorate, where adding twice would show.")
        if not self.log:
            self.log = self.stage.folder / "access.log"
            lines = self.options.lines or (8_000 if self.options.fast else 20_000)
            await run_program(self.program, "--generate", lines, "--seed", self.options.seed, self.log)
        place, children = self.stage.place, self.stage.children
        ledger = [self.program, "--serve-ledger", self.stage.folder / "ledger"]
        child = await children.start(Child("ledger", ledger, place.log("ledger"), ready="ledger: ready"))
        self.ledger = re.search(r"127\.0\.0\.1:\d+", child.ready_line)[0]
        child.command += ["--port", self.ledger.rsplit(":", 1)[1]]
        for number in range(1, WORKERS + 1):
            name = f"worker-{number}"
            words = self.command("--id", name, "--ledger", self.ledger, "--session-timeout-ms", place.session_timeout_ms,
                                 "--delay-ms-per-job", 150 if self.options.fast else 400, "--delay-ms-per-plan", 100)
            children.start_soon(Child(name, words, place.log(name), ready=f"{name}: ready"))
        for worker in children.named("worker-"):
            await children.until_ready(worker)
        await run_program(*self.command("--submit", self.log, "--lines-per-job", LINES_PER_JOB))

        async def led():
            return (await self.status())["leader"]
        leader = await story.until("somebody leads", led)
        story.znodes(mark, "/(election|members|term)", limit=8)
        status = await self.status()
        story.check(f"{leader} leads {len(status['members'])} members; {status['queued']} jobs are queued", bool(leader))

    def worker_of(self, member):
        """Members have the id of their worker in their names."""
        return next((child.name for child in self.stage.children.named("worker-") if child.name in member), None)

    async def kill_leaders(self, story):
        await story.step("The leader is killed", "Its session ends, the next in line leads and goes on with what it finds; whoever was late is refused by "
                         "token. The killed worker comes back as a member like any other.")
        killed = 0
        while killed < self.kills:
            status = await self.status()
            if status["queued"] == 0:
                break
            victim = self.worker_of(status["leader"])
            if not victim or not self.stage.children[victim].running:
                await asyncio.sleep(0.1)
                continue
            term = status["term"]
            self.stage.children.signal(victim, signal.SIGKILL)
            killed += 1

            async def next_term():
                now = await self.status()
                return now if now["leader"] and now["term"] > term else None
            now = await story.until("a successor leads", next_term)
            if now:
                story.tell(f"{victim} killed: {now['leader']} leads, term {term} -> {now['term']}; {now['done']} done, "
                           f"{now['queued']} left; refused: {now['refused_leaders']} of late leaders, {now['refused_workers']} of late workers")
        story.check(f"{killed} leaders killed", killed > 0)

    async def reckoning(self, story):
        await story.step("The reckoning", "Every job done once in effect: the sums of all jobs, beside an independent count of the same log.")
        await run_program(*self.command("--wait"), patience_s=300)
        counts = {}
        for line in (await run_program(*self.command("--print"))).decode(errors="surrogateescape").splitlines():
            count, _, page = line.partition("\t")
            counts[page] = int(count)
        expected = hits_of_pages(self.log)
        story.check(f"{sum(counts.values())} hits on {len(counts)} pages counted, {sum(expected.values())} expected", counts == dict(expected))
        status = await self.status()
        story.tell(f"ledger: {status['ledger']}")
        applied = re.search(r"applied (\d+)", status["ledger"])
        story.check(f"the ledger has taken each of {status['done']} jobs once", bool(applied) and int(applied[1]) == status["done"])


async def run(options):
    asked, options.bus = options.bus, "none"
    async with Stage(options, "workers") as stage:
        if asked != "embedded":
            stage.tell(f"--bus {asked} changes nothing: the queue of the workers is in Quorate")
        return await WorkersDemo(stage, options).run()
