#!/usr/bin/python3
"""scripts/demo --bus kafka: brokers of its own, numbers that move, another demo on the same brokers, and an end that leaves
neither process nor file."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parent)]
import demo_test  # noqa: E402
from demo_test import DEMO, ENVIRONMENT, nothing_is_left, processes_of  # noqa: E402
from ensemble import run_tests, wait_for  # noqa: E402
from kafka import NoKafka, jars  # noqa: E402

UP = "Ctrl-C ends all of it"


class Demo(demo_test.Demo):
    """A demo that has been started; what it says is waited for one by one."""

    def __init__(self, folder, *words):
        super().__init__(folder, *words, name=words[0])

    def __enter__(self):
        return self

    def sees(self, what, pattern, timeout=120):
        """The first match in what it says."""
        def look():
            assert self.process.poll() is None, self.said()
            return re.search(pattern, self.said(), re.MULTILINE)
        return wait_for(what, look, timeout)

    def ends(self, number):
        """By a signal; nothing is left of it."""
        self.process.send_signal(number)
        assert self.process.wait(60) == 128 + number, (self.process.returncode, self.said())
        nothing_is_left(self.folder, 5)
        assert "Traceback" not in self.said(), self.said()


def demos_run_on_brokers_of_their_own_and_leave_none_behind():
    with tempfile.TemporaryDirectory() as folder, Demo(folder, "lambda", "--bus", "kafka", "--every-s", "0", "--rate", "500") as one:
        bus = one.sees("the demo runs", rf"^bus +(kafka:127\.0\.0\.1:\d+)$(?=[\s\S]*{UP})")[1]
        assert "java" in {words[0] for words in processes_of(one.folder).values()}, processes_of(one.folder)
        hits = one.sees("hits", r"^hits: ([1-9][\d,]*) .*drift gauge")[1]
        one.sees("more hits", rf"^hits: (?!{hits} )[1-9]")
        # The same topic: what the first one collects, the second one counts as well.
        with Demo(folder, "kappa", "--bus", bus, "--rate", "500") as other:
            other.sees("the other demo runs", UP)
            other.sees("its table", r"^\* +1 +active +v1 ")
            other.ends(signal.SIGTERM)
        one.ends(signal.SIGINT)
        brokers = list(one.folder.glob("kafka/broker-*"))
        assert len(brokers) == 1, brokers


def without_kafka_it_says_how_to_do_without():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*DEMO, "lambda", "--bus", "kafka", "--dir", folder], capture_output=True, text=True, timeout=60,
                              env={**ENVIRONMENT, "QUORATE_KAFKA_JARS": "/no/such/folder"}, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and "--bus kafka:HOST:PORT" in done.stderr and "Traceback" not in done.stderr, done
        nothing_is_left(folder, 5)


def main():
    try:
        jars()
    except NoKafka as missing:
        print(f"skipped: {missing}")
        return
    run_tests([without_kafka_it_says_how_to_do_without, demos_run_on_brokers_of_their_own_and_leave_none_behind])


if __name__ == "__main__":
    main()
