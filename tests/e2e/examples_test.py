#!/usr/bin/env python3
"""The small example programs do what their pages say: with a server, without one, and two at a time."""
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


def the_readme_shows_the_lock_as_it_is():
    top = pathlib.Path(__file__).resolve().parents[2]
    source = (top / "examples/lock/main.cc").read_text()
    shown = re.search(r"```cpp\n(.*?)```", (top / "README.md").read_text(), re.S).group(1)
    assert shown == source[source.index("#include"):], "README.md and examples/lock/main.cc differ"


if __name__ == "__main__":
    run_tests([hello_is_told_of_its_own_change, without_a_server_hello_says_what_it_tried, two_locks_take_turns,
               the_readme_shows_the_lock_as_it_is])
