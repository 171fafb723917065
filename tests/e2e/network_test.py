#!/usr/bin/python3
"""The client port as an operator and a hostile client see it: limits, back pressure, fairness, slow
and silent clients, running out of descriptors, and a stop that answers what is under way. Each test
runs with the sockets on the event loop and on threads of their own."""
import os
import pathlib
import resource
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, four_letter, run_tests, wait_for  # noqa: E402

THREADS = ("0", "2")


def frame(body):
    return struct.pack(">i", len(body)) + body


CONNECT = frame(struct.pack(">iqiqi", 0, 0, 30000, 0, 16) + bytes(16) + b"\0")


def receive(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(min(1 << 20, count - len(data)))
        if not part:
            raise OSError("closed")
        data += part
    return data


def reply(sock):
    body = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
    return struct.unpack(">iqi", body[:16]) + (body[16:],)


def path_bytes(path):
    return struct.pack(">i", len(path)) + path


def create(xid, path, data):
    acl = struct.pack(">iii", 1, 31, 5) + b"world" + struct.pack(">i", 6) + b"anyone"
    return frame(struct.pack(">ii", xid, 1) + path_bytes(path) + struct.pack(">i", len(data)) + data +
                 acl + struct.pack(">i", 0))


def get_data(xid, path):
    return frame(struct.pack(">ii", xid, 4) + path_bytes(path) + b"\0")


def set_data(xid, path, data):
    return frame(struct.pack(">ii", xid, 5) + path_bytes(path) + struct.pack(">i", len(data)) + data +
                 struct.pack(">i", -1))


PING = frame(struct.pack(">ii", -2, 11))


def session(port, host="127.0.0.1"):
    sock = socket.create_connection((host, port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(CONNECT)
    answer = receive(sock, struct.unpack(">i", receive(sock, 4))[0])
    assert struct.unpack(">q", answer[8:16])[0] != 0
    return sock


def let_in(port):
    try:
        session(port).close()
        return True
    except OSError:
        return False


def each_mode(**settings):
    for threads in THREADS:
        lines = {key.replace("__", "."): value for key, value in settings.items()}
        lines["netThreads"] = threads
        with Ensemble(["quorate"], settings=lines).start() as ensemble:
            yield ensemble[1]


def memory_kib(server):
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def answers_larger_than_memory():
    """A thousand reads of a megabyte in one go: all are answered, and few are in memory at a time."""
    for server in each_mode(client__outBytesMax=8 << 20):
        with session(server.client_port) as sock:
            sock.sendall(create(1, b"/big", b"x" * 1000000))
            assert reply(sock)[2] == 0
            before = memory_kib(server)
            sock.sendall(b"".join(get_data(i, b"/big") for i in range(2, 302)))
            for i in range(2, 302):
                xid, _, error, body = reply(sock)
                assert (xid, error) == (i, 0) and len(body) > 1000000
            grown = memory_kib(server) - before
            assert grown < 64 << 10, f"{grown} KiB more than before"


def who_takes_no_answers():
    """It is not read any more, holds a bounded amount, and nobody else notices."""
    for server in each_mode():
        with session(server.client_port) as sock, session(server.client_port) as modest:
            sock.sendall(create(1, b"/big", b"x" * 1000000))
            assert reply(sock)[2] == 0
            before = memory_kib(server)
            sock.settimeout(0.5)
            try:
                while True:
                    sock.sendall(get_data(2, b"/big") * 100)
            except OSError:
                pass
            for i in range(100):
                modest.sendall(get_data(i, b"/"))
                assert reply(modest)[:1] == (i,)
            assert memory_kib(server) - before < 96 << 10


def a_flood_starves_nobody():
    """One client keeps ten thousand writes on their way; another one's are answered all the same."""
    for server in each_mode():
        with session(server.client_port) as flood, session(server.client_port) as modest:
            flood.sendall(create(1, b"/flood", b""))
            reply(flood)
            stop = threading.Event()

            def send():
                batch = set_data(2, b"/flood", b"y" * 50) * 1000
                try:
                    while not stop.is_set():
                        flood.sendall(batch)
                except OSError:
                    pass

            def drain():
                try:
                    while flood.recv(1 << 20):
                        pass
                except OSError:
                    pass
            workers = [threading.Thread(target=send), threading.Thread(target=drain)]
            for worker in workers:
                worker.start()
            times = []
            for i in range(40):
                begin = time.monotonic()
                modest.sendall(set_data(i, b"/flood", b"z"))
                assert reply(modest)[0] == i
                times.append(time.monotonic() - begin)
            stop.set()
            flood.shutdown(socket.SHUT_RDWR)
            for worker in workers:
                worker.join()
            assert sorted(times)[len(times) // 2] < 1.0, f"a write took {sorted(times)} s"


def slow_and_silent_clients():
    """One byte now and then, half a packet, or nothing: ended in time."""
    for server in each_mode(nio__sessionlessCnxnTimeout=1500):
        held = [socket.create_connection(("127.0.0.1", server.client_port)) for _ in range(30)]
        for i, sock in enumerate(held):
            sock.sendall(CONNECT[:i])
        begin = time.monotonic()
        dripping = held[20]
        sent = 20
        while time.monotonic() - begin < 8 and sent < len(CONNECT) - 1:
            try:
                dripping.sendall(CONNECT[sent:sent + 1])
            except OSError:
                break
            sent += 1
            threading.Event().wait(0.25)  # As slow as such a client is.
        for sock in held:
            sock.settimeout(10)
            try:
                assert sock.recv(10) == b""
            except ConnectionError:
                pass
            sock.close()
        assert let_in(server.client_port)


def limits_of_connections():
    for server in each_mode(maxClientCnxns=0, maxCnxns=3):
        held = [session(server.client_port) for _ in range(3)]
        assert not let_in(server.client_port)
        held.pop().close()
        wait_for("a place to be free again", lambda: let_in(server.client_port))
        assert "maxCnxns" in wait_for("a line in the log", lambda: server.log.read_text() if
                                      "client-refused" in server.log.read_text() else "")
        for sock in held:
            sock.close()


def limit_of_new_sessions():
    for server in each_mode(connection_throttle_tokens=5, connection_throttle_fill_time=3600000):
        held = [session(server.client_port) for _ in range(5)]
        assert not let_in(server.client_port)
        assert four_letter(server.client_port, "ruok") == "imok"
        for sock in held:
            sock.close()


def large_requests():
    for server in each_mode(largeRequestThreshold=10000, largeRequestMaxBytes=200000):
        with session(server.client_port) as sock:
            sock.sendall(create(1, b"/large", b""))
            reply(sock)
            for i in range(20):  # One after the other there is room.
                sock.sendall(set_data(i, b"/large", b"x" * 150000))
                assert reply(sock)[:1] == (i,)
            sock.sendall(set_data(1, b"/large", b"x" * 250000))
            try:
                reply(sock)
                raise AssertionError("answered")
            except OSError:
                pass
        assert let_in(server.client_port)


def out_of_descriptors():
    """New clients wait; those who are there are served, and the processor rests."""
    for server in each_mode():
        with session(server.client_port) as sock:
            used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
            held = [socket.create_connection(("127.0.0.1", server.client_port)) for _ in range(20)]
            wait_for("a line in the log", lambda: "client-accept error" in server.log.read_text())
            stat = pathlib.Path(f"/proc/{server.process.pid}/stat")
            ticks = sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13]))
            threading.Event().wait(1)  # The time over which the processor is measured.
            assert sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13])) - ticks < 50
            sock.sendall(get_data(1, b"/"))
            assert reply(sock)[0] == 1
            for one in held:
                one.close()
            wait_for("clients to be let in again", lambda: let_in(server.client_port))


