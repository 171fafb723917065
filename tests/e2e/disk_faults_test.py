#!/usr/bin/python3
"""What an operator meets when the disk or its folder is not as it should be: a message with the remedy,
an exit code, nothing acknowledged lost, nothing destroyed."""
import ctypes
import ctypes.util
import logging
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, Server, four_letter, free_ports, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.retry import KazooRetry  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It logs each refused connection.
LIBC = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


class SmallDisk:
    """A file system of a few MiB at `folder`; None of this where mounting is not permitted."""

    def __init__(self, folder, mebibytes):
        self.folder = str(folder)
        code = LIBC.mount(b"tmpfs", self.folder.encode(), b"tmpfs", 0, b"size=%dm" % mebibytes)
        self.mounted = code == 0
        if not self.mounted:
            print(f"skipped: a small file system cannot be mounted here: {os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.mounted:
            LIBC.umount2(self.folder.encode(), 2)  # MNT_DETACH


def connect(server):
    client = KazooClient(hosts=server.address, timeout=20.0,
                         connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2))
    client.start(timeout=30)
    return client


def ended(server):
    wait_for("the server to end", lambda: server.process.poll() is not None)
    return server.process.returncode, server.log.read_text()


def a_full_disk_stops_the_server_and_nothing_acknowledged_is_lost():
    with Ensemble(["quorate"], {"preAllocSize": 1024, "snapCount": 1000000}) as ensemble:
        server = ensemble[1]
        with SmallDisk(server.data, 24) as disk:
            if not disk.mounted:
                return
            ballast = server.data / "ballast"
            ballast.write_bytes(b"x" * (12 << 20))
            ensemble.start()
            client = connect(server)
            client.create("/full", b"")
            acknowledged, number = [], 0

            def note(path):
                return lambda result: acknowledged.append(path) if result.exception is None else None

            def progress():
                nonlocal number
                while client.connected and number - len(acknowledged) < 20 and number < 2000:
                    path = f"/full/{number}"
                    client.create_async(path, b"%d" % number * 10000).rawlink(note(path))
                    number += 1
                return server.process.poll() is not None
            wait_for("the disk to be full", progress, interval=0.005)
            code, log = ended(server)
            assert code == 10, (code, log[-2000:])
            assert "No space left on device" in log and "Free space there" in log, log[-2000:]
            assert len(acknowledged) > 20, len(acknowledged)
            # Started again on the full disk it either serves or says why not; it destroys nothing.
            ballast.unlink()
            server.start()
            ensemble.wait_serving()
            wait_for("reconnected", lambda: client.connected)
            client.sync("/full")
            present = {f"/full/{name}" for name in client.get_children("/full")}
            missing = set(acknowledged) - present
            assert not missing, f"{len(missing)} acknowledged writes are gone, e.g. {sorted(missing)[:3]}"
            client.create("/after", b"")
            print(f"       {len(acknowledged)} acknowledged before the disk was full")
            client.stop()
            client.close()
            assert server.stop() == 0


def a_start_on_a_full_disk_destroys_nothing():
    with Ensemble(["quorate"], {"preAllocSize": 1024}) as ensemble:
        server = ensemble[1]
        with SmallDisk(server.data, 16) as disk:
            if not disk.mounted:
                return
            ensemble.start()
            client = connect(server)
            for i in range(50):
                client.create(f"/{i}", b"x" * 100)
            client.stop()
            client.close()
            server.kill()
            with open(server.data / "ballast", "wb", buffering=0) as ballast:
                try:
                    while ballast.write(b"x" * 65536):
                        pass
                except OSError:
                    pass
            server.start()
            wait_for("an answer or an end", lambda: server.mode() or server.process.poll() is not None)
            if server.process.poll() is not None:
                code, log = ended(server)
                assert code == 10 and "No space left on device" in log, (code, log[-2000:])
            server.kill()
            (server.data / "ballast").unlink()
            server.start()
            ensemble.wait_serving()
            client = connect(server)
            assert {str(i) for i in range(50)} <= set(client.get_children("/"))
            client.stop()
            client.close()


