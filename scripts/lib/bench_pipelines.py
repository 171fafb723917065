"""The rows of scripts/bench about the pipelines: the lambda application on one server of Quorate and an embedded bus."""
import contextlib
import http.client
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from ensemble import BIN, Ensemble, wait_for  # noqa: E402
from lambda_processes import ADDRESS, LambdaProcesses  # noqa: E402
from serving import Serving  # noqa: E402
from znode_watch import ZnodeWatch  # noqa: E402

# As in scripts/bench. The yardstick ("echo") of the batch layer is the shell's tools, that of the pool a half-sync/
# half-async one. A figure without target is reported.
ROWS = {
    "pipelines-speed": [("events_per_s", "abs", ">=", 200_000)],
    "pipelines-end-to-end": [("events_per_s", "abs", ">=", None)],
    "pipelines-latency": [("p50_ms", "abs", "<=", None), ("p99_ms", "abs", "<=", 250)],
    "pipelines-batch": [("mb_per_s", "echo", ">=", 5), ("mb_per_cpu_s", "echo", ">=", None),
                        ("run_mb_per_s", "echo", ">=", None)],
    "pipelines-rebalance": [("p50_ms", "abs", "<=", None), ("max_ms", "abs", "<=", 500)],
    "pipelines-memory": [(f"{role}_mb", "abs", "<=", None) for role in ("server", "broker", "collect", "archive", "batch",
                                                                        "speed", "serve")],
    "pipelines-pool-0us": [("requests_per_s", "echo", ">=", None), ("p99_us", "echo", "<=", None)],
    "pipelines-pool-200us": [("requests_per_s", "echo", ">=", None), ("p99_us", "echo", "<=", None)],
}
SESSION_MS = 1500

# The same questions with the shell's tools. Hits sent twice go first, then one pass drops bad lines and cuts the others
# into fields; then one pass or two for each question: hits and status classes, bytes, visitors by minute and folder;
# pages; referrers; sessions. The shell has it easier: no hours and days, no folders in folders, no sums over folders.
SHELL = r"""
export LC_ALL=C TZ=UTC
sort -u "$1" | awk -F '"' -v OFS='\t' '
  NF >= 3 {
    split($1, a, "["); split(a[1], who, " "); d = substr(a[2], 1, 11)
    if (!(d in day)) {
      split(d, p, "/"); m = (index("JanFebMarAprMayJunJulAugSepOctNovDec", p[2]) + 2) / 3
      t = mktime(p[3] " " m " " p[1] " 0 0 0"); day[d] = strftime("%d/%b/%Y", t) == d ? t : -1
    }
    split($2, r, " "); split($3, s, " ")
    if (day[d] < 0 || r[3] !~ /^HTTP/ || s[1] !~ /^[1-9][0-9][0-9]$/ || s[2] !~ /^([0-9]+|-)$/) next
    zone = substr(a[2], 23, 2) * 3600 + substr(a[2], 25, 2) * 60
    at = day[d] + substr(a[2], 13, 2) * 3600 + substr(a[2], 16, 2) * 60 + substr(a[2], 19, 2)
    at -= substr(a[2], 22, 1) == "-" ? -zone : zone
    split(r[2], q, /[?#]/); n = split(q[1], f, "/")
    print who[1], int(at / 60), at, (n > 2 ? "/" f[2] "/" : "/"), substr(s[1], 1, 1), s[2] + 0, q[1], $4
  }' >"$2/hits"
cut -f 2,4,5 "$2/hits" | sort | uniq -c >"$2/status"
awk -F '\t' '{ b[$2 " " $4] += $6 } END { for (k in b) printf "%s %.0f\n", k, b[k] }' "$2/hits" | sort >"$2/bytes"
cut -f 1,2,4 "$2/hits" | sort -u | cut -f 2,3 | sort | uniq -c >"$2/visitors"
cut -f 7 "$2/hits" | sort | uniq -c | sort -rn >"$2/pages"
cut -f 8 "$2/hits" | grep -v '^-*$' | sort | uniq -c | sort -rn >"$2/referrers"
cut -f 1,3 "$2/hits" | sort -k 1,1 -k 2,2n \
  | awk '{ if ($1 != v || $2 - at > 1800) s++; else ms += ($2 - at) * 1000; v = $1; at = $2 } END { print s, ms }' >"$2/sessions"
"""


