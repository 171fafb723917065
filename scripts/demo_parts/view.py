"""What the dashboard shows, as numbers for a table and for a story: read from the same API, renewed when that says so."""
import asyncio
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
        self.status, self.answer = {}, {}

    # --- Reading --------------------------------------------------------------------------------

    async def refresh(self):
        self.status = await self.web.get("/api/status")
        self.answer = await self.web.get("/api/answer") if self.status["serving"] else {}

    async def total(self):
        return await self.web.get("/api/answer")

    async def follow(self, changed):
        """Takes each state of the stream, until cancelled. A state is whole: after a lost connection the next one does."""
        while True:
            try:
                await self.refresh()
                changed.set()
                async for _, event in self.web.events():
                    if event and event.get("type") == "state":
                        self.status, self.answer = event["status"], event["answer"] or {}
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
        """What batch and speed layer differ by, in hits and bytes; None while there is nothing to compare. (Visitors are an
        estimate in the speed layer: some percent are no fault.)"""
        drift = self.status.get("drift") or {}
        return drift["hits"] + drift["bytes"] if drift.get("known") else None

    @property
    def run(self):
        """The batch run that is served; 0: none yet."""
        return (self.status.get("generation") or {}).get("run", 0)

    def _registered(self, name):
        return next((worker for worker in self.status.get("workers", []) if worker["name"] == name), {})

    def shards(self, name):
        """Partitions of the events that a worker holds."""
        return self._registered(name).get("shards", [])

    @property
    def workers(self):
        """The processes of this demo, in their order; what the application says of them beside it."""
        found = []
        for name, child in self.children.all.items():
            if name == "journal":
                continue
            told = self._registered(name)
            note = " ".join(filter(None, ["leads" if told.get("leads") else "", told.get("note", "")]))
            state = "paused" if told.get("paused") else child.state
            found.append(Worker(name, state, child.pid or 0, " ".join(map(str, told.get("shards", []))), note[:60]))
        return found

    def _lag(self, layer):
        lags = [part[layer]["lag"] for part in self.status.get("partitions", [])]
        return None if not lags or None in lags else sum(lags)

    def figures(self):
        """(name, text) of what the table shows."""
        status, answer = self.status, self.answer
        events, latency = status.get("events") or {}, status.get("latency") or {}
        drift = status.get("drift") or {}
        gauge = number(self.drift) if drift.get("known") else f"not known: {drift.get('reason', '')}"
        yield "hits", number(answer.get("hits"))
        yield "visitors", number(answer.get("visitors"))
        yield "sessions", number(answer.get("sessions"))
        yield "5xx", number(answer.get("5xx"))
        yield "from batch, speed", f"{number(events.get('batch'))}, {number(events.get('speed'))}"
        yield "batch run", number(self.run)
        yield "drift gauge", gauge
        yield "lag speed, archive", f"{number(self._lag('speed'))}, {number(self._lag('archive'))}"
        yield "event to view", f"p50 {number(latency.get('p50_ms'))} ms, p99 {number(latency.get('p99_ms'))} ms"
        yield "bad lines", number(status.get("bad_lines"))
        yield "refused as late", number((status.get("refused") or {}).get("total"))

    def line(self):
        shown = {"hits", "from batch, speed", "batch run", "drift gauge", "lag speed, archive", "refused as late"}
        return "   ".join(f"{name}: {value}" for name, value in self.figures() if name in shown)
