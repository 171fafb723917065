"""The rows of scripts/bench about the client library: beside libzookeeper-mt on one server, and on three servers."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from ensemble import Ensemble  # noqa: E402

# As in scripts/bench. "zk" is the official C client here, "echo" a write on the same servers.
ROWS = {
    "client-1": [("cpu_us", "zk", "<=", 0.5)],
    "client-64": [("cpu_us", "zk", "<=", 0.5)],
    "client-in-flight": [("mb", "abs", "<=", 100)],
    "client-watches": [("restored_ms", "abs", "<=", 1000)],
    "client-handover": [("p50_us", "echo", "<=", 1.5)],
    "client-hello": [("compile_s", "abs", "<=", 10)],
}
# What a user gives: nothing of this build, no cache, no precompiled header.
COMPILE = ["g++", "-std=c++20", "-c", "-o", os.devnull, f"-I{ROOT / 'client-lib' / 'include'}", f"-I{ROOT}",
           str(ROOT / "examples" / "hello" / "main.cc")]


def programs(rows):
    """What must have been built; client-cost needs libzookeeper-mt."""
    cost = any(row in rows for row in ("client-1", "client-64", "client-in-flight", "client-watches"))
    return ["client-cost"] * cost + ["lock-handover"] * ("client-handover" in rows)


def measure(rows, sizes, tools):
    """[(kind, {row: figures})] of one round."""
    found = []
    if "client-cost" in programs(rows):
        found += cost(rows, sizes, tools)
    if "client-handover" in rows:
        found += handover(sizes, tools)
    if "client-hello" in rows:
        found.append(("quorate", {"client-hello": {"compile_s": compile_hello()}}))
    return found


def cost(rows, sizes, tools):
    with Ensemble(["quorate"], tools.settings) as ensemble:
        ensemble.start()
        result = tools.run_bench([f"--servers={ensemble.connect}", f"--operations={sizes.client_operations}",
                                  f"--in-flight={sizes.client_in_flight}", f"--watches={sizes.client_watches}"],
                                 program="client-cost")
    ours = {"client-1": {"cpu_us": result["depth_1"]["ours_us"]}, "client-64": {"cpu_us": result["depth_64"]["ours_us"]},
            "client-in-flight": {"mb": result["in_flight_mib"] * (1 << 20) / 1e6},
            "client-watches": {"restored_ms": result["watches_restored_ms"]}}
    theirs = {row: {"cpu_us": result[f"depth_{row[7:]}"]["theirs_us"]} for row in ("client-1", "client-64")}
    return [("quorate", {row: values for row, values in ours.items() if row in rows}),
            ("zookeeper", {row: values for row, values in theirs.items() if row in rows})]


def handover(sizes, tools):
    with Ensemble(["quorate"] * 3, tools.settings) as ensemble:
        ensemble.start()
        result = tools.run_bench([f"--servers={ensemble.connect}", f"--times={sizes.client_handovers}"],
                                 program="lock-handover")
    return [("quorate", {"client-handover": {"p50_us": result["handover_us"]["p50"],
                                             "p99_us": result["handover_us"]["p99"]}}),
            ("echo", {"client-handover": {"p50_us": result["write_us"]["p50"], "p99_us": result["write_us"]["p99"]}})]


def compile_hello():
    """Seconds of the compiler's own CPU time, which does not depend on who else is busy."""
    process = subprocess.Popen(COMPILE)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"scripts/bench: {' '.join(COMPILE)} failed")
    process.returncode = 0
    return used.ru_utime
