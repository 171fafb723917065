"""Clients that write without a pause, one request each at a time, and move to another server when theirs is gone: how
long nobody, or one of them, got an answer. Sockets alone, so that what is measured is the servers' pause.
"""
import selectors
import socket
import struct
import threading
import time

CREATE, CHILDREN, SYNC = 1, 8, 9
OK, NODE_EXISTS = 0, -110
RETRY_S = 0.002
SILENT_S = 2.0  # After so long without an answer the next server is tried.
OPEN_ACL = struct.pack(">ii", 1, 31) + struct.pack(">i5si6s", 5, b"world", 6, b"anyone")


def text(value):
    data = value.encode()
    return struct.pack(">i", len(data)) + data


class Writer:
    """One session. Names are given once: after a lost connection the same one again, and NodeExists is a yes."""

    def __init__(self, owner, number):
        self.owner, self.number = owner, number
        self.turn = number
        self.session, self.password, self.xid = 0, bytes(16), 0
        self.made, self.acked, self.times = 0, [], []
        self.sock, self.state, self.buffer, self.since = None, "idle", b"", 0.0
        self.retry_at = 0.0

    def connect(self):
        addresses = [one for one in self.owner.addresses if one != self.owner.avoided]
        host, port = addresses[self.turn % len(addresses)].rsplit(":", 1)
        self.turn += 1
        self.sock = socket.socket()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.state, self.buffer, self.since = "connecting", b"", time.monotonic()
        self.sock.connect_ex((host, int(port)))
        self.owner.selector.register(self.sock, selectors.EVENT_WRITE, self)

    def lose(self):
        if self.sock is not None:
            self.owner.selector.unregister(self.sock)
            self.sock.close()
        self.sock, self.state = None, "idle"
        self.retry_at = time.monotonic() + RETRY_S

    def send(self, body):
        self.since = time.monotonic()
        try:
            self.sock.sendall(struct.pack(">i", len(body)) + body)
        except OSError:
            self.lose()

    def step(self, now):
        """What is due without an answer."""
        if self.state == "idle" and now >= self.retry_at and not self.owner.ending:
            self.connect()
        elif self.state != "idle" and now - self.since > SILENT_S:
            self.lose()

    def ready(self, mask):
        if mask & selectors.EVENT_WRITE:
            if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return self.lose()
            self.owner.selector.modify(self.sock, selectors.EVENT_READ, self)
            self.state = "handshake"
            return self.send(struct.pack(">iqiqi", 0, 0, 10_000, self.session, 16) + self.password + b"\0")
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            return self.lose()
        self.buffer += data
        while self.state != "idle" and len(self.buffer) >= 4:
            size = struct.unpack_from(">i", self.buffer)[0]
            if len(self.buffer) < 4 + size:
                break
            frame, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
            self.answer(frame)
        return None

    def answer(self, frame):
        if self.state == "handshake":
            _, timeout, session, _ = struct.unpack_from(">iiqi", frame)
            if timeout <= 0:
                self.session, self.password = 0, bytes(16)
                return self.lose()
            self.session, self.password, self.state = session, frame[20:36], "up"
            return self.ask()
        xid, _, error = struct.unpack_from(">iqi", frame)
        if xid == self.xid:
            if error not in (OK, NODE_EXISTS):
                return self.lose()
            self.times.append(time.monotonic())
            self.acked.append(self.name())
            self.made += 1
        return self.ask()

    def name(self):
        return f"w{self.number}-{self.made}"

    def ask(self):
        if self.owner.ending:
            return self.lose()
        self.xid += 1
        return self.send(struct.pack(">ii", self.xid, CREATE) + text(f"{self.owner.root}/{self.name()}") +
                         text("x") + OPEN_ACL + struct.pack(">i", 0))


class Writers:
    """`count` of them in one thread, from start() to stop(). The root is a node of the first level."""

    def __init__(self, addresses, count, root):
        self.addresses, self.root, self.ending = addresses, root, False
        self.selector = selectors.DefaultSelector()
        self.avoided = None  # An address: a paused server accepts and is silent, and would catch them all.
        self.all = [Writer(self, number) for number in range(count)]
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        while not self.ending:
            for writer in self.all:
                writer.step(time.monotonic())
            for key, mask in self.selector.select(RETRY_S):
                if key.data.sock is key.fileobj:
                    key.data.ready(mask)
        for writer in self.all:
            writer.lose()

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.ending = True
        self.thread.join()
        self.selector.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def count_since(self, moment):
        return sum(1 for writer in self.all for at in reversed(writer.times) if at > moment)

    def first(self):
        """When the first write was answered; None: not yet."""
        return min((writer.times[0] for writer in self.all if writer.times), default=None)

    def acked(self):
        return {name for writer in self.all for name in writer.acked}

    def gap(self, since):
        """The longest time, in seconds, in which nobody got an answer; and in which one of them got none."""
        everyone = sorted(at for writer in self.all for at in writer.times if at >= since)
        each = [[at for at in writer.times if at >= since] for writer in self.all]
        longest = lambda times: max((b - a for a, b in zip(times, times[1:])), default=float("inf"))  # noqa: E731
        return longest(everyone), max(longest(times) for times in each)


def ask_once(address, requests, patience=10.0):
    """One session, some requests one after the other; their (error, rest of the answer)."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=patience) as sock:
        stream = sock.makefile("rwb")

        def call(body):
            stream.write(struct.pack(">i", len(body)) + body)
            stream.flush()
            return stream.read(struct.unpack(">i", stream.read(4))[0])
        call(struct.pack(">iqiqi", 0, 0, 10_000, 0, 16) + bytes(16) + b"\0")
        answers = []
        for number, (op, body) in enumerate(requests, 1):
            answer = call(struct.pack(">ii", number, op) + body)
            answers.append((struct.unpack_from(">iqi", answer)[2], answer[16:]))
        call(struct.pack(">ii", 0, -11))
        return answers


def make_root(address, root):
    error, _ = ask_once(address, [(CREATE, text(root) + text("") + OPEN_ACL + struct.pack(">i", 0))])[0]
    if error not in (OK, NODE_EXISTS):
        raise AssertionError(f"{root} cannot be made: {error}")


def children(address, root):
    """After a sync: everything that has been acknowledged."""
    (_, _), (error, body) = ask_once(address, [(SYNC, text(root)), (CHILDREN, text(root) + b"\0")])
    if error != OK:
        raise AssertionError(f"{root} cannot be read: {error}")
    names, at = set(), 4
    for _ in range(struct.unpack_from(">i", body)[0]):
        size = struct.unpack_from(">i", body, at)[0]
        names.add(body[at + 4:at + 4 + size].decode())
        at += 4 + size
    return names
