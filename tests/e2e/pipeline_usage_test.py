#!/usr/bin/python3
"""What who starts lambda, kappa, pipeline-tool or leader_follower with wrong words, without a server, a broker or a topic is
told: what is wrong, and what to do."""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, free_ports, run_tests, wait_for  # noqa: E402

PROGRAMS = ("lambda", "kappa", "pipeline-tool", "leader_follower")


def run(program, *words, timeout=60):
    return subprocess.run([str(BIN / program), *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)


def help_is_an_answer():
    for program in PROGRAMS:
        for words in (["--help"], ["-h"], *([["serve", "--help"]] if program in ("lambda", "kappa") else [])):
            done = run(program, *words)
            assert done.returncode == 0 and done.stdout.startswith(f"usage: {program}") and not done.stderr, (program, done)
            assert "Exit codes:" in done.stdout, done.stdout


def wrong_words_are_named():
    for program, words, said in (
            ("lambda", ["dance"], "no command dance"),
            ("lambda", ["speed", "--buz", "x"], "speed knows no --buz"),
            ("lambda", ["archive", "--buz", "x"], "archive knows no --buz"),
            ("lambda", ["batch", "--folder", "x", "--bus"], "--bus needs a value"),
            ("lambda", ["speed", "--bus", "--folder", "x"], "--bus needs a value"),
            ("lambda", ["speed", "--bus", "unix:b", "--folder", "x", "more"], "speed has no use for 'more'"),
            ("lambda", ["collect", "--bus", "unix:b", "--folder", "x"], "collect needs a FILE, --generate or --listen"),
            ("lambda", ["collect", "f", "--bus", "b", "--folder", "x", "--partitions", "9999"], "--partitions: at most 1024"),
            ("kappa", ["switch", "2", "--bus", "unix:b"], "switch has no use for '2'"),
            ("kappa", ["work", "--generation", "1", "--bus", "unix:b", "--id", "a/b"], "--id: letters"),
            ("kappa", ["start", "--generation", "0"], "--generation: expected"),
            ("pipeline-tool", ["produce", "--bus", "unix:b"], "produce needs --bus and a FILE"),
            ("pipeline-tool", ["aggregate", "f", "--gap-ms", "long"], "--gap-ms: long is no number"),
            ("leader_follower", ["--bogus", "1"], "--bogus is not known"),
            ("leader_follower", ["--capacity", "0"], "--capacity 0: expected a number"),
            ("leader_follower", ["--ledger", "here"], "--ledger here: expected HOST:PORT"),
            ("leader_follower", ["--submit"], "--submit needs a value"),
            ("leader_follower", ["stray"], "no use for the file 'stray'")):
        done = run(program, *words)
        first = done.stderr.splitlines()[0] if done.stderr else ""
        assert done.returncode == 2 and said in first, (program, words, done.returncode, done.stderr[:300])
        assert "\nusage: " in done.stderr, done.stderr


def without_a_server_one_hears_of_it_soon():
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    with tempfile.TemporaryDirectory() as folder:
        err = pathlib.Path(folder) / "err"
        with open(err, "wb") as out:
            process = subprocess.Popen([str(BIN / "kappa"), "start", "--generation", "1", "--connect", nobody], stderr=out)
        try:
            wait_for("a first word", lambda: "still trying" in err.read_text() and f"tried {nobody}: " in err.read_text(), timeout=30)
            assert process.poll() is None and "scripts/quickstart" in err.read_text(), err.read_text()
        finally:
            process.kill()
            process.wait()


def a_missing_broker_file_or_topic_is_named():
    with tempfile.TemporaryDirectory() as name, Ensemble(["quorate"]) as ensemble:
        folder = pathlib.Path(name)
        (folder / "hits.log").write_text("")
        bus = f"unix:{folder}/socket"
        done = run("pipeline-tool", "produce", folder / "hits.log", "--bus", bus, timeout=120)
        assert done.returncode == 1 and "pipeline-tool broker --data FOLDER" in done.stderr, done
        done = run("lambda", "serve", "--bus", "pigeon:x", "--folder", folder, "--connect", ensemble.start().connect)
        assert done.returncode == 1 and "no bus 'pigeon:x'" in done.stderr and "embedded:FOLDER" in done.stderr, done
        broker = subprocess.Popen([str(BIN / "pipeline-tool"), "broker", "--data", str(folder / "bus"), "--listen", bus],
                                  stdout=subprocess.PIPE, text=True)
        try:
            assert broker.stdout.readline().startswith("listening")
            common = ["--bus", bus, "--connect", ensemble.connect]
            done = run("kappa", "work", *common, "--generation", 1, "--gap-ms", 1000, "--id", "a", "--folder", folder)
            assert done.returncode == 1 and "hits" in done.stderr and "lambda collect" in done.stderr, done
            done = run("kappa", "work", *common, "--generation", 7, "--id", "a", "--folder", folder)
            assert done.returncode == 1 and "7" in done.stderr and "kappa start" in done.stderr, done
            done = run("pipeline-tool", "aggregate", folder / "none.log")
            assert done.returncode == 1 and f"{folder}/none.log: No such file" in done.stderr, done
            done = run("kappa", "generations", *common, "--json")
            assert done.returncode == 1 or "generations" in json.loads(done.stdout), done
        finally:
            broker.kill()
            broker.wait()


if __name__ == "__main__":
    run_tests([help_is_an_answer, wrong_words_are_named, a_missing_broker_file_or_topic_is_named, without_a_server_one_hears_of_it_soon])
