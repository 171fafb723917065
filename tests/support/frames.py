"""A session of frames made by hand, for what no client library would send; and what tests of foreign clients share."""
import socket
import struct


class Frames:
    """A connection with a session of 6 s."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.send(struct.pack(">iqiqi", 0, 0, 6000, 0, 16) + bytes(16) + b"\0")
        assert struct.unpack(">q", self.receive()[8:16])[0] != 0, "no session"
        self.xid = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, body):
        self.sock.sendall(struct.pack(">i", len(body)) + body)

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def receive(self):
        return self.read(struct.unpack(">i", self.read(4))[0])


def raises(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{error.__name__} expected from {call}{args}")
