#!/usr/bin/env python3
"""The small example programs do what their pages say: with a server, without one, and two at a time."""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, free_ports, run_tests  # noqa: E402


def run(program, *arguments, timeout=40):
    return subprocess.run([str(BIN / program), *arguments], capture_output=True, text=True, timeout=timeout)


def hello_is_told_of_its_own_change():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        done = run("hello", ensemble.connect)
        assert done.returncode == 0, done
        assert 'holds "good morning"' in done.stdout, done
        assert "the watch says: NodeDataChanged" in done.stdout, done


def without_a_server_hello_says_what_it_tried():
    port = free_ports(1)[0]
    begin = time.monotonic()
    done = run("hello", f"127.0.0.1:{port}")
    took = time.monotonic() - begin
    assert done.returncode == 3, done
    assert f"tried 127.0.0.1:{port}: Connection refused" in done.stderr, done
    assert "scripts/quickstart" in done.stderr, done
    assert took < 30, took  # 5 s by itself.


def two_locks_take_turns():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        running = [subprocess.Popen([str(BIN / "lock"), ensemble.connect], stdout=subprocess.PIPE, text=True)
                   for _ in range(4)]
        tokens = []
        for process in running:
            text, _ = process.communicate(timeout=40)
            assert process.returncode == 0, text
            found = re.findall(r"step \d, fencing token (\d+)", text)
            assert len(found) == 3 and len(set(found)) == 1, text
            tokens.append(found[0])
        assert len(set(tokens)) == 4, tokens


# What each program of examples/recipes prints.
RECIPES = {
    "lock": "balance 15 after 3 times 5",
    "reentrant-lock": "debit, share number 2, token the same: yes\ncredit, share number 2, token the same: yes\n"
                      "given up with the last share",
    "read-write-lock": "two readers at once: yes\na writer beside them: no, it has to wait\na writer after them: yes",
    "semaphore": "two leases: yes\na third one: no\nafter a release: yes",
    "multi-lock": "holds 2 locks, each with a token of its own\nanother gets one of them: no\nafterwards: yes\n"
                  "both while one is taken: no, and it keeps none",
    "election": "leader: here\nthe other meanwhile: waits\nnext leader: there, with a greater token: yes",
    "leader-latch": "here leads: yes, there: no\nhere leads: no, there: yes, with a greater term: yes",
    "leader-selector": "each has led once, alone",
    "group-membership": "here there\nhere",
    "barrier": "passes while it is up: no\npasses when it is down",
    "double-barrier": "all began and ended together: yes",
    "queue": "one\ntwo\nthree\na fourth: no",
    "priority-queue": "alarm\nreport\nmail\ncleaning",
    "locking-queue": "taken: invoice 4711, and then the consumer ends\n"
                     "taken again: invoice 4711, with a greater token: yes\nanything left: no",
    "atomic-counter": "40 were added: yes\nset to 0 on old knowledge: no",
    "shared-counter": "workers wanted: 8, fresh: yes",
    "node-cache": "limit 20, version 1, fresh: yes",
    "tree-cache": "ann: admin\nben: reader",
    "ephemeral-node": "here I am\nit came back\ngone with its session: yes",
    "discovery": "a at 10.0.0.7:8001, version 2\nb at 10.0.0.7:8002, version 2\na at 10.0.0.7:8001, version 2\n"
                 "without a: b b",
    "partitioner": "alone: 4 shards\nof two, one has 2, the other 2; s2 is the first's: no",
    "tested-service": "the first stops when its lock is in doubt: yes\nit learns that its session is over: yes\n"
                      "the second does the rest: yes\nnone is left, none was sent twice: yes\n"
                      "what the script says has happened: yes",
    "pushed-config": "in force: threads=4\non old knowledge: no\nin force: threads=8",
}


def each_recipe_does_what_its_example_says():
    """Twice, because what a run leaves behind must not disturb the next."""
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        for _ in range(2):
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                runs = {name: pool.submit(run, f"recipe-{name}", ensemble.connect) for name in RECIPES}
            for name, running in runs.items():
                done = running.result()
                assert done.returncode == 0 and done.stdout == RECIPES[name] + "\n", (name, done)


def each_recipe_has_an_example():
    top = pathlib.Path(__file__).resolve().parents[2] / "examples" / "recipes"
    programs = {path.stem.replace("_", "-") for path in top.glob("*.cc")}
    assert programs == set(RECIPES), programs ^ set(RECIPES)
    listed = set(re.findall(r"`recipe-([a-z-]+)`", (top / "README.md").read_text()))
    assert programs <= listed, programs - listed
    linked = set(re.findall(r"examples/recipes/([a-z_]+)\.cc", (top.parents[1] / "docs" / "recipes.md").read_text()))
    assert programs == {name.replace("_", "-") for name in linked}, linked
    # Between 15 and 60 lines: short enough to read, long enough to be true.
    lengths = {path.name: len(path.read_text().splitlines()) for path in top.glob("*.cc")}
    assert all(15 <= length <= 60 for length in lengths.values()), lengths


def the_readme_shows_the_lock_as_it_is():
    top = pathlib.Path(__file__).resolve().parents[2]
    source = (top / "examples/lock/main.cc").read_text()
    shown = re.search(r"```cpp\n(.*?)```", (top / "README.md").read_text(), re.S).group(1)
    assert shown == source[source.index("#include"):], "README.md and examples/lock/main.cc differ"


if __name__ == "__main__":
    run_tests([hello_is_told_of_its_own_change, without_a_server_hello_says_what_it_tried, two_locks_take_turns,
               each_recipe_does_what_its_example_says, each_recipe_has_an_example, the_readme_shows_the_lock_as_it_is])
