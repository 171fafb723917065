"""The rows of scripts/bench --ensemble N: three servers of one kind under the same load, in turn with the other kind."""
import contextlib
import math
import pathlib
import signal
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))
from ensemble import Ensemble, wait_for  # noqa: E402
from writers import Writers, children, make_root  # noqa: E402

CURVE = [1, 2, 4, 10, 32, 100, 1000]
PAUSE_LIMIT_MS = 5 * 2000 + 500  # syncLimit x tickTime, and half a second.

# As in scripts/bench.
ROWS = {
    "writes-64x16": [("cpu_us", "zk", "<=", 1 / 7), ("ops_per_s", "zk", ">=", 5), ("p99_us", "zk", "<=", 1 / 8)],
    "writes-64x1": [("cpu_us", "zk", "<=", 1 / 4), ("ops_per_s", "zk", ">=", 3), ("p99_us", "zk", "<=", 1 / 5)],
    "writes-1x1": [("p50_us", "zk", "<=", 0.6), ("cpu_us", "zk", "<=", 0.4)],
    "unanswered": [("slow", "abs", "<=", 0)],
    "mixed-64x16": [("ops_per_s", "zk", ">=", 5), ("read_p99_us", "zk", "<=", 1 / 8),
                    ("write_p99_us", "zk", "<=", 1 / 8)],
    **{f"curve-{n}": [("ops_per_s", "zk", ">=", 1), ("p99_us", "zk", "<=", 1)] for n in CURVE},
    "leader-killed": [("gap_ms", "abs", "<=", 250), ("lost", "abs", "<=", 0)],
    "leader-paused": [("gap_ms", "abs", "<=", PAUSE_LIMIT_MS), ("lost", "abs", "<=", 0)],
    "cold-start": [("first_write_ms", "abs", "<=", 400)],
    "sessions": [("opened_per_s", "zk", ">=", 10), ("cpu_us", "zk", "<=", None)],
    "learner-behind": [("sync_s", "zk", "<=", 1 / 5), ("p99_growth", "abs", "<=", 2)],
}


def pids(servers):
    return ",".join(str(server.process.pid) for server in servers if server.alive)


def everywhere(ensemble):
    return ["--connect", ensemble.connect, "--pids", pids(ensemble.servers)]


