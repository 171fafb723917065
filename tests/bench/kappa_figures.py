#!/usr/bin/python3
"""What kappa costs: a replay beside a plain aggregation of the same file, event-to-view latency, storage, memory.

usage: tests/bench/kappa_figures.py [LINES [RATE...]] [--beside-lambda]
       usually 1000000 lines, then 20000 and 100000 events/s for 10 s each
Prints JSON. CPU seconds are of the processes named, from the kernel's count; wall times mean little on a busy machine,
so the load average is printed, too. --beside-lambda: lambda's speed layer counts the same events at the same time, so
that both latencies are of one machine in one state. Kappa tells the oldest event of each delta, lambda the newest: its own
interval (100 ms) is to be added before they are compared.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, wait_for  # noqa: E402

KAPPA, TOOL, LAMBDA = str(BIN / "kappa"), str(BIN / "pipeline-tool"), str(BIN / "lambda")
LAMBDA_DELTA_MS = 100
TICK = os.sysconf("SC_CLK_TCK")
PARTITIONS, WORKERS, SECONDS = 8, 2, 10


def cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(process):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def size_mb(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


class Run:
    def __init__(self, folder, ensemble):
        self.folder, self.processes = folder, {}
        self.bus = f"unix:{folder}/socket"
        (folder / "views").mkdir()
        self.common = ["--connect", ensemble.connect, "--bus", self.bus, "--folder", folder / "views"]

    def start(self, name, *command, ready):
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            self.processes[name] = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out)
        wait_for(f"{name}: {ready}", lambda: ready in log.read_text())
        return log.read_text()

    def call(self, *command):
        return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=600).stdout

    def kappa(self, command, *more):
        return self.call(KAPPA, command, *self.common, *more)

    def workers(self, generation):
        for index in range(WORKERS):
            name = f"g{generation}w{index}"
            self.start(name, KAPPA, "work", *self.common, "--generation", generation, "--id", name, ready="ready")
        return [self.processes[f"g{generation}w{index}"] for index in range(WORKERS)]

    def end(self, name):
        """What a worker tells in the end."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(60)
        return json.loads((self.folder / f"{name}.log").read_text().splitlines()[-1])

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def start_lambda(run, folder):
    """The speed layer and who answers; the base of its addresses, once it has caught up."""
    common = ["--connect", run.common[1], "--bus", run.bus, "--folder", folder / "lambda"]
    for name in ("lambda-s1", "lambda-s2"):
        run.start(name, LAMBDA, "speed", *common, "--id", name, ready="ready")
    base = run.start("lambda-serve", LAMBDA, "serve", *common, "--id", "serve", ready="ready").split("http")[1].split()[0]
    base = "http" + base.rstrip("/") + "/"
    wait_for("lambda has caught up", lambda: (parts := status(base).get("partitions")) and
             all(part["speed"]["lag"] == 0 for part in parts), timeout=300, interval=0.5)
    return base


def beside(told, base):
    """Kappa's latency and lambda's, and what the one is of the other."""
    latency = status(base)["latency"]
    both = {"lambda_ms": {name: latency[f"{name}_ms"] for name in ("p50", "p99")}}
    both["kappa_of_lambda"] = {name: round(told["latency_ms"][name] / (latency[f"{name}_ms"] + LAMBDA_DELTA_MS), 2)
                               for name in ("p50", "p99")}
    return both


def status(base):
    with urllib.request.urlopen(base + "api/status", timeout=60) as reply:
        return json.load(reply)


def replay(run, generation, gap_ms):
    run.kappa("start", "--generation", generation, "--gap-ms", gap_ms)
    broker = cpu_s(run.processes["broker"])
    begin = time.monotonic()
    workers = run.workers(generation)
    run.kappa("switch", "--to", generation, "--max-lag", 0, "--wait")
    return {"wall_s": round(time.monotonic() - begin, 2), "workers_cpu_s": round(sum(map(cpu_s, workers)), 2),
            "broker_cpu_s": round(cpu_s(run.processes["broker"]) - broker, 2),
            "rss_mb_each": [round(rss_mb(worker)) for worker in workers]}


def live(run, base, file, rate):
    before = {name: cpu_s(process) for name, process in run.processes.items()}
    told = json.loads(run.call(TOOL, "produce", file, "--bus", run.bus, "--partitions", PARTITIONS, "--batch", max(50, rate // 200),
                               "--rate", rate))
    latency = status(base)["latency_ms"]
    spent = {name: cpu_s(process) - before[name] for name, process in run.processes.items()}
    return {"rate": rate, "events": told["events"], "latency_ms": latency,
            "cpu_s": {"workers": round(sum(cost for name, cost in spent.items() if name.startswith("g")), 2),
                      **{name: round(spent[name], 2) for name in ("broker", "serve")}}}


def main():
    numbers = [int(word) for word in sys.argv[1:] if word != "--beside-lambda"]
    lines, rates = (numbers or [1_000_000])[0], numbers[1:] or [20_000, 100_000]
    figures = {"lines": lines, "load_average": os.getloadavg()[0]}
    with Ensemble(["quorate"]) as ensemble, tempfile.TemporaryDirectory() as name:
        ensemble.start()
        folder = pathlib.Path(name)
        run = Run(folder, ensemble)
        try:
            with open(folder / "log", "wb") as out:
                subprocess.run([TOOL, "generate", "--lines", str(lines), "--seed", "1"], stdout=out, check=True, timeout=600)
            figures["file_mb"] = round(size_mb(folder), 1)
            begin = os.times()
            run.call(TOOL, "aggregate", folder / "log")
            end = os.times()
            figures["aggregate_cpu_s"] = round(end.children_user + end.children_system - begin.children_user
                                               - begin.children_system, 2)
            run.start("broker", TOOL, "broker", "--data", folder / "bus", "--listen", run.bus, ready="listening")
            run.call(TOOL, "produce", folder / "log", "--bus", run.bus, "--partitions", PARTITIONS, "--batch", 5_000)
            figures["bus_mb"] = round(size_mb(folder / "bus"), 1)
            figures["replay"] = replay(run, 1, 1_800_000)
            figures["checkpoints_mb"] = round(size_mb(folder / "views"), 1)
            figures["replay_beside"] = replay(run, 2, 600_000)
            figures["checkpoints_mb_of_two"] = round(size_mb(folder / "views"), 1)
            for index in range(WORKERS):  # One generation is what runs most of the time.
                run.processes.pop(f"g1w{index}").terminate()
            base = run.start("serve", KAPPA, "serve", *run.common, ready="ready http").split("ready ")[1].split()[0]
            wait_for("it answers", lambda: status(base)["serving"] == 2)
            lambda_base = start_lambda(run, folder) if "--beside-lambda" in sys.argv else None
            figures["live"] = []
            for index, rate in enumerate(rates):
                file = folder / f"more{index}"
                with open(file, "wb") as out:
                    subprocess.run([TOOL, "generate", "--lines", str(rate * SECONDS), "--seed", str(10 + index)], stdout=out,
                                   check=True, timeout=600)
                told = live(run, base, file, rate)
                figures["live"].append({**told, **(beside(told, lambda_base) if lambda_base else {})})
            figures["workers"] = [run.end(f"g2w{index}") for index in range(WORKERS)]
            figures["serve_rss_mb"] = round(rss_mb(run.processes["serve"]))
        finally:
            run.close()
    print(json.dumps(figures, indent=1))


main()
