"""Real server processes for end-to-end tests: Quorate and ZooKeeper, alone or in one ensemble.

Standard library only, so that any python3 can import it. Waits are for conditions, with a deadline;
a missed deadline raises with the tail of the servers' logs.
"""
import atexit
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("QUORATE_BIN", ROOT / "build" / "release" / "bin"))
SHARED = pathlib.Path(os.environ.get("QUORATE_SHARED", ROOT.parent / "shared"))
# Debian's 3.8.0; the jars of another version and a logger to standard error, to ask that one instead.
ZOOKEEPER_CLASSPATH = os.environ.get("QUORATE_ZOOKEEPER_CLASSPATH") or ":".join(
    f"/usr/share/java/{jar}.jar" for jar in ("zookeeper", "slf4j-log4j12", "log4j-1.2"))
# Further lines of zoo.cfg for every server of ours, e.g. QUORATE_EXTRA_CFG="netThreads=2": the same
# tests in another mode.
EXTRA_SETTINGS = dict(pair.split("=", 1) for pair in os.environ.get("QUORATE_EXTRA_CFG", "").split())
PATIENCE_S = float(os.environ.get("QUORATE_PATIENCE", "60"))


class Missed(AssertionError):
    """A condition did not come true in time."""


def wait_for(what, condition, timeout=PATIENCE_S, interval=0.02):
    """The first true value of condition(); raises Missed naming `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Missed(f"not within {timeout:g} s: {what}")
        time.sleep(interval)


reserved_ports = []  # Sockets whose names say that a port is this process's, for as long as it lives.


def reserve(port):
    """Whether the port is ours among the tests that run side by side; the kernel forgets it with this process."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0quorate-test-port-{port}")
    except OSError:
        name.close()
        return False
    reserved_ports.append(name)
    return True


def free_ports(count):
    """Ports on 127.0.0.1 that were free a moment ago; held together so that they differ.

    Below those that the kernel gives to connections: a client that knocks at the port of a killed
    server might be given that very port as its own, and be connected to itself. To kazoo its own
    connect request then reads as the answer that its session has expired.
    """
    first, last = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    choice = range(10000, first) if first > 12000 else range(last + 1, 65536)
    held = []
    try:
        while len(held) < count:
            sock = socket.socket()
            held.append(sock)
            try:
                sock.bind(("127.0.0.1", random.SystemRandom().choice(choice) if len(choice) > 1000 else 0))
            except OSError:
                held.pop().close()
                continue
            if not reserve(sock.getsockname()[1]):
                held.pop().close()
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()