class Rows:
    """Measures; `tools` are the functions of scripts/bench that one server needs as well."""

    def __init__(self, tools, count):
        self.tools, self.count = tools, count

    @contextlib.contextmanager
    def ensemble(self, kind, start=True):
        with Ensemble([kind] * self.count, self.tools.settings) as ensemble:
            if kind == "zookeeper":
                for server in ensemble.servers:
                    self.tools.debian_java(server)
            if start:
                ensemble.start()
            yield ensemble

    def warm_up(self, ensemble, kind, sizes):
        if kind == "zookeeper":
            self.tools.run_bench(["mix", *everywhere(ensemble), "--seconds", sizes.jit, "--warmup", 0])

    def groups_of(self, rows):
        """Functions of kind and sizes, each for rows that share one start of the servers."""
        mixes = [row for row in rows if row.startswith(("writes", "mixed", "curve"))]
        groups = [lambda kind, sizes: self.mixes(kind, sizes, mixes)] if mixes else []
        single = {"unanswered": self.unanswered, "leader-killed": self.leader_killed,
                  "leader-paused": self.leader_paused, "cold-start": self.cold_start, "sessions": self.sessions,
                  "learner-behind": self.learner_behind}
        return groups + [single[row] for row in rows if row in single]

    def mixes(self, kind, sizes, rows):
        found = {}
        with self.ensemble(kind) as ensemble:
            self.warm_up(ensemble, kind, sizes)
            for row in rows:
                result = self.tools.run_bench([*shape(row), *everywhere(ensemble), "--size", 128, "--seconds",
                                               sizes.seconds, "--warmup", sizes.warmup])
                found[row] = self.tools.figures(result)
                for op in ("read", "write"):
                    if result[f"{op}s"]:
                        found[row][f"{op}_p99_us"] = result[f"{op}_us"]["p99"]
        return found

    def unanswered(self, kind, sizes):
        with self.ensemble(kind) as ensemble:
            self.warm_up(ensemble, kind, sizes)
            try:
                result = self.tools.run_bench(["set", *everywhere(ensemble), "--connections", 1, "--depth", 1,
                                               "--slow-ms", 1000, "--seconds", max(sizes.minutes * 60, 1)])
            except SystemExit as ended:  # The connection was lost: that is an answer that never came.
                print(ended, file=sys.stderr)
                return {"unanswered": {"slow": 1, "max_us": float("inf")}}
            return {"unanswered": {"slow": result["slow"], "max_us": result["write_us"]["max"]}}

    def leader_killed(self, kind, sizes):
        return self.without_leader(kind, sizes, "leader-killed", lambda leader: leader.kill(),
                                   lambda leader: leader.start())

    def leader_paused(self, kind, sizes):
        return self.without_leader(kind, sizes, "leader-paused",
                                   lambda leader: leader.process.send_signal(signal.SIGSTOP),
                                   lambda leader: leader.process.send_signal(signal.SIGCONT))

    def without_leader(self, kind, sizes, row, strike, mend):
        """The longest time without a write of anybody, over some strikes; and what got lost of all acknowledged."""
        gaps, worst, lost = [], [], 0
        with self.ensemble(kind) as ensemble:
            self.warm_up(ensemble, kind, sizes)
            addresses = [server.address for server in ensemble.servers]
            for strike_number in range(sizes.strikes):
                leader = ensemble.wait_serving()
                root = f"/{row}-{strike_number}"
                make_root(leader.address, root)
                with Writers(addresses, 16, root) as writers:
                    begin = time.monotonic()
                    wait_for("writes before the strike", lambda w=writers, t=begin: w.count_since(t) > 200)
                    time.sleep(sizes.calm)
                    strike(leader)
                    struck = time.monotonic()
                    writers.avoided = leader.address
                    wait_for("writes after the strike", lambda w=writers, t=struck: w.count_since(t + 0.1) > 200,
                             timeout=120)
                    time.sleep(sizes.calm)
                gap, of_one = writers.gap(struck - sizes.calm)
                gaps.append(gap * 1000)
                worst.append(of_one * 1000)
                mend(leader)
                after = ensemble.wait_serving()
                lost += len(writers.acked() - children(after.address, root))
        return {row: {"gap_ms": max(gaps), "writer_gap_ms": max(worst), "gaps_ms": gaps, "lost": lost}}

    def cold_start(self, kind, sizes):
        took = []
        for _ in range(sizes.strikes):
            with self.ensemble(kind, start=False) as ensemble:
                with Writers([server.address for server in ensemble.servers], 1, "") as writers:
                    begin = time.monotonic()
                    ensemble.start(serving=False)
                    wait_for("the first write", writers.first, timeout=120, interval=0.005)
                took.append((writers.first() - begin) * 1000)
        return {"cold-start": {"first_write_ms": statistics.median(took), "all_ms": took}}

    def sessions(self, kind, sizes):
        with self.ensemble(kind) as ensemble:
            self.warm_up(ensemble, kind, sizes)
            result = self.tools.run_bench(["sessions", *everywhere(ensemble), "--count", sizes.sessions, "--seconds",
                                           max(sizes.seconds, 2)])
        return {"sessions": {"opened_per_s": result["opened_per_s"],
                             "cpu_us": result["servers_cpu_us_per_session"],
                             "bench_cpu_us": result["bench_cpu_us_per_session"]}}

    def learner_behind(self, kind, sizes):
        with self.ensemble(kind) as ensemble:
            self.warm_up(ensemble, kind, sizes)
            leader = ensemble.leader()
            learner = next(server for server in ensemble.servers if server is not leader).kill()
            others = ",".join(server.address for server in ensemble.servers if server.alive)
            self.tools.run_bench(["create", "--connect", others, "--count", sizes.znodes, "--size", 100,
                                  "--connections", 16, "--depth", 64])
            time.sleep(sizes.settle)  # A checkpoint under way is not this row's business.
            before = max(self.burst(leader, sizes) for _ in range(3))
            missed = leader.zxid()
            began = time.monotonic()
            learner.start()
            meanwhile = []
            with contextlib.ExitStack() as stack:
                until = SyncedAt(learner, missed)
                stack.callback(until.stop)
                while until.moment is None:
                    meanwhile.append(self.burst(leader, sizes))
                    if time.monotonic() - began > 1200:
                        raise SystemExit(f"scripts/bench: the learner does not come back\n{ensemble.describe()}")
        return {"learner-behind": {"sync_s": until.moment - began, "p99_before_us": before,
                                   "p99_meanwhile_us": max(meanwhile), "p99_growth": max(meanwhile) / before}}

    def burst(self, leader, sizes):
        """p99 of the leader's writes at a fixed rate, over a moment."""
        return self.tools.run_bench(["set", "--connect", leader.address, "--connections", 16, "--rate", sizes.rate,
                                     "--keys", 16, "--seconds", 1, "--warmup", 0])["write_us"]["p99"]


