#!/usr/bin/python3
"""quorate-shell --zkcli beside zkCli of ZooKeeper 3.8.0: the same commands on equal trees, answer by answer.

Both run one script from stdin, each against its own ZooKeeper server. Between two commands stand two reads
whose answers mark the place in stdout and in stderr. Ids, times and watch blocks are normalised; how zkCli
words wrong usage (the parser library's messages) is not compared, that it is refused is.
"""
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble  # noqa: E402

SHELL = pathlib.Path(os.environ.get("QUORATE_SHELL", ensemble.BIN / "quorate-shell"))
CLASSPATH = ensemble.ZOOKEEPER_CLASSPATH + ":/usr/share/java/commons-cli.jar"

# Where stderr is only known to hold something: wrong usage.
USAGE = object()
COMMANDS = [
    "create /a hello", "create /a", "create -s /a/s- x", "create -e /a/e", "create -c /a/c",
    "create -s -e /a/es-", "create /x/y/z", "create /a/e/child", "create /nulls", "get /nulls",
    "create -t 100 /a/t", "create -e -c /x", "create -t 0 /x", "create -t 5 -e /x",
    "create /acl data world:anyone:r", "getAcl /acl", "set /acl y", "create /quoted \"two words\"",
    "get /quoted", "create /single 'it is \"so\"'", "get /single",
    "get /a", "get -s /a", "get /a -s", "get /nope", "ls /", "ls /a", "ls -s /a", "ls -R /a", "ls -R /",
    "ls /nope", "ls -R /nope", "stat /a", "stat /nope", "set /a x", "set /a x -s", "set -s -v 2 /a y",
    "set /a -v 7 z", "set /nope z", "delete -v 9 /a/c", "delete /a", "delete /a/c", "delete /nope",
    "get /a watch", "ls /a watch", "stat /a watch", "set /a watched",
    "getAcl /a", "getAcl -s /a", "getAcl /nope", "setAcl /a world:anyone:cdrwa", "setAcl -s /a world:anyone:cdrwa",
    "setAcl -s -v 77 /a world:anyone:cdrwa", "setAcl /a nonsense", "setAcl -R /a world:anyone:cdrwa",
    "setAcl /nope world:anyone:r", "addauth digest u:p", "whoami",
    "create /auth x digest:u:Rb8IO9BZ2xaHd4Wr+fSkzRV9UQQ=:cdrwa", "getAcl /auth",
    "sync /a", "getEphemerals", "getEphemerals /a", "getEphemerals /nope", "getAllChildrenNumber /",
    "getAllChildrenNumber /nope",
    "listquota /a", "setquota -n 50 /a", "listquota /a", "setquota -b 100 /a", "setquota -N 70 /a",
    "setquota -B 1000 /a", "listquota /a", "setquota -n 5 /a/e", "setquota -n 1 /nope", "setquota -n 0 /a",
    "setquota -n 4 /zookeeper/quota", "setquota -n x /a", "delquota -n /a", "listquota /a", "delquota /a",
    "delquota /a", "listquota /a", "setquota -n 1 /a", "delquota /a",
    "printwatches", "printwatches off", "printwatches", "printwatches on",
    "addWatch /a", "addWatch -m persistent /a", "removewatches /a", "removewatches /a", "removewatches -c /a",
    "get -w /a", "removewatches /a -d",
    # Its addWatch takes the mode of the one before for the default.
    "addWatch -m persistent_recursive /w", "create /w", "set /w 1", "create /w/x", "delete /w/x",
    "config", "config -s", "config -c", "reconfig -remove 2",
    "deleteall /a", "deleteall /a", "ls /", "redo 1", "redo 100000", "history",
    ("get", USAGE), ("create", USAGE), ("delete", USAGE), ("set /w", USAGE), ("set", USAGE), ("ls -q /", USAGE),
    ("get -q /a", USAGE), ("stat", USAGE), ("getAcl", USAGE), ("setAcl /a", USAGE), ("deleteall", USAGE),
    ("setquota /a", USAGE), ("setquota -n 3 -b 4 /w", USAGE), ("addWatch -m foo /a", USAGE),
    ("removewatches", USAGE), ("addauth", USAGE), ("reconfig", USAGE), ("sync", USAGE), ("foo bar", USAGE),
    "get a", "create a", "ls a", "create /a//b", "create /b/", "create /b/.", "create /b/../c", "delete /b/",
    "close", "ls /",
]


def words(entry):
    return entry[0] if isinstance(entry, tuple) else entry


def script():
    lines = ["create /mark MARK"]
    for number, entry in enumerate(COMMANDS):
        lines.append(words(entry))
        if words(entry) != "close":
            lines += ["get /mark", f"get /mark-{number}"]
    return "\n".join(lines) + "\n"


def normalised(text):
    text = re.sub(r"\n?WATCHER::\n\nWatchedEvent [^\n]*\n", "", text)
    text = re.sub(r"^(ctime|mtime) = .*$", r"\1 = TIME", text, flags=re.M)
    text = re.sub(r"^(ephemeralOwner = 0x)[1-9a-f][0-9a-f]*$", r"\1OWNER", text, flags=re.M)
    text = re.sub(r"^\d+ - ", "N - ", text, flags=re.M)
    return text.strip("\n")


