"""What the dashboard shows, as numbers for a table and for a story: read from the same API, renewed when that says so."""
import asyncio
import contextlib
import dataclasses

from .screen import number
from .web import NoAnswer

AGAIN_S = 1  # Between attempts to reach a serving layer that is being started again.


@dataclasses.dataclass
class Worker:
    name: str
    state: str = "?"
    pid: int = 0
    shards: str = ""
    note: str = ""


class LambdaView:
    def __init__(self, web, children):
        self.web, self.children = web, children
        self.state = {}
        self.answer = {}

    # --- Reading --------------------------------------------------------------------------------

    async def refresh(self):
        self.state = await self.web.get("/api/state")
        with contextlib.suppress(NoAnswer):  # 503 while no view is known yet.
            self.answer = (await self.web.get("/api/answer"))["answer"]

    async def total(self):
        return (await self.web.get("/api/answer"))["answer"]

    async def follow(self, changed):
        """Renews itself with every event of the stream, and after each connection; until cancelled."""
        after = None
        while True:
            try:
                await self.refresh()
                changed.set()
                async for after, _ in self.web.events(after=after):
                    await self.refresh()
                    changed.set()
            except NoAnswer:
                pass
            await asyncio.sleep(AGAIN_S)

    # --- Numbers --------------------------------------------------------------------------------

    @property
    def hits(self):
        return self.answer.get("hits")

    @property
    def drift(self):
        """What batch and speed layer differ by, hits and bytes; None while there is nothing to compare."""
        drift = self.state.get("drift") or {}
        return drift["hits"] + drift["bytes"] if drift.get("known") else None

    def shards(self, name):
        """Partitions of the events that a speed or archive worker holds."""
        role, identity = name.split("-", 1)
        holders = self.state.get("holders", {}).get(role, [])
        return [number for number, holder in enumerate(holders) if holder == identity]

    @property
    def workers(self):
        """Those of this demo, in their order; what the application says of them beside it."""
        found, registered = [], self.state.get("workers", {})
        for name, child in self.children.all.items():
            if name == "journal" or name.startswith("server"):
                continue
            note = registered.get(name, {}).get("note", "")
            held = ",".join(map(str, self.shards(name))) if "-" in name else ""
            found.append(Worker(name, child.state, child.pid or 0, held, note[:60]))
        return found

    def figures(self):
        state = self.state
        return [("hits", number(self.hits))]

    def line(self):
        return "   ".join(f"{name} {value}" for name, value in self.figures())