class SyncedAt:
    """When a server serves and has applied a zxid; looked at beside the load."""

    def __init__(self, server, zxid):
        self.moment, self.ending = None, False
        self.thread = threading.Thread(target=self.look, args=(server, zxid), daemon=True)
        self.thread.start()

    def look(self, server, zxid):
        while not self.ending and self.moment is None:
            if server.mode() and (server.zxid() or 0) >= zxid:
                self.moment = time.monotonic()
            time.sleep(0.01)

    def stop(self):
        self.ending = True
        self.thread.join()


def shape(row):
    kind, form = row.split("-")
    if kind == "curve":
        return ["set", "--connections", form, "--depth", 1]
    connections, depth = form.split("x")
    load = ["mix", "--read-percent", 90] if kind == "mixed" else ["set"]
    return [*load, "--connections", connections, "--depth", depth]


# ---- The picture of the curve

COLOURS = {"zookeeper": "#c0392b", "quorate": "#1f6fb2"}
NAMES = {"zookeeper": "ZooKeeper 3.8.0", "quorate": "Quorate"}


def panel(left, title, points):
    """Both axes by powers of ten; points: {kind: [(clients, value)]}."""
    width, height, top, bottom = 330, 260, 40, 300
    values = [value for line in points.values() for _, value in line if value > 0]
    if not values:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def x(clients):
        return left + math.log10(clients) / math.log10(CURVE[-1]) * width

    def y(value):
        return bottom - (math.log10(value) - low) / (high - low) * height
    parts = [f'<text x="{left}" y="{top - 18}" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y(10 ** power):.1f}" y2="{y(10 ** power):.1f}" '
                     f'stroke="#ddd"/><text x="{left - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">'
                     f'{10 ** power:,}</text>')
    for clients in CURVE:
        parts.append(f'<text x="{x(clients):.1f}" y="{bottom + 18}" text-anchor="middle">{clients}</text>')
    for number, (kind, line) in enumerate(points.items()):
        dots = " ".join(f"{x(clients):.1f},{y(value):.1f}" for clients, value in line if value > 0)
        parts.append(f'<polyline fill="none" stroke-width="2" stroke="{COLOURS[kind]}" points="{dots}"/>'
                     f'<text x="{left + 8}" y="{top + 14 + 16 * number}" fill="{COLOURS[kind]}">{NAMES[kind]}</text>')
    return "\n".join(parts)


def draw_curve(found, file):
    """Medians of the rounds; nothing without any row of the curve."""
    panels = []
    for left, figure, title in ((70, "ops_per_s", "writes per second, by clients"),
                                (490, "p99_us", "p99 in us, by clients")):
        points = {}
        for kind in COLOURS:
            line = [(n, statistics.median(one[figure] for one in found[f"curve-{n}"][kind]))
                    for n in CURVE if kind in found.get(f"curve-{n}", {})]
            if line:
                points[kind] = line
        panels.append(panel(left, title, points))
    if not any(panels):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(panels)
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="850" height="340" font-family="sans-serif" '
                    f'font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')
    return True