def programs(rows):
    """What must have been built."""
    wanted = any(row.startswith("pipelines-") and "pool" not in row for row in rows)
    return ["lambda", "pipeline-tool", "quorate-shell"] * wanted + ["thread-pools"] * any("pool" in row for row in rows)


def measure(rows, sizes, tools):
    """[(kind, {row: figures})] of one round."""
    found = []
    if any(row in rows for row in ("pipelines-speed", "pipelines-end-to-end", "pipelines-memory", "pipelines-batch")):
        found += throughput(rows, sizes, tools)
    if "pipelines-latency" in rows:
        found.append(("quorate", {"pipelines-latency": latency(sizes, tools)}))
    if "pipelines-rebalance" in rows:
        found.append(("quorate", {"pipelines-rebalance": rebalance(sizes, tools)}))
    if any("pool" in row for row in rows):
        found += pools(rows, sizes, tools)
    return [(kind, {row: values for row, values in results.items() if row in rows}) for kind, results in found]


@contextlib.contextmanager
def application(tools):
    """A server, a folder and a broker."""
    with Ensemble(["quorate"], {**tools.settings, "tickTime": 500, "minSessionTimeout": 1000}) as ensemble, \
            tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
        ensemble.start()
        with LambdaProcesses(folder, ensemble.connect, SESSION_MS) as processes:
            processes.start_broker()
            yield ensemble, pathlib.Path(folder), processes


def generated(folder, lines):
    file = folder / "hits.log"
    with open(file, "wb") as out:
        subprocess.run([str(BIN / "pipeline-tool"), "generate", "--lines", str(lines), "--rate", "50"], stdout=out, check=True)
    return file


