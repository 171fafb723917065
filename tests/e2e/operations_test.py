#!/usr/bin/python3
"""docs/operations.md, executed: every command of the page as it stands, on machines of namespaces that are installed
from the package, and what the page says will be seen is seen. A command that is not run here fails the test, unless
it stands in ELSEWHERE with the reason.

QUORATE_DEB   the package, where it has been made already
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import machines  # noqa: E402
from ensemble import BIN, ROOT, run_tests, wait_for  # noqa: E402
from kdc import REALM, Kdc  # noqa: E402

PAGE = ROOT / "docs" / "operations.md"
# First words of what is a command when it stands between backquotes.
PROGRAMS = {"apt", "cat", "chown", "cmake", "cp", "curl", "echo", "grep", "install", "journalctl", "kill", "ls", "mkdir",
            "mount", "mv", "nc", "openssl", "quorate-server", "quorate-shell", "rm", "sudo", "systemctl", "zkCli.sh"}
ELSEWHERE = {
    "cmake --preset release && cmake --build --preset release && cd build/release && cpack -G DEB":
        "the package of this test is made by cpack; tests/e2e/package_test.sh",
    "zkCli.sh -r": "a program of ZooKeeper, named beside kazoo; tests/e2e/read_only_test.py does it with kazoo",
}


# ---- The page ------------------------------------------------------------------------------------
class Page:
    """Takes the commands off the page; what is left at the end was not executed."""

    def __init__(self, text):
        self.text = text
        self.blocks, self.inline, self.taken = [], [], set()
        section, block, prose = "", None, {}
        for line in text.splitlines():
            if block is None and line.startswith("## "):
                section = line[3:]
            elif line.startswith("```"):
                if block is None:
                    assert line == "```sh", f"{section}: a block that is not ```sh"
                    block = []
                else:
                    self.blocks.append((section, "\n".join(block)))
                    block = None
            elif block is not None:
                block.append(line)
            else:
                assert not line.startswith("    "), f"{section}: a block that is not ```sh: {line}"
                prose[section] = prose.get(section, "") + line + "\n"
        for section, lines in prose.items():
            for span in re.findall(r"`([^`]+)`", lines):
                command = " ".join(span.split())
                if " " in command and command.split()[0] in PROGRAMS:
                    self.inline.append((section, command))

    def commands(self):
        return {text for _, text in self.blocks + self.inline}

    def block(self, section, start, **words):
        """The one block of this section that begins so; `words` of it are replaced by those of this test."""
        found = [text for where, text in self.blocks if where == section and text.startswith(start)]
        assert len(found) == 1, f"{section}: {len(found)} blocks begin with {start!r}"
        self.taken.add(found[0])
        return self.replaced(found[0], words)

    def command(self, text, **words):
        assert text in self.commands(), f"not on the page: {text}"
        self.taken.add(text)
        return self.replaced(text, words)

    @staticmethod
    def replaced(text, words):
        for old, new in words.get("words", {}).items():
            assert old in text, f"{old!r} is not in {text!r}"
            text = text.replace(old, new)
        return text

    def left(self):
        return self.commands() - self.taken - set(ELSEWHERE)

    def seen(self, phrase, output):
        """What the page promises, in what was seen."""
        assert phrase in self.text, f"the page does not say {phrase!r}"
        assert phrase in output, f"{phrase!r} was not seen:\n{output[-3000:]}"


page = Page(PAGE.read_text())
INSTALL = "apt install ./quorate_*.deb"
QUICKLY = {"apt install": "dpkg -i"}  # Seconds less for each machine; two of them show that apt takes it.


def package():
    """The package made of what has been built, as cpack makes it."""
    if os.environ.get("QUORATE_DEB"):
        return pathlib.Path(os.environ["QUORATE_DEB"])
    folder = tempfile.mkdtemp(prefix="quorate-package-")
    subprocess.run(["cpack", "-G", "DEB", "-B", folder, "-D", "CPACK_COMPONENTS_ALL=server"], cwd=BIN.parent,
                   check=True, capture_output=True)
    return next(pathlib.Path(folder).glob("quorate_*.deb"))


def install(machine, deb):
    shutil.copy(deb, machine.path("/opt/work/") / deb.name)


def logs(machine, phrase):
    """Waits for a log line that the page names."""
    assert phrase in page.text, f"the page does not say {phrase!r}"
    wait_for(f"{phrase!r} in the log of {machine.name}:\n{machine.journal()[-1500:]}", lambda: phrase in machine.journal())


def mode(machine):
    found = re.search(r"^Mode: (\S+)", machine.run("echo srvr | nc localhost 2181 || true"), re.M)
    return found.group(1) if found else ""


def modes(*wanted):
    return sorted(mode(machine) for machine in wanted)


def walk(step, *arguments):
    begin = time.monotonic()
    step(*arguments)
    print(f"       {time.monotonic() - begin:5.1f} s  {step.__name__}", flush=True)


def together(actions):
    """All at once; the first fault is raised when all have ended."""
    faults = []

    def guarded(action):
        try:
            action()
        except BaseException as fault:  # A thread has nobody to raise to.
            faults.append(fault)
    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


# ---- A server alone ------------------------------------------------------------------------------
def alone(zk, deb):
    install(zk, deb)
    zk.run(page.command(INSTALL))
    wait_for("the installation to have begun a server", lambda: mode(zk) == "standalone")
    zk.run("systemctl stop quorate")
    assert zk.exit_code() == 0  # "stopped in order"
    walk(begin_first_server, zk)
    walk(exit_codes, zk)
    walk(export_and_import, zk)
    walk(audit, zk)
    walk(restore_alone, zk)
    walk(damage, zk)
    walk(sasl, zk)
    walk(kerberos, zk)


def begin_first_server(zk):
    begin = page.block("The first server", "cat >zoo.cfg",
                       words={"quorate-server zoo.cfg  ": "quorate-server zoo.cfg >log 2>&1 & # "})
    said = zk.run(begin)
    assert re.search(r"^ok +config ", said, re.M) and "doctor: a start would work" in said, said
    client = page.block("The first server", "quorate-shell")
    wait_for("the first server", lambda: "listening" in zk.path("/opt/work/log").read_text())
    assert "Created /hello" in zk.run(client)
    assert "doctor: a start would" in zk.run("quorate-server --doctor zoo.cfg")
    assert re.search(r"^\S+ \S+ .*\blistening client=", zk.path("/opt/work/log").read_text(), re.M)


def server(zk, lines, name):
    zk.write(f"/opt/work/{name}", lines)
    return f"quorate-server {name} 2>&1"


def exit_codes(zk):
    """Beside the first server, which runs."""
    seen = page.seen
    assert "zoo2.cfg:1" in zk.run(server(zk, "tickTime=soon\n", "zoo2.cfg"), fails=2)
    twice = zk.run(page.command("quorate-server zoo.cfg") + " 2>&1", fails=3)
    seen("is in use by another process", twice)
    seen("data-locked", twice)
    taken = zk.run(server(zk, "dataDir=other\nclientPort=2181\nclientPortAddress=127.0.0.1\n", "taken.cfg"), fails=1)
    seen("bind-failed", taken)
    assert "remedy=" in taken, taken
    lines = "dataDir=third\nclientPort=2191\ninitLimit=5\nsyncLimit=2\nelectionPortBindRetry=1\n"
    zk.run("mkdir third && echo 1 >third/myid")
    members = "".join(f"server.{n}=127.0.0.1:{2181 if n == 1 else 3000 + n}:{4000 + n}\n" for n in (1, 2, 3))
    seen("bind-failed port=", zk.run(server(zk, lines + members, "third.cfg"), fails=14))
    zk.run("mkdir -p foreign/version-2 && touch foreign/version-2/snapshot.0")
    said = zk.run(server(zk, "dataDir=foreign\nclientPort=2191\n", "foreign.cfg"), fails=2)
    assert "holds data of ZooKeeper" in said and "--import" in said, said
    doctor = zk.run("quorate-server --doctor foreign.cfg", fails=2)
    assert re.search(r"^FAIL +dataDir .* -> quorate-server --import ", doctor, re.M), doctor
    zk.run("kill $(pgrep -x quorate-server)")
    wait_for("the first server to end", lambda: "stopped" in zk.path("/opt/work/log").read_text())


def export_and_import(zk):
    """There and back with one folder; migration.md has the whole procedure with ZooKeeper itself."""
    folder = "/var/lib/zookeeper"
    said = zk.run(page.command("quorate-server --export FOLDER --config zoo.cfg", words={"FOLDER": folder}))
    assert "export done: last-zxid=" in said, said
    page.seen("has data already", zk.run(f"quorate-server --import {folder} --config zoo.cfg 2>&1 || true"))
    zk.run("mv data/quorate-1 data/quorate-1.before")
    again = zk.run(page.command("quorate-server --import /var/lib/zookeeper --config zoo.cfg"))
    assert said.split("done: ")[1] == again.split("done: ")[1], (said, again)
    # The server for all that follows: the commands of the other sections go by the service's paths.
    zk.write("/etc/quorate/zoo.cfg", "tickTime=2000\ndataDir=/var/lib/quorate\nclientPort=2181\naudit.enable=true\n"
             "DigestAuthenticationProvider.superDigest=" + zk.run(
                 "printf super:; printf super:secret | openssl dgst -sha1 -binary | base64"))
    zk.run("rm -rf /var/lib/quorate/quorate-1 && mv data/quorate-1 /var/lib/quorate/ && chown -R quorate: /var/lib/quorate")
    zk.run("systemctl start quorate")
    wait_for("the imported tree", lambda: mode(zk) == "standalone")
    assert "world" in zk.run("quorate-shell -server localhost:2181 get /hello")


def audit(zk):
    zk.run("quorate-shell -server localhost:2181 create /kept yes")
    line = wait_for("an audit line", lambda: [found for found in zk.run(
        f"cat /var/log/quorate.journal | {page.command(GREP_AUDIT)}").splitlines() if "znode=/kept" in found])[0]
    for pair in ("operation=create", "result=success", "ip=127.0.0.1"):
        assert pair in line.split("\t") or pair in line, line
    assert "operation=serverStart" in zk.run(page.command("journalctl -u quorate") + " | grep ' audit '")


GREP_AUDIT = "grep ' audit '"


def restore_alone(zk):
    zk.run(page.block("Back-up", "mkdir"))
    assert zk.run("ls /srv/backup/version-2").startswith("snapshot.")
    zk.run("quorate-shell -server localhost:2181 create /unwanted yes")
    zk.run(page.block("Back-up", "curl"))
    assert "unwanted" not in wait_for("the restored tree", lambda: zk.run(
        "quorate-shell -server localhost:2181 ls / 2>/dev/null || true"))
    said = zk.run(page.block("Back-up", "systemctl stop"))
    assert "no damage" in said, said


def damage(zk):
    """Of what was durable: refused, nothing changed, and --check says what is damaged."""
    wait_for("the server after its copy", lambda: mode(zk) == "standalone")
    for n in range(20):
        zk.run(f"quorate-shell -server localhost:2181 create /many{n} yes") if n == 0 else None
    zk.run("quorate-shell -server localhost:2181 <<'END'\n" + "\n".join(f"create /n{n} {'x' * 99}" for n in range(30)) + "\nEND")
    zk.run("systemctl kill --signal=KILL quorate")
    zk.exit_code()
    segment = sorted(zk.path("/var/lib/quorate/quorate-1").glob("gen-*/log/log-*"))[-1]
    whole = segment.read_bytes()
    segment.write_bytes(whole[:900] + bytes([whole[900] ^ 4]) + whole[901:])
    broken = segment.read_bytes()
    zk.run("systemctl start quorate")
    assert zk.exit_code() == 10
    logs(zk, "damaged at offset")
    assert segment.read_bytes() == broken
    said = zk.run(page.command("quorate-server --check DATADIR", words={"DATADIR": "/var/lib/quorate"}) + " 2>&1", fails=10)
    assert "damaged at offset" in said, said
    segment.write_bytes(whole)
    zk.run("systemctl start quorate")
    wait_for("the mended server", lambda: mode(zk) == "standalone")


def sasl(zk):
    """Who logs in with which password: tests/e2e/sasl_test.py."""
    said = zk.run(page.block("SASL", "install -m 0640 -g quorate /dev/null"))
    assert re.search(r"^ok +sasl +2 users", said, re.M), said
    wait_for("the server after its restart", lambda: mode(zk) == "standalone")
    said = zk.run(f"QUORATE_SASL_PASSWORD='password of bob' {page.command('quorate-shell --sasl-user bob')} whoami")
    assert "sasl: bob" in said, said
    acl = "sasl:bob:cdrwa,world:anyone:r"
    shell = "quorate-shell -server localhost:2181"
    assert "sasl,'bob" in zk.run(f"{shell} create /bobs data {acl} && {shell} getAcl /bobs"), zk.journal()[-1000:]


def kerberos(zk):
    """Whose tickets it takes: tests/e2e/kerberos_test.py."""
    with Kdc() as kdc:
        shutil.copy(kdc.keytab("zookeeper/zk1.example.org"), zk.path("/opt/work/zookeeper.keytab"))
    said = zk.run(page.block("SASL", "install -m 0640 -g quorate zookeeper.keytab", words={"EXAMPLE.ORG": REALM}))
    assert re.search(r"^ok +sasl +Kerberos, zookeeper/zk1.example.org@", said, re.M), said
    wait_for("the server after its restart", lambda: mode(zk) == "standalone")


# ---- Three servers -------------------------------------------------------------------------------
THREE = "Three servers on three machines"


def three(lab, deb):
    zk1, zk2, zk3, zk4 = (lab[f"zk{n}"] for n in (1, 2, 3, 4))
    walk(begin_three, deb, zk1, zk2, zk3)
    walk(wrong_number, zk3)
    walk(monitoring, zk1, zk2, zk3)
    walk(dead_disk, zk2)
    walk(add_and_remove, deb, zk1, zk2, zk3, zk4)
    walk(quorum_lost, zk2, zk3, zk4)
    walk(restore_ensemble, zk2, zk3, zk4)
    walk(full_disk, zk4)
    walk(quorum_tls, zk2, zk3, zk4)
    walk(quorum_sasl, zk2, zk3, zk4)


def begin_three(deb, *servers):
    def begin(number):
        zk = servers[number - 1]
        install(zk, deb)
        said = zk.run(page.block(THREE, "MYID=1", words={"MYID=1 ": f"MYID={number} ", **(QUICKLY if number > 1 else {})}))
        assert re.search(r"^ok +myid +server " + str(number), said, re.M), said
        return said
    said = begin(1)
    assert "WARN" in said and "is it running?" in said, said
    logs(servers[0], "looking")  # It listens by then.
    page.seen("not currently serving requests", servers[0].run("echo srvr | nc localhost 2181"))
    assert servers[0].run("nc -z zk2 3888 && echo open || echo closed") == "closed\n"
    together([lambda n=n: begin(n) for n in (2, 3)])
    servers[0].run(page.command("nc -z zk2 3888"))
    wait_for("three to serve", lambda: modes(*servers) == ["follower", "follower", "leader"])
    said = servers[0].run(page.block(THREE, "for host"))
    assert sorted(re.findall(r"^Mode: (\w+)", said, re.M)) == ["follower", "follower", "leader"], said
    assert "Created /hello" in said and "world" in said, said


def wrong_number(zk3):
    """Of another machine, in dataDir/myid."""
    zk3.run("systemctl stop quorate; cp /var/lib/quorate/myid .; echo 2 >/var/lib/quorate/myid; systemctl start quorate")
    assert zk3.exit_code() == 14
    logs(zk3, "bind-failed port=quorum")
    zk3.run("cp myid /var/lib/quorate/myid; systemctl start quorate")
    wait_for("the third to be back", lambda: mode(zk3) in ("follower", "leader"))


def monitoring(*servers):
    leader = next(zk for zk in servers if mode(zk) == "leader")
    said = leader.run(page.block("Monitoring", "echo mntr"))
    for name in ("digest_mismatches_count", "fsynctime", "outstanding_requests", "synced_followers", "election_time_count"):
        page.seen(name, said)
    assert "zk_synced_followers\t2" in said, said
    words = re.search(r"`([a-z4 ]+)` are answered unless", page.text).group(1).split()
    for word in words:
        answer = leader.run(f"echo {word} | nc localhost 2181")
        assert answer and "not in the whitelist" not in answer, (word, answer)
    assert "not in the whitelist" in leader.run("echo dump | nc localhost 2181")


def dead_disk(zk):
    zk.run("systemctl kill --signal=KILL quorate; rm -rf /var/lib/quorate/*")
    zk.run(page.block("Replacing a dead disk", "systemctl stop", words={"/dev/NEW": "-t tmpfs tmpfs"}))
    logs(zk, "blank-server")
    said = zk.run(page.block("Replacing a dead disk", "until"))
    zxids = re.findall(r"^Zxid: (\w+)", said, re.M)
    assert "Mode: follower" in said and len(zxids) == 3 and len(set(zxids)) == 1, said
    assert "world" in zk.run("quorate-shell -server localhost:2181 get /hello")


MEMBERS = "Adding, replacing, removing a server"


def add_and_remove(deb, zk1, zk2, zk3, zk4):
    for zk in (zk1, zk2, zk3):
        zk.run(page.block(MEMBERS, "PASSWORD"))
    install(zk4, deb)
    zk4.run(page.block(MEMBERS, "apt install", words=QUICKLY))
    said = zk1.run(page.block(MEMBERS, "quorate-shell -server zk1"))
    assert "server.4=zk4:2888:3888:participant;" in said and "version=" in said, said
    for zk in (zk1, zk2, zk3, zk4):
        logs(zk, "config-written file=")
        written = re.search(r"^dynamicConfigFile=(.*)", zk.path("/etc/quorate/zoo.cfg").read_text(), re.M).group(1)
        assert "server.4=zk4" in zk.path(written).read_text(), written
    said = zk2.run(page.block(MEMBERS, "quorate-shell -server zk2"))
    assert "server.1=" not in said.split("reconfig")[-1], said
    zk1.run(page.command("systemctl disable --now quorate"))
    wait_for("three to serve", lambda: modes(zk2, zk3, zk4) == ["follower", "follower", "leader"])
    refused = zk2.run("quorate-shell -server zk2:2181 reconfig -remove 3 2>&1 || true")
    page.seen("Insufficient permission", refused)


def quorum_lost(zk2, zk3, zk4):
    for zk in (zk3, zk4):
        zk.run("systemctl stop quorate")
    wait_for("the last one to notice", lambda: mode(zk2) == "")
    said = zk2.run(page.block("Quorum lost", "echo ruok"))
    assert said.startswith("imok") and "is not currently serving requests" in said and "\n503\n" in said, said
    for zk in (zk3, zk4):
        zk.run("systemctl start quorate")
    wait_for("the ensemble to be back by itself", lambda: modes(zk2, zk3, zk4) == ["follower", "follower", "leader"])
    assert "world" in zk2.run("quorate-shell -server localhost:2181 get /hello")


def restore_ensemble(*servers):
    first = servers[0]
    first.run(page.block("Back-up", "mkdir"))
    first.run("quorate-shell -server localhost:2181 create /unwanted yes")
    refused = first.run(page.block("Back-up", "curl") + " 2>&1 || true")
    assert "503" in refused, refused
    for zk in servers:
        zk.run("systemctl stop quorate")
        if zk is not first:
            zk.path("/srv").mkdir(exist_ok=True)
            shutil.copytree(first.path("/srv/backup"), zk.path("/srv/backup"))
    for zk in servers:
        zk.run(page.block("Back-up", "mv"))
    for zk in servers:
        zk.run(page.command("systemctl start quorate"))
    wait_for("the restored ensemble", lambda: modes(*servers) == ["follower", "follower", "leader"])
    listed = first.run("quorate-shell -server localhost:2181 ls /")
    assert "hello" in listed and "unwanted" not in listed, listed


def full_disk(zk):
    """Its folder on a small file system that something else fills."""
    zk.run("systemctl stop quorate; mkdir /opt/work/kept; cp -a /var/lib/quorate/. /opt/work/kept/; "
           "mount -t tmpfs -o size=200m tmpfs /var/lib/quorate; cp -a /opt/work/kept/. /var/lib/quorate/; systemctl start quorate")
    wait_for("it to serve", lambda: mode(zk) in ("follower", "leader"))
    zk.run("dd if=/dev/zero of=/var/lib/quorate/ballast bs=64k 2>/dev/null || true")
    zk.write("/opt/work/many", "create /full\n" + "".join(f"create /full/{n} {'x' * 9000}\n" for n in range(2000)))
    writer = threading.Thread(target=lambda: zk.run(
        "for i in $(seq 20); do quorate-shell -server zk2:2181 <many >/dev/null 2>&1 || true; "
        "[ ! -s /var/log/quorate.exit ] || break; done"), daemon=True)
    writer.start()
    assert zk.exit_code() == 10
    writer.join(60)
    text = zk.journal()
    assert re.search(r"^FATAL \w+_failed path=", text, re.M), text[-2000:]
    page.seen("No space left", text)
    assert "Free space there" in text, text[-2000:]
    zk.run("rm /var/lib/quorate/ballast && systemctl start quorate")
    wait_for("it to serve again", lambda: mode(zk) in ("follower", "leader"))


def quorum_tls(*servers):
    """Made on one machine; here all servers change at once, quorum_tls_test.py walks through the three rounds."""
    first = servers[0]
    names = {"for host in zk1 zk2 zk3": "for host in zk2 zk3 zk4"}
    first.run(page.block("TLS between servers", "openssl", words=names))
    for zk in servers:
        for name in ("ca.pem", f"{zk.name}.pem"):
            if zk is not first:
                shutil.copy(first.path(f"/opt/work/{name}"), zk.path(f"/opt/work/{name}"))
        zk.run(page.block("TLS between servers", "install -o quorate -m 600 zk1.pem /etc/quorate/zk1.pem\n",
                          words={"zk1": zk.name}))
        zk.run("systemctl stop quorate; echo sslQuorum=true >>/etc/quorate/zoo.cfg")
    for zk in servers:
        zk.run("systemctl start quorate")
    wait_for("servers that speak TLS", lambda: modes(*servers) == ["follower", "follower", "leader"])
    assert "tls=only" in first.journal()
    first.run(page.command("echo srvr | nc zk1 2181", words={"zk1": first.name}))
    first.run(page.block("TLS between servers", "install -o quorate -m 600 zk1.pem /etc/quorate/zk1.pem.new",
                         words={"zk1": first.name}))
    logs(first, "quorum-tls-reloaded")


def quorum_sasl(*servers):
    """All servers change at once, quorum_sasl_test.py walks through the three rounds. One has mistyped the password."""
    for zk in servers:
        zk.run(page.block("Logins between servers", "cat >/etc/quorate/jaas.conf", words={"PASSWORD": "sesame"}))
        zk.run("systemctl stop quorate; for key in enableSasl learnerRequireSasl serverRequireSasl; do "
               "echo quorum.auth.$key=true >>/etc/quorate/zoo.cfg; done")
    *_, last = servers
    last.run("sed -i 's/ password=.*/ password=\"seasme\";/' /etc/quorate/jaas.conf")
    for zk in servers:
        zk.run("systemctl start quorate")
    logs(last, "quorum-sasl-failed")
    logs(servers[0], "quorum-sasl-refused")
    last.run("sed -i s/seasme/sesame/ /etc/quorate/jaas.conf; systemctl restart quorate")
    wait_for("servers that log in", lambda: modes(*servers) == ["follower", "follower", "leader"])


# ---- All of it -----------------------------------------------------------------------------------
def the_page_as_it_stands():
    why = machines.possible()
    if why:
        assert os.environ.get("CI") != "true", why
        print(f"skipped: {why}")
        return
    deb = package()
    lab = machines.Machines(["zk1", "zk2", "zk3", "zk4", "alone"])
    try:
        together([lambda: alone(lab["alone"], deb), lambda: three(lab, deb)])
    finally:
        lab.close()
    assert not page.left(), "on the page, but not executed:\n" + "\n".join(sorted(page.left()))


def every_exception_is_on_the_page():
    gone = set(ELSEWHERE) - page.commands()
    assert not gone, f"no longer on the page: {gone}"


if __name__ == "__main__":
    run_tests([every_exception_is_on_the_page, the_page_as_it_stands])
