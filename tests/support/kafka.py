"""Real Apache Kafka brokers whose ZooKeeper is an ensemble of ours: for tests and scripts/kafka.

Kafka's jars come through the user's own Maven, once, into build/kafka; or lie in $QUORATE_KAFKA_JARS.
Standard library only. Everything listens on 127.0.0.1.
"""
import atexit
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from ensemble import BIN, PATIENCE_S, ROOT, Missed, free_ports, wait_for

VERSION = os.environ.get("QUORATE_KAFKA_VERSION", "3.9.1")
SCALA = "2.13"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>quorate</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{scala}</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
LOGGING = """log4j.rootLogger=INFO, OUT
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} - %m%n
"""
STARTED = "KafkaServer id={id}] started"


class NoKafka(Exception):
    """Kafka cannot be had here; one line that says why, and what to do."""

    def __init__(self, why):
        super().__init__(f"no Kafka: {why}; fetch its jars with scripts/kafka --fetch where Maven works and name their folder in "
                         "QUORATE_KAFKA_JARS, or point at a cluster that runs: --bus kafka:HOST:PORT")


def is_there(folder):
    return all(any(folder.glob(jar)) for jar in (f"kafka_{SCALA}-*.jar", "slf4j-reload4j-*.jar"))


def jars(patience_s=120):
    """The folder of Kafka's jars, fetched when it is not there yet; NoKafka."""
    if shutil.which("java") is None:
        raise NoKafka("java is missing (package default-jre-headless)")
    named = os.environ.get("QUORATE_KAFKA_JARS")
    folder = pathlib.Path(named) if named else ROOT / "build" / "kafka" / VERSION
    if is_there(folder):
        return folder
    if named:
        raise NoKafka(f"QUORATE_KAFKA_JARS={named} holds no kafka_{SCALA}-*.jar, or no slf4j-reload4j-*.jar")
    if shutil.which("mvn") is None:
        raise NoKafka("mvn is missing (package maven)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the place where they belong, and moved there whole: a fetch may be cut off.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        pom = pathlib.Path(scratch) / "pom.xml"
        pom.write_text(POM.format(scala=SCALA, version=VERSION))
        fetched = pathlib.Path(scratch) / "jars"
        try:
            done = subprocess.run(
                ["mvn", "-B", "-q", "-f", pom, COPY, f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience_s, preexec_fn=end_with_parent())
        except subprocess.TimeoutExpired:
            raise NoKafka(f"Maven has not fetched it within {patience_s} s") from None
        if done.returncode != 0 or not is_there(fetched):
            told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)  # It colours even what goes into a pipe.
            errors = [line for line in told.splitlines() if "ERROR" in line]
            raise NoKafka("Maven does not get it: " + (errors[0] if errors else f"exit code {done.returncode}")[:300])
        try:
            fetched.rename(folder)
        except OSError:
            if not is_there(folder):  # Another process was faster.
                raise
    return folder


def end_with_parent():
    """For `preexec_fn`: however the parent ends, the kernel ends the child; also when it has ended already."""
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def prepare():
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
    return prepare


class Broker:
    """One Kafka process with its folder, settings and log."""

    def __init__(self, folder, number, port, settings, classpath, heap, leash):
        self.folder, self.id, self.port = pathlib.Path(folder), number, port
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.process, self.leash, self.log_begin = None, leash, 0
        (self.folder / "log4j.properties").write_text(LOGGING)
        lines = {"broker.id": number, "listeners": f"PLAINTEXT://127.0.0.1:{port}", "log.dirs": self.folder / "data", **settings}
        (self.folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        self.command = [
            "java", f"-Xmx{heap}", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-Djava.net.preferIPv4Stack=true", "-Djava.awt.headless=true",
            f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp", f"{classpath}/*",
            "kafka.Kafka", str(self.folder / "server.properties")]

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        assert not self.alive, "runs already"
        self.log_begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            start_new_session=True, preexec_fn=end_with_parent() if self.leash else None)
        return self

    def wait_started(self, timeout=PATIENCE_S):
        def started():
            if not self.alive:
                raise Missed(f"broker {self.id} ended by itself, exit code {self.process.returncode}\n{self.log_tail()}")
            with open(self.log, "rb") as log:
                log.seek(self.log_begin)
                return STARTED.format(id=self.id).encode() in log.read()
        try:
            return wait_for(f"broker {self.id} has started", started, timeout, interval=0.1)
        except Missed as missed:
            raise Missed(f"{missed}\n{self.log_tail()}") from None

    def kill(self, sig=signal.SIGKILL, patience_s=PATIENCE_S):
        if self.alive:
            self.process.send_signal(sig)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(PATIENCE_S)
        return self

    def log_tail(self, lines=25):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Kafka:
    """Brokers of one cluster; all of them end with it."""

    def __init__(self, zookeeper, brokers=3, folder=None, heap="256m", session_timeout_ms=6000, leash=False):
        """`zookeeper`: HOST:PORT,... with a chroot, as Kafka takes it. NoKafka. `leash`: only when the calling
        thread lives as long as the brokers are to."""
        classpath = jars()
        self.zookeeper = zookeeper
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="quorate-kafka-"))
        settings = {
            "zookeeper.connect": zookeeper, "zookeeper.session.timeout.ms": session_timeout_ms,
            "zookeeper.connection.timeout.ms": 60000,
            "default.replication.factor": min(brokers, 3), "min.insync.replicas": 2 if brokers >= 3 else 1,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "auto.create.topics.enable": "false",
            # Of a small machine.
            "num.network.threads": 2, "num.io.threads": 4, "background.threads": 2, "log.cleaner.enable": "false",
            # The last broker of those that stop has nobody to hand its partitions to.
            "controlled.shutdown.max.retries": 1, "controlled.shutdown.retry.backoff.ms": 200,
        }
        ports = free_ports(brokers)
        self.brokers = [Broker(self.folder / f"broker-{i + 1}", i + 1, ports[i], settings, classpath, heap, leash)
                        for i in range(brokers)]
        atexit.register(self.close)

    def __getitem__(self, number):
        return self.brokers[number - 1]

    @property
    def bus(self):
        """What --bus takes."""
        return "kafka:" + ",".join(broker.address for broker in self.brokers)

    def start(self):
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait_started()
        return self

    def node(self, path):
        """The JSON that Kafka keeps in its ensemble at `path`; None where there is no such node, or nobody tells."""
        servers, _, chroot = self.zookeeper.partition("/")
        try:
            done = subprocess.run([str(BIN / "quorate-shell"), "-server", servers, "get", f"/{chroot}{path}"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return None
        return json.loads(done.stdout) if done.returncode == 0 else None

    def controller(self):
        """The id of the broker that leads the cluster; None while there is none."""
        node = self.node("/controller")
        return node and node["brokerid"]

    def restart(self, number, timeout=PATIENCE_S):
        """Starts a broker that has ended. Kafka refuses to while the registration of its former life is there: that
        ends with the session."""
        wait_for(f"the session of broker {number} is over", lambda: self.node(f"/brokers/ids/{number}") is None, timeout, 0.1)
        return self[number].start()

    def in_sync(self, topic, partitions):
        """How many replicas of each partition are in sync."""
        states = [self.node(f"/brokers/topics/{topic}/partitions/{number}/state") for number in range(partitions)]
        return [len(state["isr"]) if state else 0 for state in states]

    def describe(self):
        return "\n".join(f"--- broker {b.id} alive={b.alive}\n{b.log_tail()}" for b in self.brokers)

    def stop(self, patience_s=10):
        """SIGTERM to all, SIGKILL to those that do not end."""
        for broker in self.brokers:
            if broker.alive:
                broker.process.terminate()
        for broker in self.brokers:
            broker.kill(signal.SIGTERM, patience_s)

    def close(self):
        for broker in self.brokers:
            try:
                broker.kill()
            except (OSError, subprocess.SubprocessError) as error:
                print(f"could not end broker {broker.id}: {error}", file=sys.stderr)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(self.describe(), file=sys.stderr)
        self.close()
