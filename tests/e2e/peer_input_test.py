#!/usr/bin/python3
"""Bad input on the election and quorum ports of an ensemble that serves: garbage, cut, oversized and replayed
packets, wrong ids and versions, forged votes. The connection is closed, a log line says why, and clients of all
three servers write all the time without one error."""
import logging
import pathlib
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bad_input_test import closed_by_server, frame, initial_message, member_ports, packet, throw  # noqa: E402
from ensemble import Ensemble, run_tests, wait_for  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import KazooException  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)
FOLLOWERINFO, PROPOSAL, ACK = 11, 2, 3
VERSION = 0x10000


class Writer(threading.Thread):
    """Writes through one server without a pause; any error is one too many."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.sid, self.count, self.errors, self.ending = server.sid, 0, [], threading.Event()
        self.zk = KazooClient(hosts=server.address, timeout=20.0)
        self.zk.start(timeout=60)
        self.zk.ensure_path(f"/w{self.sid}")

    def run(self):
        while not self.ending.is_set():
            try:
                self.zk.create(f"/w{self.sid}/n", b"x", sequence=True)
                self.count += 1
            except KazooException as error:
                self.errors.append(repr(error))
            self.ending.wait(0.005)


class Undisturbed:
    """Three servers, number 2 leading, number 3 following: who comes under the greatest id is not called back by the
    others, so that an impostor gets as far as it can."""

    def __init__(self):
        self.ensemble = Ensemble(["quorate"] * 3)
        for sid in (1, 2):
            self.ensemble[sid].start()
        self.ensemble.wait_serving(2)
        self.ensemble[3].start()
        self.leader = self.ensemble.wait_serving(3)
        self.follower = self.ensemble[3]
        assert self.leader.sid == 2, self.leader.sid
        self.other = self.ensemble[1]
        self.writers = [Writer(server) for server in self.ensemble.servers]
        for writer in self.writers:
            writer.start()
        self.goes_on("the first writes")

    def goes_on(self, after):
        """More writes through each server, none refused, the same leader of the same epoch."""
        counts = [w.count + 10 for w in self.writers]
        wait_for(f"writes after {after}",
                 lambda: any(w.errors for w in self.writers)
                 or all(w.count >= n for w, n in zip(self.writers, counts)))
        for writer in self.writers:
            assert not writer.errors, f"{after}: client of server {writer.sid}: {writer.errors}\n{self.ensemble.describe()}"
        assert self.leader.mode() == "leader" and self.leader.zxid() >> 32 == 1, after
        for server in self.ensemble.servers:
            assert server.alive, server.log_tail()

    def refused(self, what, server, port, data, line, patience=10.0):
        """`data` gets its connection closed; the log then has `line`."""
        start = server.log.stat().st_size
        with throw(member_ports(server, server.sid)[port], data) as sock:
            assert closed_by_server(sock, patience), f"stays open: {what}"
        if line:
            wait_for(f"a log line {line!r} after {what}",
                     lambda: line in server.log.read_text(errors="replace")[start:], timeout=10)
        self.goes_on(what)

    def log_says(self, server, start, line):
        wait_for(f"a log line {line!r}", lambda: line in server.log.read_text(errors="replace")[start:], timeout=20)

    def close(self):
        for writer in self.writers:
            writer.ending.set()
        for writer in self.writers:
            writer.join(10)
            writer.zk.stop()
            writer.zk.close()
        self.ensemble.wait_equal_zxid()
        for server in self.ensemble.servers:
            assert "digest mismatch" not in server.log.read_text(errors="replace")
            assert server.stop() == 0, server.log_tail()
        self.ensemble.close()


def info(sid, version=VERSION, epoch=0):
    return packet(FOLLOWERINFO, epoch << 32, struct.pack(">qiq", sid, version, 0))


def vote(leader, epoch, round_=1, state=0):
    config = b"version=0"
    return frame(struct.pack(">iqqqqii", state, leader, epoch << 32, round_, epoch, 2, len(config)) + config)


def quorum_port():
    world = Undisturbed()
    follower, leader = world.follower.sid, world.leader
    lines = [
        ("garbage", b"GET / HTTP/1.1\r\n\r\n", "malformed"),
        ("packets of no type", b"\xff" * 64, "unexpected packet type -1"),
        ("an oversized packet", struct.pack(">iqi", FOLLOWERINFO, 0, 0x7fffffff), "malformed"),
        ("a PROPOSAL from nobody", packet(PROPOSAL, 1 << 32 | 5, b"x"), "unexpected PROPOSAL"),
        ("an ACK from nobody", packet(ACK, 1 << 32 | 5), "unexpected ACK"),
        ("half a FOLLOWERINFO in a whole packet", packet(FOLLOWERINFO, 0, b"\0" * 5), "malformed FOLLOWERINFO"),
        ("an id of no member", info(99), "not a member: server 99"),
        ("the leader's own id", info(leader.sid), f"not a member: server {leader.sid}"),
        ("an old version of the protocol", info(follower, 0x0ffff), "version 65535 of the protocol"),
        ("a later version of the protocol", info(follower, 0x20000), "version 131072 of the protocol"),
        ("a replayed FOLLOWERINFO", info(follower, epoch=1), f"server {follower} is connected already"),
        ("one with a greater epoch", info(follower, epoch=1000), f"server {follower} is connected already"),
        ("one with an absurd epoch", info(follower, epoch=0x7fffffff), "is connected already"),
        ("a replayed session", info(follower, epoch=1) + packet(17, 1 << 32) + packet(ACK, 1 << 32) * 3,
         "is connected already"),
    ]
    for what, data, line in lines:
        world.refused(what, leader, 0, data, line)
    world.refused("a packet cut short, its sender silent", leader, 0, info(follower)[:20], "silent", patience=20)
    for what, data, _ in lines:
        world.refused(what + ", to a follower", world.follower, 0, data, None)
    world.close()


def election_port():
    world = Undisturbed()
    refusal = "last-address=127.0.0.1:"
    malformed = 'server=3 reason="a frame of an impossible length"'
    for server in (world.leader, world.follower):
        for what, data in (("garbage", b"GET / HTTP/1.1\r\n\r\n"), ("ones", b"\xff" * 64),
                           ("an id of no member", initial_message(99)),
                           ("the server's own id", initial_message(server.sid)),
                           ("another version", struct.pack(">qqi", -7, 1, 4) + b"abcd"),
                           ("an oversized address", struct.pack(">qqi", -65536, 1, 1 << 30)),
                           ("a message cut short, its sender silent", initial_message(1)[:10])):
            world.refused(what, server, 1, data, refusal, patience=20)
    # Under a member's id. Only one that is greater than the server's own is not closed at once, to be called back.
    greatest = world.follower.sid
    for what, data in (("an oversized frame", struct.pack(">i", 1 << 30)), ("an empty frame", struct.pack(">i", 0)),
                       ("a frame of a negative length", struct.pack(">i", -1))):
        world.refused(what, world.other, 1, initial_message(greatest) + data, malformed)
    # A whole frame of nonsense costs that message, not the connection.
    start = world.other.log.stat().st_size
    with throw(member_ports(world.other, 1)[1], initial_message(greatest) + frame(b"\1\2\3")):
        world.log_says(world.other, start, "election-malformed notifications=1")
        world.goes_on("a frame of nonsense")
    for votes in (vote(greatest, 500, 1000) * 3, vote(99, 5), vote(greatest, 500, 1000, state=2)):
        for server in (world.leader, world.other):
            with throw(member_ports(server, server.sid)[1], initial_message(greatest) + votes):
                world.goes_on("forged votes")
    world.close()


if __name__ == "__main__":
    run_tests([quorum_port, election_port])