def stop_answers_what_is_under_way():
    for server in each_mode():
        with session(server.client_port) as sock:
            sock.sendall(create(0, b"/stop", b""))
            reply(sock)
            sock.sendall(b"".join(set_data(i, b"/stop", b"%d" % i) for i in range(1, 201)))
            assert reply(sock)[0] == 1  # So the server has begun with them.
            server.process.send_signal(signal.SIGTERM)
            last = 1
            try:
                while True:
                    xid, _, error, _ = reply(sock)
                    assert (xid, error) == (last + 1, 0)
                    last = xid
            except OSError:
                pass
            server.ended_by_us = True
            assert server.process.wait(20) == 0, server.log_tail()
        server.start()
        wait_for("the server to serve again", lambda: let_in(server.client_port))
        with session(server.client_port) as sock:
            sock.sendall(get_data(1, b"/stop"))
            body = reply(sock)[3]
            kept = int(body[4:4 + struct.unpack(">i", body[:4])[0]])
            # What was applied was answered: the two ends agree on how far it went.
            assert kept == last, f"answered up to {last}, applied up to {kept}"


def names_and_families():
    with Ensemble(["quorate"], settings={"clientPortAddress": "localhost"}).start() as ensemble:
        assert let_in(ensemble[1].client_port)
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return print("no IPv6 on this machine")
    with Ensemble(["quorate"], settings={"clientPortAddress": "::1"}).start(serving=False) as ensemble:
        wait_for("a session over IPv6", lambda: _session_at(ensemble[1].client_port, "::1"))


def _session_at(port, host):
    try:
        session(port, host).close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    run_tests([answers_larger_than_memory, who_takes_no_answers, a_flood_starves_nobody, slow_and_silent_clients,
               limits_of_connections, limit_of_new_sessions, large_requests, out_of_descriptors,
               stop_answers_what_is_under_way, names_and_families])
