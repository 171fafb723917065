"""Servers of Quorate for a demo, and what stands in their tree."""
import asyncio
import base64
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from ensemble import BIN, Server, four_letter, free_ports  # noqa: E402

from .children import Child, Failed, program  # noqa: E402

SETTINGS = {"admin.enableServer": "false", "4lw.commands.whitelist": "srvr,wchp,ruok", "extendedTypesEnabled": "true"}


class Quorum:
    """One server, or three, below a folder."""

    def __init__(self, children, folder, count, binaries=BIN):
        self.children, self.binaries = children, pathlib.Path(binaries)
        ports = free_ports(3 * count)
        members = {i + 1: (ports[count + 2 * i], ports[count + 2 * i + 1]) for i in range(count)} if count > 1 else None
        self.servers = [Server(pathlib.Path(folder) / f"server-{i + 1}", "quorate", i + 1, ports[i], members, SETTINGS)
                        for i in range(count)]
        self.connect = ",".join(server.address for server in self.servers)

    async def start(self, patience_s=60):
        for server in self.servers:
            self.children.start_soon(Child(
                f"server-{server.sid}", [self.binaries / "quorate-server", server.config], server.log, ready=None))
        servers = [self.children[f"server-{server.sid}"] for server in self.servers]
        for child in servers:
            await self.children.until_ready(child)
        # A client's first answer says that there is a leader with a quorum.
        asking = Shell(self.connect, self.binaries).run("ls", "/", patience_s=patience_s)
        if await self.children.unless_dead(asking, servers, patience_s + 1, "the servers do not serve") is None:
            raise Failed(f"the servers do not serve; the first one's last words:\n{servers[0].log_tail()}")


class Shell:
    """quorate-shell, one command a time."""

    def __init__(self, connect, binaries=BIN):
        self.command = [str(pathlib.Path(binaries) / "quorate-shell"), "-server", connect, "--json"]

    async def run(self, *words, patience_s=30):
        """The answer's JSON documents, or None."""
        try:
            async with (asyncio.timeout(patience_s),
                        program(*self.command, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL) as shell):
                out, _ = await shell.communicate()
        except TimeoutError:
            return None
        except OSError as error:
            raise Failed(f"{self.command[0]} cannot be started: {error}") from None
        if shell.returncode != 0:
            return None
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    async def get(self, path):
        """A znode's text, or None."""
        found = await self.run("get", path)
        return text_of(found[0]) if found else None

    async def names(self, path):
        """Names of its children; none where it is not there."""
        found = await self.run("ls", path)
        return found[0].get("children", []) if found else []


def text_of(document):
    """Data of a JSON document of the shell, as text."""
    data = document.get("data")
    if data is not None and document.get("encoding") == "base64":
        return base64.b64decode(data).decode("utf-8", "replace")
    return data


class Journal:
    """Every change below a znode, as it comes: quorate-shell's `watch -d`, which asks nobody twice."""

    def __init__(self, children, quorum, root, folder):
        self.children, self.quorum, self.root = children, quorum, root
        self.now = {}       # Path to the text it had when it was last heard of.
        self.changes = []   # (what, path, before, after)
        self.came = asyncio.Event()
        command = [*Shell(quorum.connect, quorum.binaries).command, "watch", "-d", root]
        self.child = Child("journal", command, pathlib.Path(folder) / "journal.log", ready=None, on_line=self.hear)

    async def start(self, patience_s=30):
        """Until the watch stands: what happens from then on is in `changes`."""
        await self.children.start(self.child)
        deadline = asyncio.get_running_loop().time() + patience_s
        while not any(self.root in four_letter(server.client_port, "wchp") for server in self.quorum.servers):
            if asyncio.get_running_loop().time() > deadline:
                raise Failed(f"no watch on {self.root} within {patience_s} s; the last words of quorate-shell:\n{self.child.log_tail()}")
            await asyncio.sleep(0.02)

    def hear(self, line):
        try:
            event = json.loads(line)
        except ValueError:
            return
        what = {"NodeCreated": "created", "NodeDataChanged": "changed", "NodeDeleted": "deleted"}.get(event.get("event"))
        path = event.get("path")
        if not what or not path:
            return
        before, after = self.now.pop(path, None), None if what == "deleted" else text_of(event)
        if after is not None:
            self.now[path] = after
        self.changes.append((what, path, before, after))
        self.came.set()

    def mark(self):
        """Where the journal is now: an argument of since()."""
        return len(self.changes)

    def since(self, mark, pattern=""):
        return [change for change in self.changes[mark:] if re.search(pattern, change[1])]
