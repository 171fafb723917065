"""Which processes an application consists of, and their command lines. No process is started here: tests, benchmarks
and demos share it."""
import pathlib

SOCKET_PATH_MAX = 100  # Of a Unix socket's address the kernel takes 107 bytes.
ROLES = ("collect", "archive", "batch", "speed", "serve")


class Place:
    """Where one application runs: Quorate, bus, folder, programs."""

    def __init__(self, folder, connect, binaries, bus=None, root="/lambda", topic="hits", session_timeout_ms=4000):
        self.folder, self.connect, self.binaries = pathlib.Path(folder), connect, pathlib.Path(binaries)
        self.root, self.topic, self.session_timeout_ms = root, topic, session_timeout_ms
        self.bus = bus  # None: a broker of our own.
        self.own_bus = bus is None
        if self.own_bus:
            socket = str(self.folder / "bus.socket")
            assert len(socket) <= SOCKET_PATH_MAX, f"{socket} is too long a path for a Unix socket: choose another folder"
            self.bus = f"unix:{socket}"
        self.shared.mkdir(parents=True, exist_ok=True)

    @property
    def shared(self):
        return self.folder / "shared"

    def program(self, name):
        return str(self.binaries / name)

    def log(self, name):
        return self.folder / f"{name}.log"

    def common(self, identity):
        return ["--connect", self.connect, "--root", self.root, "--bus", self.bus, "--topic", self.topic,
                "--folder", str(self.shared), "--id", identity, "--session-timeout-ms", str(self.session_timeout_ms)]

    def broker(self):
        return [self.program("pipeline-tool"), "broker", "--data", str(self.folder / "bus"), "--listen", self.bus]


class Lambda:
    """Command lines of the lambda application."""

    def __init__(self, place):
        self.place = place

    def _command(self, role, identity, *more):
        return [self.place.program("lambda"), role, *self.place.common(identity), *map(str, more)]

    def collect(self, identity="1", *, log=None, lines=None, rate=None, seed=1, listen=None, partitions=8, more=()):
        """Lines from a file, from the generator, or by HTTP."""
        words = ["--partitions", partitions, *more]
        if listen:
            words += ["--listen", listen]
        elif log:
            words += ["--log", log]
        else:
            words += ["--generate", "--seed", seed]
            if lines:
                words += ["--lines", lines]
        if rate:
            words += ["--rate", rate]
        return self._command("collect", identity, *words)

    def archive(self, identity, *more):
        return self._command("archive", identity, *more)

    def batch(self, identity, every_s=60, *more):
        return self._command("batch", identity, "--every-s", every_s, *more)

    def request_batch(self, *more):
        """Asks for a run, and waits for it."""
        return self._command("batch", "request", "--request", "--wait", *more)

    def speed(self, identity, bug=None, *more):
        return self._command("speed", identity, *(("--bug", bug) if bug else ()), *more)

    def serve(self, identity="1", listen="127.0.0.1:0", *more):
        return self._command("serve", identity, "--listen", listen, *more)


class Kappa:
    """Command lines of the kappa application."""

    def __init__(self, place, root="/kappa"):
        self.place, self.root = place, root

    def _command(self, what, *more):
        place = self.place
        return [place.program("kappa"), what, "--connect", place.connect, "--root", self.root, "--bus", place.bus,
                "--topic", place.topic, "--folder", str(place.shared), *map(str, more)]

    def start(self, generation, *more):
        """Declares a generation."""
        return self._command("start", "--generation", generation, *more)

    def work(self, generation, identity, *more):
        return self._command("work", "--generation", generation, "--id", identity, "--session-timeout-ms",
                             self.place.session_timeout_ms, *more)

    def switch(self, generation, patience_s=60):
        return self._command("switch", "--to", generation, "--wait-s", patience_s)

    def rollback(self, patience_s=60):
        return self._command("rollback", "--wait-s", patience_s)

    def retire(self, generation):
        return self._command("retire", "--generation", generation)

    def generations(self):
        return self._command("generations", "--json")

    def view(self, generation, patience_s=60):
        return self._command("view", "--generation", generation, "--wait-s", patience_s)

    def serve(self, listen="127.0.0.1:0"):
        return self._command("serve", "--listen", listen)
