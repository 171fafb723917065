#!/usr/bin/python3
"""Large trees in quorate-shell: what tree, du, find, ls -R and export say of them, how much memory they take, how
much faster they are than one request at a time, and that import restores what export wrote.

QUORATE_SHELL_NODES is the size of the tree (20,000; scripts/soak shell: 1,000,000). From 500,000 nodes on the walks
must be ten times as fast as the plain loop of getChildren and getData.
"""
import hashlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble  # noqa: E402

SHELL = str(pathlib.Path(os.environ.get("QUORATE_SHELL", ensemble.BIN / "quorate-shell")))
NODES = int(os.environ.get("QUORATE_SHELL_NODES", "20000"))
MEMORY_KB_MAX = 200 * 1024
TIMES_FASTER = 10
MEASURED_FROM = 500_000
ACLS = (["world:anyone:cdrwa"], ["world:anyone:cdrwa"], ["world:anyone:cdrwa"],
        ["world:anyone:cdrwa", "digest:u:Rb8IO9BZ2xaHd4Wr+fSkzRV9UQQ=:r"], ["ip:127.0.0.1:cdrwa"])


class Run:
    """One command with its output in a file: code, seconds, peak of resident memory."""

    def __init__(self, servers, *command, program=None, stdout=None):
        argv = program or [SHELL, "-server", servers.connect, *command]
        with open(stdout or os.devnull, "wb") as out, open(servers.folder / "stderr", "wb") as err:
            begin = time.monotonic()
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            _, status, used = os.wait4(process.pid, 0)
            self.seconds = time.monotonic() - begin
            process.returncode = self.code = os.waitstatus_to_exitcode(status)
        self.memory_kb = used.ru_maxrss
        self.cpu = used.ru_utime + used.ru_stime
        self.err = (servers.folder / "stderr").read_text(errors="replace")

    def ok(self):
        assert self.code == 0, self.err
        return self


def paths(count):
    """A flat folder with half of the nodes, the rest three levels deep with 100 x 100 inner nodes; parents first."""
    flat = count // 2
    yield ""
    yield "/deep"
    rest = count - flat - 3
    inner = max(1, round((rest / 100) ** 0.5)) if rest < 1_000_000 else 100
    made = 0
    for a in range(10**9):
        if made >= rest:
            break
        yield f"/deep/a{a:04}"
        made += 1
        for b in range(inner):
            if made >= rest:
                break
            yield f"/deep/a{a:04}/b{b:03}"
            made += 1
            for c in range(100):
                if made >= rest:
                    break
                yield f"/deep/a{a:04}/b{b:03}/leaf-{c:02}"
                made += 1
    yield "/flat"
    for number in range(flat):
        yield f"/flat/node-{number:07}"


def write_export(file, count):
    """An export as quorate-shell would write it; nodes, bytes of data."""
    nodes = size = 0
    with open(file, "w") as out:
        out.write(json.dumps({"format": "quorate-export", "version": 1, "path": "/m"},
                             separators=(",", ":")) + "\n")
        for number, path in enumerate(paths(count)):
            data = None if number % 50 == 7 else f"data of {number} {'x' * (number % 37)}"
            line = {"node": path, "data": data}
            if number % 50 == 9:
                line.update(data="/wD+AQ==", encoding="base64")
            line["acl"] = ACLS[number % len(ACLS)]
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
            nodes += 1
            size += 4 if number % 50 == 9 else len(data or "")
        out.write(json.dumps({"end": True, "nodes": nodes}, separators=(",", ":")) + "\n")
    return nodes, size


def digest(file, skip=1):
    """Of all lines but the head, which names the path."""
    sha = hashlib.sha256()
    with open(file, "rb") as lines:
        for number, line in enumerate(lines):
            if number >= skip:
                sha.update(line)
    return sha.hexdigest()


def line_count(file):
    with open(file, "rb") as lines:
        return sum(1 for _ in lines)


def tail(file, size=200):
    with open(file, "rb") as data:
        data.seek(max(0, os.path.getsize(file) - size))
        return data.read().decode()


