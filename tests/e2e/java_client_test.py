#!/usr/bin/python3
"""ZooKeeper's own Java client, unmodified: zkCli.sh, told the same by Quorate as by ZooKeeper, and a
program (java_client_test.java) for what zkCli.sh does not use.

One dialogue is held with three servers at once: Quorate alone, a follower of three, and ZooKeeper
3.8.0. Each answer must fit what the dialogue expects, and all transcripts must be equal once zxids
are renumbered by rank and times, session ids and addresses have become words. QUORATE_ORACLE=1 asks
ZooKeeper alone.
"""
import base64
import hashlib
import pathlib
import re
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import (PATIENCE_S, ZOOKEEPER_CLASSPATH, Ensemble, Missed,  # noqa: E402
                      run_tests)

CLI = "/usr/share/zookeeper/bin/zkCli.sh"
SETTINGS = {
    "extendedTypesEnabled": "true", "enforceQuota": "true",
    "DigestAuthenticationProvider.superDigest": "super:" + base64.b64encode(
        hashlib.sha1(b"super:secret").digest()).decode(),
}
# The client's own noise, not an answer of the server.
NOISE = re.compile(r"SLF4J:|Connecting to |Welcome to ZooKeeper|JLine support|$")
STAT_WORDS = ("cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion",
              "ephemeralOwner", "dataLength", "numChildren")