def four_letter(port, word, timeout=2.0, host="127.0.0.1"):
    """The answer to a four-letter word, or '' when nobody answers."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as sock:
            sock.sendall(word.encode())
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := sock.recv(65536):
                answer += chunk
            return answer.decode("utf-8", "replace")
    except OSError:
        return ""


class Server:
    """One process of kind "quorate" or "zookeeper" with its folder, config and log."""

    def __init__(self, folder, kind, sid, client_port, members=None, settings=None, observers=()):
        self.folder = pathlib.Path(folder)
        self.kind, self.sid, self.client_port = kind, sid, client_port
        self.process = None
        self.ended_by_us = False
        self.jvm_options = []  # Of ZooKeeper: what zoo.cfg has no key for.
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.config = self.folder / "zoo.cfg"
        lines = {
            "tickTime": 500, "initLimit": 10, "syncLimit": 4, "dataDir": self.data,
            "clientPort": client_port, "clientPortAddress": "127.0.0.1",
            "4lw.commands.whitelist": "*", "maxClientCnxns": 0,
            "minSessionTimeout": 1000, "maxSessionTimeout": 60000,
            "admin.enableServer": "false",
        }
        if kind == "quorate":
            lines.update(EXTRA_SETTINGS)
        lines.update(settings or {})
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        for other, (quorum, election) in sorted((members or {}).items()):
            role = ":observer" if other in observers else ""
            text += f"server.{other}=127.0.0.1:{quorum}:{election}{role}\n"
        if kind == "zookeeper" and sid in observers:
            text += "peerType=observer\n"
        self.config.write_text(text)
        if members:
            (self.data / "myid").write_text(f"{sid}\n")
            # A fresh ensemble of ours or a mixed one: this server may vote with an empty disk.
            (self.data / "initialize").touch()

    def command(self):
        if self.kind == "quorate":
            prefix = os.environ.get("QUORATE_SERVER_PREFIX", "").split()
            return prefix + [str(BIN / "quorate-server"), str(self.config)]
        log4j = self.folder / "log4j.properties"
        log4j.write_text("log4j.rootLogger=INFO, OUT\n"
                         "log4j.appender.OUT=org.apache.log4j.ConsoleAppender\n"
                         "log4j.appender.OUT.layout=org.apache.log4j.PatternLayout\n"
                         "log4j.appender.OUT.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} - %m%n\n")
        return ["java", "-Xmx256m", "-Djava.net.preferIPv4Stack=true", *self.jvm_options,
                f"-Dlog4j.configuration=file:{log4j}", "-cp", ZOOKEEPER_CLASSPATH,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.config)]

    def start(self):
        assert self.process is None or self.process.poll() is not None, "runs already"
        self.ended_by_us = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder)
        return self

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def ended_by_itself(self):
        return not self.alive and not self.ended_by_us

    def kill(self, sig=signal.SIGKILL):
        self.ended_by_us = True
        if self.alive:
            self.process.send_signal(sig)
            self.process.wait(PATIENCE_S)
        return self

    def stop(self):
        """SIGTERM; the exit code."""
        self.kill(signal.SIGTERM)
        return self.process.returncode

    def mode(self):
        """"leader", "follower", "observer", "standalone", or "" while not serving."""
        if not self.alive:
            return ""
        for line in four_letter(self.client_port, "srvr").splitlines():
            if line.startswith("Mode: "):
                return line[6:].strip()
        return ""

    def zxid(self):
        for line in four_letter(self.client_port, "srvr").splitlines():
            if line.startswith("Zxid: "):
                return int(line[6:], 16)
        return None

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def log_tail(self, lines=25):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Ensemble:
    """Servers in one temporary folder; all of them end with the test."""

    def __init__(self, kinds, settings=None, keep=False, observers=()):
        # QUORATE_ORACLE=1 runs a test against ZooKeeper alone: what it asks must hold there too.
        if os.environ.get("QUORATE_ORACLE"):
            kinds = ["zookeeper"] * len(kinds)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-test-"))
        count = len(kinds)
        ports = free_ports(3 * count)
        members = None
        if count > 1:
            members = {i + 1: (ports[count + 2 * i], ports[count + 2 * i + 1]) for i in range(count)}
        self.servers = [
            Server(self.folder / str(i + 1), kind, i + 1, ports[i], members, settings, observers)
            for i, kind in enumerate(kinds)
        ]
        self.keep = keep
        atexit.register(self.close)

    def __getitem__(self, sid):
        return self.servers[sid - 1]

    def start(self, serving=True):
        for server in self.servers:
            server.start()
        if serving:
            self.wait_serving()
        return self

    def leader(self):
        return next((s for s in self.servers if s.mode() in ("leader", "standalone")), None)

    def wait_serving(self, count=None):
        """Until one leads and `count` servers (default: all alive) serve; the leader."""
        def ready():
            ended = [s for s in self.servers if s.process is not None and s.ended_by_itself]
            if ended:
                raise Missed(f"server {ended[0].sid} ended by itself, exit code "
                             f"{ended[0].process.returncode}")
            alive = [s for s in self.servers if s.alive]
            modes = [s.mode() for s in alive]
            leads = [s for s, m in zip(alive, modes) if m in ("leader", "standalone")]
            wanted = len(alive) if count is None else count
            return leads[0] if len(leads) == 1 and sum(map(bool, modes)) >= wanted else None
        try:
            return wait_for("one leader and all others serving", ready)
        except Missed as missed:
            raise Missed(f"{missed}\n{self.describe()}") from None

    def wait_equal_zxid(self):
        """Until all alive servers have applied the same last zxid."""
        def equal():
            zxids = {s.zxid() for s in self.servers if s.alive}
            return len(zxids) == 1 and None not in zxids
        wait_for("equal zxids", equal)

    @property
    def connect(self):
        return ",".join(s.address for s in self.servers)

    def describe(self):
        parts = []
        for s in self.servers:
            parts.append(f"--- server {s.sid} ({s.kind}) alive={s.alive} mode={s.mode()!r}\n{s.log_tail()}")
        return "\n".join(parts)

    def close(self):
        for server in self.servers:
            try:
                server.kill()
            except (OSError, subprocess.SubprocessError) as error:
                print(f"could not end server {server.sid}: {error}", file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(self.describe(), file=sys.stderr)
        self.close()


def run_tests(tests):
    """Runs functions one by one, prints each with its seconds; exit code 1 when one fails."""
    import traceback
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # What tests have made is put away then, too.
    only = sys.argv[1:]
    failed = 0
    chosen = [t for t in tests if not only or t.__name__ in only]
    for test in chosen:
        begin = time.monotonic()
        try:
            test()
            verdict = "ok"
        except Exception:  # A failing test must not hide the ones after it.
            traceback.print_exc()
            verdict, failed = "FAILED", failed + 1
        print(f"{verdict:6} {time.monotonic() - begin:6.1f} s  {test.__name__}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not chosen else 0)
