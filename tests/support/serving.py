"""What a serving layer answers, in the form of the recomputation in hits.py."""
import concurrent.futures
import json
import http.client
import threading

from ensemble import wait_for

STEPS = ("minute", "hour", "day")
HEAD = ("view", "generation", "layer", "ends")  # Of an answer: from which views it comes.


class Serving:
    """Asks the serving layer of a LambdaProcesses."""

    def __init__(self, processes):
        self.processes = processes
        self.local = threading.local()  # A connection per thread, kept.

    def ask(self, path):
        """The answer's JSON; None where nobody answers just now, or there is nothing to answer from yet."""
        for _ in range(2):  # A connection that was kept may have been closed meanwhile.
            connection = getattr(self.local, "connection", None)
            if connection is None:
                host, port = self.processes.address.rsplit(":", 1)
                connection = self.local.connection = http.client.HTTPConnection(host, int(port), timeout=30)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self.local.connection = None
                continue
            assert answer.status in (200, 503), (path, answer.status, body[:300])
            return json.loads(body) if answer.status == 200 else None
        return None

    def must(self, path):
        return wait_for(f"an answer to {path}", lambda: self.ask(path))

    def hits(self):
        said = self.ask("/api/answer?top=0")
        return said["hits"] if said else 0

    def status(self):
        return self.must("/api/status")

    def total(self, prefix="/", top=10):
        said = self.must(f"/api/answer?prefix={prefix}&top={top}")
        return {key: value for key, value in said.items() if key not in HEAD}

    def all_answers(self, prefixes, top=10):
        """Totals and series of all these prefixes."""
        def of_prefix(prefix):
            where = f"prefix={prefix}&top={top}"
            found = {"total": self.total(prefix, top)}
            for step in STEPS:
                found[step] = self.must(f"/api/series?{where}&step={step}")["series"]
            return found
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            return dict(zip(prefixes, threads.map(of_prefix, prefixes)))

    def prefixes(self):
        return self.must("/api/prefixes")["prefixes"]

    def shards(self, name):
        """Partitions of the events that a worker holds."""
        return next((worker["shards"] for worker in self.status()["workers"] if worker["name"] == name), [])

    def batch(self):
        """A batch run over all that there is now, until answers come from it."""
        run = self.processes.request_batch()
        wait_for(f"run {run} is served", lambda: (self.status()["generation"] or {}).get("run", 0) >= run)

    def wait_no_lag(self):
        """Until the views have come to the end of the bus. (The archive commits when a segment is full, or a run asks.)"""
        def none():
            parts = self.status()["partitions"]
            return parts and all(part["speed"]["lag"] == 0 for part in parts)
        wait_for("no lag", none)

    def latency_ms(self):
        told = self.status()["latency"]
        assert told["samples"] > 0, told
        return {"p50_ms": told["p50_ms"], "p99_ms": told["p99_ms"]}
