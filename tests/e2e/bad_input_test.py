#!/usr/bin/env python3
"""Bad input to the real program: a wrong zoo.cfg names file, line, key and what would be right and
exits with 2; garbage on any port closes that connection, and nothing else."""
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, four_letter, free_ports, wait_for  # noqa: E402

SEED = int(os.environ.get("QUORATE_SEED", "1"))
rng = random.Random(SEED)


# ---- A client in a few lines ---------------------------------------------------------------------
def receive(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


def frame(body):
    return struct.pack(">i", len(body)) + body


CONNECT = frame(struct.pack(">iqiqi", 0, 0, 10000, 0, 16) + bytes(16) + b"\0")


def serves(port):
    """A session is granted and a read and a write of it are answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(CONNECT)
        answer = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
        if struct.unpack(">q", answer[8:16])[0] == 0:
            return False
        path = b"/bad-input-%d" % rng.getrandbits(60)
        acl = struct.pack(">iii", 1, 31, 5) + b"world" + struct.pack(">i", 6) + b"anyone"
        create = struct.pack(">iii", 1, 1, len(path)) + path + struct.pack(">i", 1) + b"x" + acl
        sock.sendall(frame(create + struct.pack(">i", 1)))
        reply = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
        return struct.unpack(">iqi", reply[:16])[2] == 0


def closed_by_server(sock, timeout=10.0):
    sock.settimeout(timeout)
    try:
        while sock.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def throw(port, data):
    """Opens a connection, writes, and returns it."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        sock.sendall(data)
    except OSError:
        pass  # The server may close before everything is written.
    return sock


# ---- zoo.cfg -------------------------------------------------------------------------------------
def wrong_configurations():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-bad-cfg-"))
    data = folder / "data"
    data.mkdir()
    config = folder / "zoo.cfg"
    alone = f"dataDir={data}\nclientPort=2181\n"
    three = ("initLimit=10\nsyncLimit=5\n" + alone +
             "server.1=127.0.0.1:2888:3888\nserver.2=127.0.0.1:2889:3889\nserver.3=127.0.0.1:2890:3890\n")
    cases = [
        (alone + "tickTime=fast\n", None, f'{config}:3: tickTime: "fast": expected a whole number'),
        ("clientPort=2181\n", None, f"{config}: dataDir: is missing"),
        (f"dataDir={data}\n", None, f"{config}: clientPort: is missing"),
        (alone + "minSessionTimeout=9\nmaxSessionTimeout=8\n", None, ":3: minSessionTimeout:"),
        (alone + "electionAlg=2\n", None, ":3: electionAlg: \"2\": only 3 is possible"),
        (three, None, f"{data}/myid: is missing"),
        (three, "7", f"{data}/myid:1: 7 is none of the servers of {config}; expected one of 1, 2, 3"),
        (three, "x", f'{data}/myid:1: "x": expected a whole number'),
        (three + "server.4=127.0.0.1\n", "1", ":8: server.4:"),
        (three + "forceSync=no\n", "1", ":8: forceSync:"),
        (three + "group.1=1:2:x\n", "1", ":8: group.1:"),
    ]
    for text, myid, expected in cases:
        config.write_text(text)
        (data / "myid").unlink(missing_ok=True)
        if myid is not None:
            (data / "myid").write_text(myid)
        done = subprocess.run([BIN / "quorate-server", config], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2, (text, done)
        assert expected in done.stderr, (expected, done.stderr)
    done = subprocess.run([BIN / "quorate-server", folder / "absent.cfg"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "cannot be read" in done.stderr, done
    for arguments in ([], ["a", "b"], ["--frobnicate"]):
        done = subprocess.run([BIN / "quorate-server", *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and "usage:" in done.stderr, done


def taken_ports():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-bad-cfg-"))
        config = folder / "zoo.cfg"
        common = f"dataDir={folder}\nclientPortAddress=127.0.0.1\n"
        config.write_text(common + f"clientPort={taken}\n")
        done = subprocess.run([BIN / "quorate-server", config], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and f"127.0.0.1:{taken}" in done.stderr, done
        client, quorum, q2, e2 = free_ports(4)
        config.write_text(common + f"clientPort={client}\ninitLimit=5\nsyncLimit=5\nelectionPortBindRetry=1\n"
                          f"server.1=127.0.0.1:{quorum}:{taken}\nserver.2=127.0.0.1:{q2}:{e2}\n")
        (folder / "myid").write_text("1")
        done = subprocess.run([BIN / "quorate-server", config], capture_output=True, text=True, timeout=20)
        assert done.returncode == 14 and f"port=election address=127.0.0.1:{taken}" in done.stderr, done


# ---- Client port ---------------------------------------------------------------------------------
def garbage_on_client_port(server):
    port = server.client_port
    # These can be no packet: the server closes.
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"xxxx", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
                 struct.pack(">i", 0x100000), struct.pack(">i", 0), frame(b"\1"), frame(b"\0" * 20),
                 b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(300),  # TLS on the plain port.
                 b"\xff\xf4\xff\xfd", CONNECT + frame(b"\1\2\3"), CONNECT + b"ruok",
                 CONNECT + frame(struct.pack(">ii", 1, 9999)), CONNECT + frame(struct.pack(">ii", 1, 0))):
        with throw(port, data) as sock:
            assert closed_by_server(sock, 20), f"stays open: {data[:40]!r}"
        assert server.alive, f"died of {data[:40]!r}"
    # Records cut short or with absurd lengths: a refusal or a close, never more.
    for op in list(range(-1, 30)) + [100, 101, 102, 103, 104, 105, 106, 107, -10, -11]:
        for body in (b"", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff" * 5, b"\0\0\0\1/" + b"\x40" * 9,
                     rng.randbytes(rng.randrange(1, 60))):
            throw(port, CONNECT + frame(struct.pack(">ii", 1, op) + body)).close()
        assert server.alive, f"died of op {op}"
    for _ in range(300):
        throw(port, rng.randbytes(rng.randrange(1, 400))).close()
    for _ in range(100):
        throw(port, CONNECT + b"".join(frame(rng.randbytes(rng.randrange(0, 80))) for _ in range(5))).close()
    # Closed in the middle of a packet, at every byte of the first and of a later one.
    later = CONNECT + frame(struct.pack(">ii", 1, 4) + struct.pack(">i", 1) + b"/" + b"\0")
    for end in range(1, len(later)):
        throw(port, later[:end]).close()
    assert server.alive, "died of half a packet"
    # A packet in single bytes is a packet all the same.
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(CONNECT)):
            sock.sendall(CONNECT[i:i + 1])
        answer = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
        assert struct.unpack(">q", answer[8:16])[0] != 0
    # Many that never finish a packet do not keep others out.
    half = [throw(port, CONNECT[:rng.randrange(1, 40)]) for _ in range(300)]
    assert serves(port)
    for sock in half:
        sock.close()
    # One that never reads its answers.
    with throw(port, CONNECT + frame(struct.pack(">ii", -2, 11)) * 50000):
        assert serves(port)


def limit_per_address():
    ensemble = Ensemble(["quorate"], settings={"maxClientCnxns": 3}).start()
    port = ensemble[1].client_port
    held = [throw(port, CONNECT) for _ in range(3)]
    for sock in held:
        receive(sock, 41)
    with throw(port, b"") as fourth:
        assert closed_by_server(fourth, 5), "a fourth connection was let in"
    held.pop().close()
    wait_for("a place to be free again", lambda: _try(serves, port))
    ensemble.close()


def _try(function, *arguments):
    try:
        return function(*arguments)
    except OSError:
        return False


# ---- Quorum and election port --------------------------------------------------------------------
def member_ports(server, sid):
    for line in server.config.read_text().splitlines():
        if line.startswith(f"server.{sid}="):
            return [int(part) for part in line.split(":")[1:3]]
    raise AssertionError("no member line")


def packet(kind, zxid=0, data=b"", authinfo=-1):
    return struct.pack(">iqi", kind, zxid, len(data)) + data + struct.pack(">i", authinfo)


def initial_message(sid, address=b"127.0.0.1:1"):
    return struct.pack(">qqi", -65536, sid, len(address)) + address


def garbage_on_server_ports(ensemble):
    for server in ensemble.servers:
        quorum, election = member_ports(server, server.sid)
        pieces = [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\x7f" * 64, packet(99), packet(2), packet(3),
                  packet(11), packet(11, data=b"\0" * 20), packet(16, data=b"\0" * 3),
                  packet(11, data=struct.pack(">qiq", 77, 0x10000, 0)),
                  packet(11, zxid=-1, data=struct.pack(">qiq", server.sid, 0x10000, 0)),
                  struct.pack(">iqi", 11, 0, 0x7fffffff), struct.pack(">iqii", 5, 0, 0, 0x7fffffff)]
        for data in pieces:
            with throw(quorum, data):
                pass
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, initial_message(server.sid),
                     initial_message(99), struct.pack(">qqi", -65536, 99, 1 << 30),
                     struct.pack(">qqi", -3, 1, 4) + b"abcd"):
            with throw(election, data) as sock:
                assert closed_by_server(sock, 20), f"election port stays open: {data[:40]!r}"
        for _ in range(100):
            throw(quorum, rng.randbytes(rng.randrange(1, 300))).close()
            throw(election, rng.randbytes(rng.randrange(1, 300))).close()
        assert server.alive, server.log_tail()


def impostor_on_election_port(ensemble):
    """Under a member's id: absurd frames end that stream; the ensemble finds together again."""
    for server in ensemble.servers:
        _, election = member_ports(server, server.sid)
        for sid in (s.sid for s in ensemble.servers if s is not server):
            for body in (b"", struct.pack(">i", 0), struct.pack(">i", 524289), struct.pack(">i", -1),
                         frame(b"\1\2\3"), frame(rng.randbytes(44)), frame(b"\0" * 28),
                         frame(struct.pack(">iqqqqii", 0, 3, 1, 1, 1, 2, 1 << 30))):
                throw(election, initial_message(sid) + body).close()
        assert server.alive, server.log_tail()


def half_open_flood(ensemble):
    held = []
    for server in ensemble.servers:
        quorum, election = member_ports(server, server.sid)
        for _ in range(100):
            held.append(throw(quorum, b"\0\0"))
            held.append(throw(election, b"\xff\xff\xff"))
    # With all of them still open, a server that comes back is let in.
    follower = next(s for s in ensemble.servers if s.mode() == "follower")
    follower.kill()
    follower.start()
    ensemble.wait_serving()
    for sock in held:
        sock.close()


def main():
    print(f"seed {SEED}")
    wrong_configurations()
    taken_ports()
    alone = Ensemble(["quorate"]).start()
    pid = alone[1].process.pid
    garbage_on_client_port(alone[1])
    assert serves(alone[1].client_port)
    assert alone[1].process.pid == pid and alone[1].alive
    assert alone[1].stop() == 0, alone[1].log_tail()
    limit_per_address()

    three = Ensemble(["quorate"] * 3).start()
    garbage_on_server_ports(three)
    three.wait_serving()
    impostor_on_election_port(three)
    half_open_flood(three)
    three.wait_serving()
    for server in three.servers:
        assert server.alive, server.log_tail()
        wait_for(f"server {server.sid} to serve", lambda port=server.client_port: _try(serves, port))
    assert four_letter(three[1].client_port, "ruok") == "imok"
    print("ok")


if __name__ == "__main__":
    main()