def events(text):
    return sorted(re.sub(r" zxid: \d+", "", e) for e in re.findall(r"WatchedEvent ([^\n]*)", text))


def run(command, text):
    run.seconds = time.monotonic()
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=60)
    run.seconds = time.monotonic() - run.seconds
    noise = ("log4j", "SLF4J")
    errors = "\n".join(l for l in done.stderr.splitlines() if not l.startswith(noise)) + "\n"
    return done.returncode, done.stdout, errors


def zkcli(address, *arguments):
    return ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", CLASSPATH,
            "org.apache.zookeeper.ZooKeeperMain", "-server", address, *arguments]


def answers(out, err):
    """stdout and stderr of each command, cut at the marks."""
    outs = re.split(r"^MARK\n", out, flags=re.M)
    errs = re.split(r"^Node does not exist: /mark-\d+\n", err, flags=re.M)
    return outs, errs


def both(text):
    """(code, stdout, stderr) of zkCli and of quorate-shell, each on a new server of ZooKeeper."""
    results = {}
    with ensemble.Ensemble(["zookeeper"]) as one, ensemble.Ensemble(["zookeeper"]) as two:
        one.start(serving=False), two.start(serving=False)
        one.wait_serving(), two.wait_serving()

        def theirs():
            results["zkcli"] = run(zkcli(one[1].address), text)
        thread = threading.Thread(target=theirs)
        thread.start()
        ours = run([str(SHELL), "--zkcli", "-server", two[1].address], text)
        thread.join()
    return results["zkcli"], ours


def test_every_command_answers_as_zkcli():
    (their_code, their_out, their_err), (our_code, our_out, our_err) = both(script())
    their, our = answers(their_out, their_err), answers(our_out, our_err)
    assert len(their[0]) == len(our[0]), f"marks: {len(their[0])} and {len(our[0])}\n{their_err}\n{our_err}"
    assert len(their[1]) == len(our[1]), f"marks: {len(their[1])} and {len(our[1])}"
    wrong = []
    for number, entry in enumerate(e for e in COMMANDS if words(e) not in ("close", "ls /_")):
        if number + 1 >= len(their[0]):
            break
        line = words(entry)
        for stream, a, b in (("stdout", their[0][number], our[0][number]), ("stderr", their[1][number], our[1][number])):
            if number == 0:
                a, b = a.split("\n")[-2:], b.split("\n")[-2:]
                a, b = "\n".join(a), "\n".join(b)
            a, b = normalised(a), normalised(b)
            if isinstance(entry, tuple) and stream == "stderr":
                if not a or not b:
                    wrong.append(f"{line}: refused by zkCli: {a!r}, by quorate-shell: {b!r}")
            elif a != b:
                wrong.append(f"{line}: {stream}\n  zkCli         {a!r}\n  quorate-shell {b!r}")
    assert not wrong, "\n".join(wrong)
    assert events(their_out) == events(our_out), f"{events(their_out)}\n{events(our_out)}"
    assert their_code == our_code, (their_code, our_code)
    assert our_out.startswith("Connecting to 127.0.0.1:") and "JLine support is disabled" in our_out


def test_one_command_has_zkclis_streams_and_codes_in_a_twentieth_of_its_time():
    with ensemble.Ensemble(["zookeeper"]) as servers:
        servers.start()
        address = servers[1].address
        slowest = 0.0
        for command in (["get", "/zookeeper"], ["get", "/nope"], ["foo"], ["create", "/one", "x"]):
            their_seconds, our_seconds = [], []
            for _ in range(3):  # The best of three: others use this machine.
                subprocess.run([str(SHELL), "-server", address, "delete", "/one"], capture_output=True)
                their = run(zkcli(address, *command), "")
                their_seconds.append(run.seconds)
                subprocess.run([str(SHELL), "-server", address, "delete", "/one"], capture_output=True)
                ours = run([str(SHELL), "--zkcli", "-server", address, *command], "")
                our_seconds.append(run.seconds)
            slowest = max(slowest, min(our_seconds) / min(their_seconds))
            assert their[0] == ours[0], (command, their, ours)
            if command != ["foo"]:
                assert normalised(their[1]) == normalised(ours[1]), (command, their, ours)
                assert normalised(their[2]) == normalised(ours[2]), (command, their, ours)
        print(f"slowest command: {slowest:.3f} of zkCli's time")
        assert slowest < 1 / 20, slowest


def test_linked_as_zkcli_it_behaves_like_zkcli():
    with ensemble.Ensemble(["quorate"]) as servers:
        servers.start()
        link = servers.folder / "zkCli.sh"
        link.symlink_to(SHELL)
        code, out, err = run([str(link), "-server", servers[1].address, "-nonsense", "ls", "/"], "")
        assert code == 0 and out.startswith("Connecting to ") and out.endswith("[zookeeper]\n"), (code, out, err)
        code, out, err = run([str(link), "-server", servers[1].address, "get", "/nope"], "")
        assert (code, err.strip()) == (1, "Node does not exist: /nope"), (code, err)


if __name__ == "__main__":
    ensemble.run_tests([test_every_command_answers_as_zkcli,
                        test_one_command_has_zkclis_streams_and_codes_in_a_twentieth_of_its_time,
                        test_linked_as_zkcli_it_behaves_like_zkcli])
