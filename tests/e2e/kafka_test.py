#!/usr/bin/python3
"""Kafka 3.9 whose ZooKeeper is Quorate, three brokers on three servers: KafkaBus keeps what bus.h promises; the pipeline's
answers are exact while the controller's broker, the leading server, another broker and a consumer are killed."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parent)]
from ensemble import BIN, ROOT, Ensemble, run_tests, wait_for  # noqa: E402
from kafka import Kafka, NoKafka, jars  # noqa: E402
from pipeline_test import TOOL, Processes, aggregate, check_equal, generated, run  # noqa: E402

PARTITIONS = 4
EVENTS = int(os.environ.get("QUORATE_KAFKA_EVENTS", "20000"))
ensemble = kafka = None


class OnKafka(Processes):
    """Consumers of one topic, their bus Kafka; a producer that is fed as fast as the test likes."""

    def __init__(self, folder, topic):
        super().__init__(folder, ensemble.connect)
        self.address, self.topic = kafka.bus, topic
        self.feeding = None

    def start_consumer(self, group="g", *more):
        return super().start_consumer(group, "--topic", self.topic, "--partitions", PARTITIONS, "--commit-ms", 500, *more)

    def start_producer(self, text, at_once):
        """Feeds `text` in small portions until `at_once` is set, then the rest: events flow as long as the test wants."""
        with open(self.folder / "producer.log", "wb") as out:
            producer = subprocess.Popen([TOOL, "produce", "-", "--bus", self.address, "--topic", self.topic, "--partitions",
                                         str(PARTITIONS), "--batch", "400"], stdin=subprocess.PIPE, stdout=out, stderr=out)
        self.running["producer"] = producer

        def feed():
            lines, at = text.encode().splitlines(keepends=True), 0
            try:
                while at < len(lines) and not at_once.wait(0.1):
                    portion = max(1, min(100, (len(lines) - at) // 20))  # It grows thinner, and does not run dry.
                    producer.stdin.write(b"".join(lines[at:at + portion]))
                    producer.stdin.flush()
                    at += portion
                producer.stdin.write(b"".join(lines[at:]))
                producer.stdin.close()
            except BrokenPipeError:
                pass  # The test sees how the producer ended.
        self.feeding = threading.Thread(target=feed, daemon=True)
        self.feeding.start()

    def wait_produced(self):
        self.feeding.join(120)
        assert self.running.pop("producer").wait(120) == 0, self.log("producer")
        return json.loads(self.log("producer").splitlines()[-1])

    def answers(self, group="g"):
        told = json.loads(run("view", "--connect", self.connect, "--bus", self.address, "--topic", self.topic, "--group", group,
                              "--folder", self.folder / "views", "--wait-s", 60))
        assert sum(told["lag"]) == 0, (told["lag"], {name: self.log(name)[-500:] for name in self.running})
        return told["answers"]


def replicas(topic):
    return sorted(len(nodes) for nodes in kafka.node(f"/brokers/topics/{topic}")["partitions"].values())


def kafka_keeps_what_every_bus_promises():
    done = subprocess.run([str(BIN / "test_pipeline"), "--test-case=bus contract*"], cwd=ROOT, capture_output=True, text=True,
                          timeout=180, env={**os.environ, "QUORATE_TEST_BUS": kafka.bus})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = [line for line in done.stdout.splitlines() if "test cases:" in line]
    assert passed and " 0 passed" not in passed[0], done.stdout
    print(f"       {passed[0]}")


def every_answer_through_kafka_is_that_of_aggregate():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        generated(folder / "log", "--seed", 5, "--duplicates", 0.05)
        processes = OnKafka(folder, "hits")
        try:
            told = json.loads(run("produce", folder / "log", "--bus", kafka.bus, "--topic", "hits", "--partitions", PARTITIONS))
            assert replicas("hits") == [3] * PARTITIONS, replicas("hits")
            made = kafka.node("/config/topics/hits")["config"]
            assert made["retention.bytes"] == made["retention.ms"] == "-1" and made["message.timestamp.type"] == "LogAppendTime", made
            (folder / "none").touch()
            run("produce", folder / "none", "--bus", kafka.bus, "--topic", "hits", "--partitions", PARTITIONS, "--retention-bytes", 2**30)
            renewed = wait_for("the retention is renewed", lambda: (now := kafka.node("/config/topics/hits")["config"]) != made and now)
            assert renewed == {**made, "retention.bytes": str(2**30), "segment.bytes": str(2**27)}, renewed
            expected = aggregate(folder / "log")
            for group in ("one", "two"):  # Each group reads all of it.
                consumers = [processes.start_consumer(group) for _ in range(2)]
                check_equal(processes.answers(group), expected["answers"])
                handled = sum(processes.stop(consumer)["records"] for consumer in consumers)
                assert handled == told["events"], (handled, told)
        finally:
            processes.close()


def all_servers_killed_at_once_cost_no_broker_its_session():
    """Registrations tell when they were made: they are the same ones afterwards."""
    def registered():
        return [kafka.node(path) for path in ("/controller", "/controller_epoch", *(f"/brokers/ids/{b.id}" for b in kafka.brokers))]
    before = registered()
    assert None not in before, before
    for server in ensemble.servers:
        server.kill()
    for server in ensemble.servers:
        server.start()
    ensemble.wait_serving()
    with tempfile.TemporaryDirectory() as name:
        generated(pathlib.Path(name) / "log", lines=500)
        run("produce", pathlib.Path(name) / "log", "--bus", kafka.bus, "--topic", "after", "--partitions", 2)
    assert replicas("after") == [3, 3] and registered() == before, (before, registered())


def brokers_the_controller_and_the_leading_server_killed_while_events_flow():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = generated(folder / "log", "--seed", 9, "--duplicates", 0.05, lines=EVENTS)
        processes = OnKafka(folder, "flow")
        at_once = threading.Event()
        try:
            victim = processes.start_consumer()
            processes.start_consumer()
            processes.start_producer(text, at_once)
            wait_for("the topic is on all brokers", lambda: kafka.node("/brokers/topics/flow") and
                     kafka.in_sync("flow", PARTITIONS) == [3] * PARTITIONS)
            assert replicas("flow") == [3] * PARTITIONS

            begin = time.monotonic()
            controller, epoch = kafka.controller(), kafka.node("/controller_epoch")
            kafka[controller].kill()
            # Its session's end and the election of the next are for another leader to order.
            leader = ensemble.leader().kill()
            ensemble.wait_serving(count=2)
            served = time.monotonic()
            heir = wait_for("another broker is controller", lambda: kafka.controller() not in (None, controller) and kafka.controller(),
                            interval=0.1)
            elected = time.monotonic()
            assert kafka.node("/controller_epoch") > epoch
            leader.start()
            kafka.restart(controller).wait_started()
            wait_for("its replicas are in sync again", lambda: kafka.in_sync("flow", PARTITIONS) == [3] * PARTITIONS, interval=0.2)

            processes.kill(victim)
            processes.start_consumer()
            other = next(broker.id for broker in kafka.brokers if broker.id not in (controller, heir))
            kafka[other].kill()
            kafka.restart(other).wait_started()
            assert "producer" in processes.running and processes.running["producer"].poll() is None, processes.log("producer")
            at_once.set()
            told = processes.wait_produced()
            expected = aggregate(folder / "log")
            assert told["events"] == expected["events"] + expected["duplicates"], (told, expected["events"])
            check_equal(processes.answers(), expected["answers"])
            wait_for("all replicas in sync", lambda: kafka.in_sync("flow", PARTITIONS) == [3] * PARTITIONS, interval=0.2)
            print(f"       {expected['events']} hits exact; a server led {served - begin:.1f} s, a controller {elected - begin:.1f} s after "
                  f"both were killed (Kafka's session: 4 s)")
        finally:
            processes.close()


def the_script_starts_brokers_and_leaves_none_behind():
    script = subprocess.Popen([str(ROOT / "scripts" / "kafka"), "--zookeeper", f"{ensemble.connect}/alone", "--brokers", "1"],
                              stdout=subprocess.PIPE, text=True)
    try:
        word, _, pid = script.stdout.readline().split()[1:4]
        listening = script.stdout.readline().split()
        assert word == "1" and listening[0] == "listening", listening
        with tempfile.TemporaryDirectory() as name:
            generated(pathlib.Path(name) / "log", lines=500)
            run("produce", pathlib.Path(name) / "log", "--bus", listening[1], "--topic", "t", "--partitions", 1)
    finally:
        script.send_signal(signal.SIGTERM)
        assert script.wait(60) == 0
    assert not pathlib.Path("/proc", pid).exists()
    done = subprocess.run([str(ROOT / "scripts" / "kafka"), "--fetch"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "QUORATE_KAFKA_JARS": "/no/such/folder"})
    assert done.returncode == 4 and "--bus kafka:HOST:PORT" in done.stderr and done.stderr.count("\n") == 1, done


def described(test):
    """With what the brokers and servers say when it fails."""
    def run_it():
        try:
            test()
        except BaseException:
            print(kafka.describe() + "\n" + ensemble.describe(), file=sys.stderr)
            raise
    run_it.__name__ = test.__name__
    return run_it


def main():
    global ensemble, kafka
    try:
        jars()
    except NoKafka as missing:
        print(f"skipped: {missing}")
        return
    begin = time.monotonic()
    ensemble = Ensemble(["quorate"] * 3).start()
    kafka = Kafka(f"{ensemble.connect}/kafka", brokers=3, session_timeout_ms=4000, leash=True)  # This thread lives as long.
    kafka.start()
    print(f"three brokers on three servers after {time.monotonic() - begin:.1f} s")
    run_tests([described(test) for test in (
        kafka_keeps_what_every_bus_promises, every_answer_through_kafka_is_that_of_aggregate,
        all_servers_killed_at_once_cost_no_broker_its_session, brokers_the_controller_and_the_leading_server_killed_while_events_flow,
        the_script_starts_brokers_and_leaves_none_behind)])


if __name__ == "__main__":
    main()