def one_by_one(servers):
    done = subprocess.run([pathlib.Path(SHELL).parent / "walk-one-by-one", servers.connect, "/m"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.match(r"(\d+) nodes, (\d+) bytes, ([0-9.]+) s", done.stdout).groups()


def walks_of_a_large_tree():
    with ensemble.Ensemble(["quorate"], settings={"snapCount": 100_000_000}).start() as servers:
        first, second, out = (servers.folder / name for name in ("first", "second", "out"))
        nodes, size = write_export(first, NODES)
        rows = []

        def measure(name, *command, stdout=None):
            run = Run(servers, *command, stdout=stdout).ok()
            rows.append((name, run.seconds, run.memory_kb, run.cpu))
            assert run.memory_kb < MEMORY_KB_MAX, (name, run.memory_kb)
            return run

        measure("import", "import", first)
        measure("export", "export", "/m", second)
        assert digest(second, skip=0) == digest(first, skip=0), "the export is not what was imported"
        measure("tree", "tree", "/m", stdout=out)
        assert line_count(out) == nodes + 2 and f"{nodes} nodes, {size} bytes" in tail(out), tail(out)
        measure("du", "du", "/m", stdout=out)
        assert tail(out).split()[-3:] == [str(nodes), str(size), "/m"], tail(out)
        measure("find", "find", "-name", "leaf-07", "/m", stdout=out)
        leaves = sum(1 for path in paths(NODES) if path.endswith("leaf-07"))
        assert line_count(out) == leaves
        measure("grep", "grep", "data of 1234 ", "/m", stdout=out)
        assert line_count(out) == 1, tail(out)
        measure("ls -R", "ls", "-R", "/m", stdout=out)
        assert line_count(out) == nodes
        seen, read, alone = one_by_one(servers)
        assert (int(seen), int(read)) == (nodes, size)

        # A second tree out of the file; then all of it goes again.
        measure("import", "import", second, "/n")
        measure("diff -a", "diff", "-a", "/m", "/n", stdout=out)
        assert line_count(out) == 0, tail(out)
        measure("deleteall", "deleteall", "-y", "/n")
        assert Run(servers, "stat", "/n").code == 1

        print(f"       {nodes} nodes; one request at a time {float(alone):.2f} s")
        for name, seconds, memory, cpu in rows:
            print(f"       {name:9} {seconds:7.2f} s  {float(alone) / seconds:6.1f} times as fast"
                  f"  {memory / 1024:6.1f} MB  {cpu:6.2f} s CPU")
        if NODES >= MEASURED_FROM:
            for name, seconds, _, _ in rows:
                if name in ("tree", "du", "find", "export"):
                    assert float(alone) / seconds >= TIMES_FASTER, f"{name}: only {float(alone) / seconds:.1f} times"


def a_folder_of_long_data():
    """Memory stays bounded where the data is much longer than what came before it."""
    with ensemble.Ensemble(["quorate"]).start() as servers:
        file = servers.folder / "long"
        with open(file, "w") as out:
            out.write('{"format":"quorate-export","path":"/m","version":1}\n{"node":""}\n')
            for number in range(2000):
                out.write(f'{{"node":"/a{number:04}","data":"short"}}\n')
            for number in range(250):
                out.write(f'{{"node":"/b{number:04}","data":"{"y" * 400_000}"}}\n')
            out.write('{"end":true,"nodes":2251}\n')
        Run(servers, "import", file).ok()
        for command in (["tree", "/m"], ["du", "/m"], ["grep", "nothing", "/m"], ["export", "/m", servers.folder / "x"]):
            run = Run(servers, *command)
            assert run.code == (1 if command[0] == "grep" else 0), run.err
            assert run.memory_kb < MEMORY_KB_MAX, (command, run.memory_kb)
            print(f"       {command[0]:7} {run.seconds:5.2f} s  {run.memory_kb / 1024:6.1f} MB")


def an_import_killed_in_the_middle_goes_on():
    with ensemble.Ensemble(["quorate"]).start() as servers:
        file, again, note = (servers.folder / name for name in ("first", "again", "first.imported"))
        nodes, _ = write_export(file, min(NODES, 20_000))
        kills = 0
        for portion in (40, 25, 60, 33):
            command = [SHELL, "-server", servers.connect, "import", "-b", str(portion), str(file), "/k"]
            if kills:
                command.insert(4, "--resume")
            before = note.read_text() if note.exists() else ""
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            ensemble.wait_for("some portions", lambda: process.poll() is not None or
                              (note.exists() and note.read_text() not in ("", before)))
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        assert kills == 4, "the import ended before it could be killed"
        done = int(note.read_text().split()[0])
        assert 0 < done < nodes, done
        # Without --resume nothing that is there is touched; with it the rest follows.
        assert Run(servers, "import", file, "/k").code == 1
        Run(servers, "import", "--resume", "-b", "77", file, "/k").ok()
        assert not note.exists()
        Run(servers, "export", "/k", again).ok()
        assert digest(again) == digest(file)


def an_export_killed_in_the_middle_goes_on():
    with ensemble.Ensemble(["quorate"]).start() as servers:
        source, file, part = (servers.folder / name for name in ("source", "file", "file.part"))
        nodes, _ = write_export(source, 60_000)
        assert "[#" in on_terminal(servers, "import", source)
        process = subprocess.Popen([SHELL, "-server", servers.connect, "export", "/m", str(file)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ensemble.wait_for("a part of it", lambda: part.exists() and part.stat().st_size > 0, interval=0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and part.stat().st_size < source.stat().st_size
        assert not file.exists(), "a half file under its own name"
        assert Run(servers, "import", part, "/n").code == 1
        assert Run(servers, "export", "--resume", "/n", file).code == 1, "it is of another path"
        Run(servers, "export", "--resume", "/m", file).ok()
        assert digest(file) == digest(source) and not part.exists()
        # Cut anywhere, in a line or between two; whole but for its name; only the head.
        whole = source.read_bytes()
        head = whole.index(b"\n") + 1
        for cut in (head, head + 5, len(whole) // 3, len(whole) // 2, whole.index(b"\n", len(whole) // 4) + 1,
                    whole.index(b"\n", len(whole) // 4), len(whole) - 1, len(whole)):
            part.write_bytes(whole[:cut])
            Run(servers, "export", "--resume", "/m", file).ok()
            assert digest(file) == digest(source), cut
        part.write_bytes(whole[:head - 3])
        assert Run(servers, "export", "--resume", "/m", file).code == 1


def on_terminal(servers, *command):
    """What a command writes to a terminal on stderr."""
    ours, its = pty.openpty()
    process = subprocess.Popen([SHELL, "-server", servers.connect, *map(str, command)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=its)
    os.close(its)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # The end of a terminal.
        pass
    os.close(ours)
    assert process.wait() == 0, seen
    return seen.decode()


def a_portion_happens_whole_or_not_at_all():
    with ensemble.Ensemble(["quorate"]).start() as servers:
        file = servers.folder / "file"
        with open(file, "w") as out:
            out.write('{"format":"quorate-export","path":"/m","version":1}\n{"node":""}\n')
            for number in range(250):
                out.write(f'{{"node":"/a{number:03}","data":"{number}"}}\n')
            out.write('{"end":true,"nodes":251}\n')
        # In the way of the second portion of 100.
        Run(servers, "-f", make(servers.folder / "script", "create /m\ncreate /m/a150 foreign\n")).ok()
        run = Run(servers, "import", "-b", "100", file)
        assert run.code == 1 and "/m" in run.err, run.err
        Run(servers, "delete", "/m/a150").ok()
        Run(servers, "delete", "/m").ok()
        Run(servers, "-f", make(servers.folder / "script", "create /m\n")).ok()
        out = servers.folder / "out"
        # -f takes what is there, portion by portion.
        Run(servers, "create", "/m/a150", "foreign").ok()
        Run(servers, "import", "-f", "-b", "100", file).ok()
        Run(servers, "get", "/m/a150", stdout=out).ok()
        assert out.read_text() == "150\n"
        # What a resumed import finds must be its own.
        Run(servers, "deleteall", "-y", "/m").ok()
        make(servers.folder / "file.imported", "101 /m\n")
        Run(servers, "-f", make(servers.folder / "script", "create /m\ncreate /m/a150 foreign\n")).ok()
        run = Run(servers, "import", "--resume", "-b", "100", file)
        assert run.code == 1 and "Node already exists: /m/a150" in run.err, run.err
        Run(servers, "ls", "/m", stdout=out).ok()
        assert out.read_text() == "[a150]\n", out.read_text()


def a_move_of_many_nodes():
    with ensemble.Ensemble(["quorate"]).start() as servers:
        file, again = servers.folder / "file", servers.folder / "again"
        write_export(file, 3000)
        Run(servers, "import", file).ok()
        Run(servers, "mv", "/m", "/moved").ok()
        assert Run(servers, "stat", "/m").code == 1
        Run(servers, "export", "/moved", again).ok()
        assert digest(again) == digest(file)
        Run(servers, "cp", "/moved", "/copy").ok()
        Run(servers, "export", "/copy", again).ok()
        assert digest(again) == digest(file)


def make(file, text):
    file.write_text(text)
    return str(file)


def masked_digests_are_told():
    with ensemble.Ensemble(["quorate"]).start() as servers:
        Run(servers, "create", "/s", "x", "world:anyone:cdrw,digest:u:Rb8IO9BZ2xaHd4Wr+fSkzRV9UQQ=:a").ok()
        run = Run(servers, "export", "/s", servers.folder / "x").ok()
        assert "1 ACLs hold digests that are hidden" in run.err, run.err
        assert "hidden" in Run(servers, "cp", "/s", "/copy").ok().err
        run = Run(servers, "mv", "/s", "/moved")
        assert run.code == 1 and "addauth" in run.err, run.err
        # A node that may not be read is not moved without its data.
        Run(servers, "create", "/shut", "secret", "world:anyone:dca").ok()
        run = Run(servers, "mv", "/shut", "/moved")
        assert run.code == 1 and Run(servers, "stat", "/moved").code == 1, run.err


if __name__ == "__main__":
    ensemble.run_tests([walks_of_a_large_tree, a_folder_of_long_data, an_import_killed_in_the_middle_goes_on,
                        an_export_killed_in_the_middle_goes_on, a_portion_happens_whole_or_not_at_all,
                        a_move_of_many_nodes, masked_digests_are_told])