class Cli:
    """One zkCli.sh process; say() gives what a command printed, events gather beside it."""

    def __init__(self, address):
        self.address = address
        self.process = subprocess.Popen(
            [CLI, "-server", address, "-timeout", "20000"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines, self.events, self.ended = [], [], False
        self.arrived = threading.Condition()
        self.commands = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self._wait("connected", lambda: self.events)

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            with self.arrived:
                if line.startswith("WatchedEvent "):
                    self.events.append(line)
                elif line != "WATCHER::" and not NOISE.match(line):
                    self.lines.append(line)
                self.arrived.notify_all()
        with self.arrived:
            self.ended = True
            self.arrived.notify_all()

    def _wait(self, what, condition):
        with self.arrived:
            if not self.arrived.wait_for(lambda: condition() or self.ended, PATIENCE_S) \
                    or not condition():
                raise Missed(f"{self.address}: {what}; lines {self.lines}, events {self.events}")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def until_event(self, wanted):
        self._wait(wanted, lambda: self.events[-1] == f"WatchedEvent {wanted} type:None path:null")

    def say(self, command, events=0):
        """The lines `command` printed. Its end is known by an answer about a node that is not there,
        asked next on the same connection; then by `events` more events."""
        self.commands += 1
        marker = f"/end-of-{self.commands}"
        wanted = len(self.events) + events
        self.tell(f"{command}\nget {marker}")

        def over():
            return any(marker in line and "get " not in line for line in self.lines)
        self._wait(f"an answer to {command!r}", over)
        self._wait(f"{events} events after {command!r}", lambda: len(self.events) >= wanted)
        with self.arrived:
            answer, self.lines = self.lines, []
        return [line for line in answer if marker not in line or "get " in line]

    def quit(self):
        self.tell("quit")
        self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.thread.join(PATIENCE_S)
        return code


STAT = r"cZxid = .*numChildren = \d+"
# (command, what its lines joined by " | " must fit, events it brings). ZooKeeper's words; a row
# without a pattern is held to equality alone.
DIALOGUE = [
    # Nodes of every kind.
    ("create /d one", "Created /d"),
    ("create /d again", "Node already exists: /d"),
    ("create /no/d x", "Node does not exist: /no/d"),
        ("create /d/nodata", "Created /d/nodata"),
    ("create -s /d/s- a", "Created /d/s-0000000001"),
    ("create -s /d/s- b", "Created /d/s-0000000002"),
    ("create -e /d/e x", "Created /d/e"),
    ("create -e -s /d/es- x", "Created /d/es-0000000004"),
    ("create -c /d/c held", "Created /d/c"),
    ("create -t 500000 /d/t x", "Created /d/t"),
    ("create -t 500000 -s /d/ts- x", "Created /d/ts-0000000007"),
        ("create /d/e/child x", "Ephemerals cannot have children: /d/e/child"),
    ("create /zookeeper/x y", "Created /zookeeper/x"),
    ("create /d/\u00fcml\u00e4ut w\u00f6rd", "Created /d/.*"),
    ("create /d/acl x world:anyone:cr", "Created /d/acl"),
    ("create /d/badacl x nosuch:anyone:cdrwa", ".*Acl is not valid : /d/badacl"),
    # What reads say.
    ("ls /d", r"\[acl, c, e, es-0000000004, nodata, s-0000000001, s-0000000002, t, ts-0000000007,.*"),
    ("ls -s /d", rf"\[.*\] \| {STAT}"),
    ("ls -R /d", r"/d \| /d/acl.*"),
    ("ls /", r"\[d, zookeeper\]"),
    ("ls -R /zookeeper", r"/zookeeper \| /zookeeper/config \| /zookeeper/quota \| /zookeeper/x"),
    ("ls /none", "Node does not exist: /none"),
    ("get /d", "one"),
    ("get -s /d", f"one \\| {STAT}"),
    ("get /d/nodata", "null"),
    ("get -s /d/e", r"x \| .*ephemeralOwner = 0x[0-9a-f]+ .*"),
    ("get -s /d/t", r"x \| .*ephemeralOwner = 0x0 .*"),
    ("get -s /d/c", r"held \| .*ephemeralOwner = 0x0 .*"),
    ("get /none", "Node does not exist: /none"),
    ("stat /d", STAT),
    ("stat /none", "Node does not exist: /none"),
    ("stat /", STAT),
    ("stat /zookeeper", STAT),
    ("getEphemerals", r"\[/d/e, /d/es-0000000004\]|\[/d/es-0000000004, /d/e\]"),
    ("getEphemerals /d/es", r"\[/d/es-0000000004\]"),
    ("getEphemerals /none", r"\[\]"),
    ("getAllChildrenNumber /d", "10"),
    ("getAllChildrenNumber /", r"\d+"),
    ("getAllChildrenNumber /none", "Node does not exist: /none"),
    ("sync /d", "Sync is OK"),
    ("sync /none", "Sync is OK"),
    # Writes and versions.
    ("set /d two", ""),
    ("set -s /d three", STAT),
    ("set -v 0 /d x", "version No is not valid : /d"),
    ("set -v 2 /d four", ""),
    ("set -v 3 -s /d five", STAT),
    ("set /none x", "Node does not exist: /none"),
    ("delete -v 7 /d", "version No is not valid : /d"),
    ("delete /d", "Node not empty: /d"),
    ("delete /none", "Node does not exist: /none"),
    ("delete /d/s-0000000001", ""),
    ("delete -v 0 /d/s-0000000002", ""),
    ("stat /d", STAT),
    # Watches: each once, in order, with its path.
    ("get -w /d", "five"),
    ("set /d watched", "", 1),
    ("set /d unwatched", "", 0),
    ("ls -w /d", r"\[.*\]"),
    ("create /d/k x", "Created /d/k", 1),
    ("stat -w /d/k", STAT),
    ("delete /d/k", "", 1),
    ("stat -w /d/later", "Node does not exist: /d/later"),
    ("get -s -w /d/nodata", f"null \\| {STAT}"),
    ("ls -w /d/nodata", r"\[\]"),
    ("delete /d/nodata", "", 1),
    ("addWatch -m PERSISTENT /d", ""),
    ("set /d p1", "", 1),
    ("set /d p2", "", 1),
    ("create /d/p x", "Created /d/p", 1),
    ("set /d/p y", "", 0),
    ("removewatches /d", "", 1),
    ("set /d p3", "", 0),
    # The mode is said each time: this client keeps the last one said.
    ("addWatch -m PERSISTENT_RECURSIVE /d", ""),
    ("set /d r1", "", 1),
    ("create /d/p/q x", "Created /d/p/q", 1),
    ("set /d/p/q y", "", 1),
    ("delete /d/p/q", "", 1),
    ("create /d/multi x", "Created /d/multi", 1),
    ("removewatches /d", "", 1),
    ("delete /d/multi", "", 0),
    ("removewatches /d", "KeeperErrorCode = No such watcher for /d"),
    ("get -w /d", "r1"),
    ("ls -w /d", r"\[.*\]"),
    ("removewatches /d -c", "", 1),
    ("create /d/after x", "Created /d/after", 0),
    ("removewatches /d -c", "KeeperErrorCode = No such watcher for /d"),
    ("removewatches /d -d", "", 1),
    ("set /d quiet", "", 0),
        # Identities and ACLs.
    ("whoami", r"Auth scheme: User \| ip: 127.0.0.1"),
    ("getAcl /d", r"'world,'anyone \| : cdrwa"),
    ("getAcl -s /d", rf"'world,'anyone \| : cdrwa \| {STAT}"),
    ("getAcl /d/acl", r"'world,'anyone \| : cr"),
    ("getAcl /none", "Node does not exist: /none"),
    ("set /d/acl x", "Insufficient permission : /d/acl"),
    ("setAcl /d/acl world:anyone:cdrwa", "Insufficient permission : /d/acl"),
    ("setAcl /d/p nosuch:x:r", "Acl is not valid : /d/p"),
    ("setAcl /d/p auth::cdrwa", "Acl is not valid : /d/p"),
    ("addauth digest ann:secret", ""),
    ("whoami", r"Auth scheme: User( \| digest: ann| \| ip: 127.0.0.1){2}"),
    ("setAcl -s /d/p auth::cdrwa", STAT),
    ("getAcl /d/p", r"'digest,'ann:[A-Za-z0-9+/=]+ \| : cdrwa"),
    ("setAcl -v 0 /d/p world:anyone:r", "version No is not valid : /d/p"),
    ("setAcl -v 1 /d/p digest:bob:AAAAAAAAAAAAAAAAAAAAAAAAAAA=:cdrwa,world:anyone:r", ""),
    ("getAcl -s /d/p", r"'digest,'bob:.* \| : cdrwa \| 'world,'anyone \| : r \| .*aclVersion = 2.*"),
    ("set /d/p mine", "Insufficient permission : /d/p"),
    ("get /d/p", "y"),
    ("delete /d/p", ""),
    ("create /d/ip x ip:127.0.0.0/8:cdrwa", "Created /d/ip"),
    ("set /d/ip y", ""),
    ("setAcl /d/ip ip:10.0.0.0/8:cdrwa", ""),
    ("get /d/ip", "Insufficient permission : /d/ip"),
    ("setAcl -R /d/c world:anyone:cdrwa", ""),
    # Quotas.
    ("create /q x", "Created /q"),
    ("listquota /q", ".*quota for /q does not exist."),
    ("setquota -n 2 /q", ""),
    ("listquota /q", ".*count=2.*"),
    ("setquota -B 20 /q", ""),
    ("listquota /q", ".*byteHardLimit=20.*count=1,bytes=1"),
    ("ls -R /zookeeper/quota", ".*zookeeper_limits.*"),
    ("create /q/a x", "Created /q/a"),
    ("create /q/b 01234567890123456789", "Quota has exceeded : /q/b"),
    ("set /q 01234567890123456789x", "Quota has exceeded : /q"),
    ("listquota /q", ".*count=2,bytes=2"),
    ("delquota -B /q", ""),
    ("create /q/b 01234567890123456789", "Created /q/b"),
    ("setquota -N 3 /q", r"\[Warning\]: .*existing count:3"),
    ("create /q/c x", "Quota has exceeded : /q/c"),
    ("setquota -n 9 /none", "/none does not exist."),
    ("setquota -n 9 /q/a", "/q/a has a parent /q which has a quota"),
    ("delquota /q", ""),
    ("listquota /q", ".*quota for /q does not exist."),
    ("create /q/c x", "Created /q/c"),
    ("ls -R /zookeeper/quota", "/zookeeper/quota"),
    # Whole subtrees.
    ("deleteall /q", ""),
    ("deleteall /none", "Node does not exist: /none"),
    ("get /d/ip", "Insufficient permission : /d/ip"),
    ("addauth digest super:secret", ""),
    ("get /d/ip", "y"),
    ("setAcl /d/ip world:anyone:r", ""),
    ("set /d/ip z", ""),
    ("delete /d/ip", ""),
    ("deleteall -b 3 /d", ""),
    ("ls /d", "Node does not exist: /d"),
    ("ls -R /", r"/ \| /zookeeper \| /zookeeper/config \| /zookeeper/quota \| /zookeeper/x"),
    # The client itself.
    ("config", r"|(server\.\d=127\.0\.0\.1:\d+:\d+:participant \| ){3}version=0"),
    ("getAcl /zookeeper/config", r"'world,'anyone \| : r"),
    ("version", "ZooKeeper CLI version: .*"),
    ("history", ".*history"),
    ("nosuch", "ZooKeeper -server.*"),
    ("printwatches off", ""),
    ("printwatches", "printwatches is off"),
]


def normalised(transcript):
    """Zxids by rank; times, owners of ephemerals and ports as words."""
    zxid = re.compile(r"((?:c|m|p)Zxid = )0x([0-9a-f]+)")
    seen = sorted({int(m.group(2), 16) for _, answer in transcript for line in answer
                   for m in zxid.finditer(line)})
    rank = {value: place for place, value in enumerate(seen)}

    def line_of(line):
        line = zxid.sub(lambda m: f"{m.group(1)}#{rank[int(m.group(2), 16)]}", line)
        line = re.sub(r"((?:c|m)time = ).*", r"\1<time>", line)
        line = re.sub(r"(ephemeralOwner = )0x[0-9a-f]+[1-9a-f][0-9a-f]*$", r"\1<session>", line)
        # A Java set of paths has no order.
        return "[%s]" % ", ".join(sorted(line[1:-1].split(", "))) if line[:2] == "[/" else line
    # So have the identities of a connection.
    return [(command, sorted(answer) if command == "whoami" else [line_of(line) for line in answer])
            for command, answer in transcript]


def hold(address, box):
    """The dialogue with the server at `address`; transcript and events into `box`."""
    try:
        cli = Cli(address)
        transcript = [(row[0], cli.say(row[0], row[2] if len(row) > 2 else 0)) for row in DIALOGUE]
        box["code"] = cli.quit()
        box["transcript"], box["events"] = transcript, cli.events
    except Exception as error:  # Raised in the thread that asked.
        box["error"] = error


def one_dialogue_with_three_servers():
    with Ensemble(["quorate"], SETTINGS) as alone, Ensemble(["quorate"] * 3, SETTINGS) as three, \
            Ensemble(["zookeeper"], SETTINGS) as oracle:
        for ensemble in (alone, three, oracle):
            ensemble.start(serving=False)
        addresses = []
        for ensemble in (alone, three, oracle):
            leader = ensemble.wait_serving()
            addresses.append(next((s for s in ensemble.servers if s is not leader), leader).address)
        boxes = [{} for _ in addresses]
        threads = [threading.Thread(target=hold, args=pair) for pair in zip(addresses, boxes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for box in boxes:
            if "error" in box:
                raise box["error"]
        check(dict(zip(("alone", "three", "ZooKeeper"), boxes)))


def check(boxes):
    faults = []
    for name, box in boxes.items():
        for row, (command, answer) in zip(DIALOGUE, box["transcript"]):
            if not re.fullmatch(row[1], " | ".join(answer)):
                faults.append(f"{name}: {command}: {answer} does not fit {row[1]!r}")
    reference = boxes["ZooKeeper"]
    for name in ("alone", "three"):
        box = boxes[name]
        for (command, ours), (_, theirs) in zip(normalised(box["transcript"]),
                                                normalised(reference["transcript"])):
            if command == "config" and name == "three":
                continue  # Only an ensemble has members to show.
            if ours != theirs:
                faults.append(f"{name}: {command}: {ours}, but ZooKeeper: {theirs}")
        if box["code"] != reference["code"]:
            faults.append(f"{name}: exit code {box['code']}, but ZooKeeper: {reference['code']}")
        if box["events"] != reference["events"]:
            faults.append(f"{name}: events {box['events']}, but ZooKeeper: {reference['events']}")
    assert not faults, "\n" + "\n".join(faults)


def single_commands_tell_by_their_exit_code():
    with Ensemble(["quorate"], SETTINGS) as ensemble:
        ensemble.start()
        for words, code, answer in (("create /one x", 0, "Created /one"),
                                    ("get /none", 1, "Node does not exist: /none")):
            done = subprocess.run([CLI, "-server", ensemble.connect, *words.split()], text=True,
                                  capture_output=True, timeout=PATIENCE_S)
            assert done.returncode == code and answer in done.stdout + done.stderr, (words, done)


def a_login_of_no_scheme_ends_that_connection_only():
    with Ensemble(["quorate"], SETTINGS) as ensemble:
        ensemble.start()
        cli = Cli(ensemble.connect)
        assert cli.say("create -e /mine x") == ["Created /mine"]
        cli.tell("addauth nosuch word")
        cli.until_event("state:AuthFailed")
        cli.tell(f"connect {ensemble.connect}")
        cli.until_event("state:SyncConnected")
        assert cli.say("create /other x") == ["Created /other"]
        cli.quit()


PROGRAM = pathlib.Path(__file__).with_suffix(".java")
CLASSPATH = ZOOKEEPER_CLASSPATH + "".join(f":/usr/share/java/zookeeper-{jar}.jar"
                                          for jar in ("recipes-lock", "recipes-queue"))


def program(hosts, mode):
    """The program, started from its source: a JRE is enough."""
    return subprocess.Popen(["java", "-Dzookeeper.extendedTypesEnabled=true", "-Dlog4j.configuration=none",
                             "-cp", CLASSPATH, str(PROGRAM), hosts, mode],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until_ready(process):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "ready\n":
            return
    raise AssertionError("".join(lines))


def finish(process):
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0, out


def program_does_what_the_shell_does_not():
    """Transactions, reads together, all watches, long pipelines, recipes, lost sessions, chroot."""
    with Ensemble(["quorate"], SETTINGS) as alone, Ensemble(["quorate"] * 3, SETTINGS) as three:
        for ensemble in (alone, three):
            ensemble.start(serving=False)
        for ensemble in (alone, three):
            ensemble.wait_serving()
        for process in [program(alone.connect, "operations"), program(three[1].address, "operations")]:
            finish(process)


def all_is_kept_across_a_restart():
    """Session, ephemeral and more watches than one packet of the client restores."""
    with Ensemble(["quorate"], SETTINGS) as ensemble:
        ensemble.start()
        process = program(ensemble.connect, "stay")
        until_ready(process)
        ensemble[1].kill()
        ensemble[1].start()
        finish(process)


def leader_killed_while_it_writes():
    with Ensemble(["quorate"] * 3, SETTINGS) as ensemble:
        ensemble.start()
        process = program(ensemble.connect, "write")
        until_ready(process)
        for _ in range(2):
            killed = ensemble.wait_serving().kill()
            ensemble.wait_serving(count=2)
            killed.start()
        finish(process)
        ensemble.wait_serving()
        ensemble.wait_equal_zxid()


if __name__ == "__main__":
    run_tests([one_dialogue_with_three_servers, single_commands_tell_by_their_exit_code,
               a_login_of_no_scheme_ends_that_connection_only, program_does_what_the_shell_does_not,
               all_is_kept_across_a_restart, leader_killed_while_it_writes])