def a_folder_that_is_not_there_yet_is_made():
    with Ensemble(["quorate"], {"dataDir": "fresh/data"}) as ensemble:
        ensemble.start()  # Relative to where the server was started.
        assert (ensemble[1].folder / "fresh" / "data" / "quorate-1").is_dir()


def a_second_process_on_the_folder_is_refused():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        first = ensemble[1]
        second = Server(ensemble.folder / "second", "quorate", 1, free_ports(1)[0],
                        settings={"dataDir": first.data})
        code, log = ended(second.start())
        assert code == 3, (code, log)
        assert str(first.data) in log and "in use by another process" in log, log
        assert first.mode() == "standalone"
        first.kill()
        second.start()  # A killed process gives it back.
        wait_for("the second to serve", lambda: second.mode() == "standalone")
        second.kill()


def data_of_zookeeper_is_not_started_beside():
    with Ensemble(["quorate"]) as ensemble:
        server = ensemble[1]
        (server.data / "version-2").mkdir()
        (server.data / "version-2" / "snapshot.0").write_bytes(b"ZKSN")
        code, log = ended(server.start())
        assert code == 2, (code, log)
        assert "version-2" in log and "--import" in log, log
        assert not (server.data / "quorate-1").exists()


def damage_is_refused_with_file_and_offset():
    with Ensemble(["quorate"]) as ensemble:
        ensemble.start()
        server = ensemble[1]
        client = connect(server)
        for i in range(20):
            client.create(f"/{i}", b"x" * 100)
        client.stop()
        client.close()
        server.kill()
        segment = sorted((server.data / "quorate-1").glob("gen-*/log/log-*"))[-1]
        with open(segment, "r+b") as file:
            file.seek(512 + 300)
            byte = file.read(1)[0]
            file.seek(512 + 300)
            file.write(bytes([byte ^ 4]))
        before = segment.read_bytes()
        code, log = ended(server.start())
        assert code == 10, (code, log)
        assert str(segment) in log and "damaged at offset" in log and "Restore" in log, log[-2000:]
        assert segment.read_bytes() == before


def without_force_sync_only_standalone_starts():
    with Ensemble(["quorate"], {"forceSync": "no"}) as ensemble:
        ensemble.start()
        client = connect(ensemble[1])
        client.create("/a", b"")
        client.stop()
        client.close()
        assert "forceSync=no" in ensemble[1].log.read_text()
        assert ensemble[1].stop() == 0
    with Ensemble(["quorate"] * 3, {"forceSync": "no"}) as ensemble:
        code, log = ended(ensemble[1].start())
        assert code == 2, (code, log)
        assert "forceSync" in log and "standalone" in log, log


def slow_syncs_are_counted_and_warned_of():
    with Ensemble(["quorate"], {"fsync.warningthresholdms": 0}) as ensemble:
        ensemble.start()
        client = connect(ensemble[1])
        for i in range(20):
            client.create(f"/{i}", b"")
        client.stop()
        client.close()
        values = dict(line.split("\t") for line in
                      four_letter(ensemble[1].client_port, "mntr").splitlines() if line.count("\t") == 1)
        assert int(values["zk_fsync_threshold_exceed_count"]) >= 20, values
        assert "log_sync_slow" in ensemble[1].log.read_text()


if __name__ == "__main__":
    run_tests([a_full_disk_stops_the_server_and_nothing_acknowledged_is_lost,
               a_start_on_a_full_disk_destroys_nothing, a_folder_that_is_not_there_yet_is_made,
               a_second_process_on_the_folder_is_refused,
               data_of_zookeeper_is_not_started_beside, damage_is_refused_with_file_and_offset,
               without_force_sync_only_standalone_starts, slow_syncs_are_counted_and_warned_of])