def counted(file):
    """Events without repetitions."""
    done = subprocess.run([str(BIN / "pipeline-tool"), "aggregate", str(file), "--top", "1"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["events"]


def start_workers(processes, roles, batches=1, speeds=2):
    lambda_ = processes.lambda_
    for name in roles:
        for identity in range(1, {"batch": batches, "speed": speeds}.get(name, 1) + 1):
            words = (0,) if name == "batch" else ()
            processes.start(f"{name}-{identity}", getattr(lambda_, name)(str(identity), *words), wait=False)
    for name in processes.names(*roles):
        processes.wait_ready(name)


def throughput(rows, sizes, tools):
    """The log goes to the bus; then a speed layer that has seen none of it counts all of it (pipelines-speed). On a
    fresh bus all parts work at once (end to end). Then a batch run over all of it."""
    quorate, shell = {}, []
    with application(tools) as (ensemble, folder, processes):
        file = generated(folder, sizes.pipeline_events)
        events = counted(file)
        if "pipelines-speed" in rows:
            processes.collect(file)
            processes.start_serve()
            serving = Serving(processes)
            begin = time.monotonic()
            start_workers(processes, ["speed"])
            quorate["pipelines-speed"] = {"events_per_s": events / seconds_until(serving, events, begin)}
        if "pipelines-batch" in rows:
            shell = batch(file, folder, processes, quorate, events, collected="pipelines-speed" in rows)
    with application(tools) as (ensemble, folder, processes):
        file = generated(folder, sizes.pipeline_events)
        processes.start_serve()
        serving = Serving(processes)
        start_workers(processes, ["archive", "batch", "speed"])
        begin = time.monotonic()
        processes.collect(file, wait=False)
        peak = {}
        took = seconds_until(serving, events, begin, lambda: note_peak(peak, "collect", processes.running["collect-1"].pid))
        quorate["pipelines-end-to-end"] = {"events_per_s": events / took}
        processes.request_batch()
        for name, process in processes.running.items():
            note_peak(peak, name.split("-")[0], process.pid)
        note_peak(peak, "server", ensemble.servers[0].process.pid)
        quorate["pipelines-memory"] = {f"{role}_mb": size for role, size in peak.items()}
    return [("quorate", quorate), *shell]


def seconds_until(serving, events, begin, meanwhile=lambda: None):
    wait_for(f"{events} events are seen", lambda: meanwhile() or serving.hits() >= events, timeout=600)
    return time.monotonic() - begin


def note_peak(peak, role, pid):
    """The most memory that any process of a role ever had resident, MB."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak[role] = max(peak.get(role, 0), int(line.split()[1]) * 1024 / 1e6)
    except OSError:
        pass  # It has ended.


def batch(file, folder, processes, quorate, events, collected):
    """From the log file to the batch view, parsing included, by map, shuffle and reduce in one process of two threads;
    beside it the shell, from the same file. `run_mb_per_s`: a run by two worker processes over the facts that the archive
    keeps, from the request to the served generation, Quorate's part and none of the parsing in it. Megabytes are always
    those of the file."""
    size = file.stat().st_size / 1e6
    if not collected:
        processes.collect(file)
    start_workers(processes, ["archive", "batch"], batches=2)
    processes.request_batch()  # What was archived until then; the run that is timed has nothing to wait for.
    begin = time.monotonic()
    processes.request_batch()
    served = time.monotonic() - begin
    for name in reversed(list(processes.running)):  # They have their share of the two cores otherwise.
        processes.stop(name)
    local, local_cpu, done = timed([BIN / "lambda", "batch", "--local", folder / "local", file, "--slots", "2"])
    assert json.loads(done)["events"] == events, done
    out = folder / "shell"
    out.mkdir()
    shell, shell_cpu, _ = timed(["bash", "-c", SHELL, "shell", file, out], TMPDIR=str(out))
    assert sum(1 for _ in open(out / "hits", "rb")) == events, "the shell has counted something else"
    quorate["pipelines-batch"] = {"mb_per_s": size / local, "mb_per_cpu_s": size / local_cpu, "run_mb_per_s": size / served}
    return [("echo", {"pipelines-batch": {"mb_per_s": size / shell, "mb_per_cpu_s": size / shell_cpu, "run_mb_per_s": size / shell}})]


def timed(command, **environment):
    """Seconds, CPU seconds of it and all that it starts, and its output."""
    def cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    begin, cpu_begin = time.monotonic(), cpu()
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, env={**os.environ, **environment})
    return time.monotonic() - begin, cpu() - cpu_begin, done.stdout


def latency(sizes, tools):
    """Hits of our own among many others at half of the target's rate: from the begin of their POST to a collector until an
    answer of the serving layer counts them. Asked every 5 ms, so that much may be added."""
    with application(tools) as (_, folder, processes):
        file = generated(folder, sizes.pipeline_rate * sizes.pipeline_seconds)
        processes.start_serve()
        serving = Serving(processes)
        start_workers(processes, ["archive", "speed"])
        processes.start("collect-2", processes.lambda_.collect("2", listen="127.0.0.1:0"), wait=False)
        collector = ADDRESS.search(processes.wait_ready("collect-2"))[0]
        processes.collect(file, wait=False, rate=sizes.pipeline_rate)
        took = probe(serving, collector, lambda: processes.running["collect-1"].poll() is not None)
        processes.wait_collected()
        view = serving.latency_ms()
    took.sort()
    assert len(took) >= 20, f"only {len(took)} hits were followed"
    return {"p50_ms": took[len(took) // 2] * 1000, "p99_ms": took[len(took) * 99 // 100] * 1000, "bus_to_view_p50_ms": view["p50_ms"],
            "bus_to_view_p99_ms": view["p99_ms"]}


PROBE_VISITORS = 8  # So that most partitions have one.


def probe(serving, collector, ended):
    """Seconds that each of our hits took until it was seen."""
    sent = {visitor: [] for visitor in range(PROBE_VISITORS)}
    seen = dict.fromkeys(sent, 0)
    took = []

    def send():
        connection = http.client.HTTPConnection(collector, timeout=30)
        number = 0
        while not ended():
            visitor = number % PROBE_VISITORS
            line = (f'10.9.8.{visitor} - - [17/May/2015:10:00:00 +0000] "GET /probe/v{visitor}?n={number} HTTP/1.1" 200 1 "-" "-"\n')
            sent[visitor].append(time.monotonic())
            connection.request("POST", "/hits", line)
            connection.getresponse().read()
            number += 1
            time.sleep(0.025)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        while not ended():
            answer = serving.ask(f"/api/answer?prefix=/probe/&top={PROBE_VISITORS}")
            now = time.monotonic()
            for page, count in answer["pages"] if answer else []:
                visitor = int(page.rsplit("v", 1)[1])
                took += [now - at for at in sent[visitor][seen[visitor]:count]]  # Those of one visitor come in their order.
                seen[visitor] = count
            time.sleep(0.005)
    finally:
        sender.join()
    return took


def settled(serving):
    """Partitions of each of three speed workers, once they have been shared out evenly for a second."""
    since, before = time.monotonic(), None

    def calm():
        nonlocal since, before
        now = {name: serving.shards(name) for name in ("speed-1", "speed-2", "speed-3")}
        if now != before or sorted(map(len, now.values())) != [2, 3, 3]:
            since = time.monotonic()
        before = now
        return now if time.monotonic() - since > 1 else None
    return wait_for("the partitions are shared out", calm)


def rebalance(sizes, tools):
    """A speed worker is killed while events flow. The clock starts when its session has ended, as its membership goes,
    and stops when the last of its partitions has been claimed by another worker."""
    times = []
    with application(tools) as (ensemble, folder, processes):
        file = generated(folder, 2_000_000 if not sizes.quick else 60_000)
        processes.start_serve()
        start_workers(processes, ["speed"], speeds=3)
        watch = ZnodeWatch(ensemble, processes.place.root)
        processes.collect(file, wait=False, rate=2_000)
        serving = Serving(processes)
        for number in range(sizes.handovers):
            victim = f"speed-{number % 3 + 1}"
            shards = settled(serving)[victim]
            before = watch.tokens("/speed/.*/offsets/")
            mark = len(watch.heard())
            processes.kill(victim)
            paths = [f"{processes.place.root}/speed/{processes.place.topic}/offsets/{shard}" for shard in shards]

            def claimed():
                now = watch.tokens("/speed/.*/offsets/")
                return all(now.get(path, 0) > before.get(path, 0) for path in paths)
            wait_for("its partitions are claimed", claimed)
            # Its registration belongs to the same session as its membership and its locks.
            gone = next(when for when, what, path, _ in watch.heard()[mark:]
                        if what == "NodeDeleted" and path.endswith(f"/workers/{victim}"))
            last = max(min(when for when, token, _ in watch.checkpoints()[path] if token > before.get(path, 0)) for path in paths)
            times.append((last - gone) * 1000)
            processes.start(victim)
        watch.close()
    times.sort()
    return {"p50_ms": times[len(times) // 2], "max_ms": times[-1]}


def pools(rows, sizes, tools):
    """Leader/Followers, and half-sync/half-async as its yardstick, on the same work."""
    done = subprocess.run([str(BIN / "thread-pools"), "--json", "--seconds", str(0.2 if sizes.quick else 2), "--rounds",
                           str(1 if sizes.quick else 3), "--connections", "64", "--work-us", "0,200"],
                          stdout=subprocess.PIPE, text=True, check=True)
    found = {"quorate": {}, "echo": {}}
    for each in json.loads(done.stdout):
        kind = "quorate" if "leader" in each["pool"].lower() else "echo"
        found[kind][f"pipelines-pool-{each['work_us']}us"] = {name: each[name] for name in ("requests_per_s", "p50_us", "p99_us")}
    return list(found.items())
