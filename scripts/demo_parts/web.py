"""HTTP and WebSocket, as much of them as the dashboard's server speaks: JSON answers, a numbered stream of events.

Times are limited by asyncio.timeout() here and beside: before Python 3.12 asyncio.wait_for() forgets that its task was
cancelled when the awaited thing ends in that very moment, and a demo would not end.
"""
import asyncio
import base64
import json
import os
import struct

from .children import Failed

ANSWER_S = 15
FRAME_MAX = 1 << 26


class NoAnswer(Failed):
    """Nobody there, or not as agreed; says who and what."""


class Web:
    """One server's routes."""

    def __init__(self, address):
        self.address = address  # HOST:PORT

    async def get(self, path):
        return await self.ask("GET", path)

    async def post(self, path, body=b""):
        return await self.ask("POST", path, body)

    async def ask(self, method, path, body=b""):
        """The answer's JSON (or text)."""
        try:
            async with asyncio.timeout(ANSWER_S):
                status, kind, answer = await self._ask(method, path, body)
            text = answer.decode(errors="replace")
            if status < 300:
                return json.loads(text) if "json" in kind else text
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise NoAnswer(f"{self.address}{path}: {error!r}") from None
        raise NoAnswer(f"{self.address}{path}: {status} {text[:200]}")

    async def _ask(self, method, path, body):
        reader, writer = await asyncio.open_connection(*host_and_port(self.address), limit=FRAME_MAX)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n"
                         f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            status, headers = await head(reader)
            size = headers.get("content-length")
            answer = await (reader.readexactly(int(size)) if size is not None else reader.read())
            return status, headers.get("content-type", ""), answer
        finally:
            writer.close()

    async def events(self, where="/api/events"):
        """Numbers and events as they come: (n, event), or (n, None) where some were missed. Ends with the connection."""
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await self._upgrade(where)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise NoAnswer(f"{self.address}{where}: {error!r}") from None
        try:
            while (text := await message(reader, writer)) is not None:
                said = json.loads(text)
                yield said.get("n"), said.get("event")
        except (OSError, asyncio.IncompleteReadError):
            return
        except ValueError as error:
            raise NoAnswer(f"{self.address}{where}: {error!r}") from None
        finally:
            writer.close()

    async def _upgrade(self, path):
        reader, writer = await asyncio.open_connection(*host_and_port(self.address), limit=FRAME_MAX)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Origin: http://{self.address}\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        status, _ = await head(reader)
        if status != 101:
            writer.close()
            raise ValueError(f"no WebSocket: status {status}")
        return reader, writer


def host_and_port(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


async def head(reader):
    """Status and headers of an answer."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
    return int(lines[0].split()[1]), {name.strip().lower(): value.strip() for name, value in pairs}


async def message(reader, writer):
    """The next text of a WebSocket; None when the other side has closed it. Answers its pings."""
    whole = b""
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", await reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", await reader.readexactly(8))[0]
        if size > FRAME_MAX:
            raise ValueError(f"a frame of {size} bytes")
        body = await reader.readexactly(size)  # What a server sends is never masked.
        code = first & 0x0F
        if code == 8:
            return None
        if code == 9:
            send_frame(writer, 10, body)
        elif code in (0, 1, 2):
            whole += body
            if first & 0x80:
                return whole.decode("utf-8", "replace")


def send_frame(writer, code, body):
    """One short frame; what a client sends is masked."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
    writer.write(bytes([0x80 | code, 0x80 | len(body)]) + mask + masked)
