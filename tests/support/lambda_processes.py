"""The processes of one lambda application beside a test or a benchmark; all of them end with it."""
import json
import pathlib
import re
import subprocess
import sys

from ensemble import BIN, PATIENCE_S, ROOT, wait_for

sys.path.insert(0, str(ROOT / "scripts"))
from demo_parts.application import Lambda, Place  # noqa: E402

ADDRESS = re.compile(r"(127\.0\.0\.1|\[::1\]):\d+")


class LambdaProcesses:
    def __init__(self, folder, connect, session_timeout_ms=1500, bus=None):
        self.place = Place(pathlib.Path(folder), connect, BIN, bus, session_timeout_ms=session_timeout_ms)
        self.lambda_ = Lambda(self.place)
        self.commands, self.running = {}, {}
        self.address = None

    # --- Processes ----------------------------------------------------------------------------

    def start(self, name, command=None, ready="ready", wait=True):
        """Starts it, again with the command it had before unless one is given."""
        self.commands[name] = [str(word) for word in command or self.commands[name]]
        at = self.log(name).stat().st_size if self.log(name).exists() else 0
        with open(self.log(name), "ab") as log:
            self.running[name] = subprocess.Popen(self.commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_ready(name, ready, at)
        return self.running[name]

    def wait_ready(self, name, ready="ready", since=0):
        def said():
            code = self.running[name].poll()
            assert code is None or code == 0, f"{name} ended with {code}: {self.tail(name)}"
            return re.search(rf"^{ready}.*$", self.log(name).read_bytes()[since:].decode(errors="replace"), re.MULTILINE)
        return wait_for(f"{name} is ready", said)[0]

    def log(self, name):
        return self.place.log(name)

    def tail(self, name, size=1500):
        return self.log(name).read_text(errors="replace")[-size:] if self.log(name).exists() else ""

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, f"{name} ended with {process.returncode}: {self.tail(name)}"

    def names(self, *roles):
        return [name for name in self.running if name.split("-")[0] in roles]

    def close(self):
        for process in self.running.values():
            process.kill()
        for process in self.running.values():
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            for name in self.commands:
                print(f"--- {name}\n{self.tail(name, 600)}", file=sys.stderr)
        self.close()

    # --- The application ----------------------------------------------------------------------

    def start_all(self, archives=1, batches=2, speeds=2, every_s=0, speed_words=()):
        """All but a collector."""
        self.start_broker()
        for role, count in (("archive", archives), ("batch", batches), ("speed", speeds)):
            for identity in range(1, count + 1):
                words = {"batch": (every_s,), "speed": (None, *speed_words)}.get(role, ())
                self.start(f"{role}-{identity}", getattr(self.lambda_, role)(str(identity), *words), wait=False)
        self.start_serve()
        for name in self.names("archive", "batch", "speed"):
            self.wait_ready(name)

    def start_broker(self):
        self.start("broker", self.place.broker(), ready="listening")

    def start_serve(self):
        self.start("serve-1", self.lambda_.serve("1", self.address or "127.0.0.1:0"))
        if not self.address:
            self.address = ADDRESS.search(self.wait_ready("serve-1"))[0]
            self.commands["serve-1"] = self.lambda_.serve("1", self.address)

    def collect(self, file, *more, wait=True, **options):
        """Sends a file. The collector ends by itself."""
        self.start("collect-1", self.lambda_.collect(log=file, more=more, **options), wait=False)
        if wait:
            self.wait_collected()

    def wait_collected(self):
        process = self.running.pop("collect-1")
        assert process.wait(300) == 0, f"the collector ended with {process.returncode}: {self.tail('collect-1')}"

    def request_batch(self):
        """A run over all that there is now; returns when Quorate says that its generation is to be served: its number."""
        done = subprocess.run(self.lambda_.request_batch(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (done.returncode, done.stderr[-1500:])
        return json.loads(self.znode("serving/current"))["run"]

    def refused(self, name):
        """How many effects of a worker were refused for a stale token."""
        text = self.znode(f"refused/{name}")
        return json.loads(text)["count"] if text else 0

    def znode(self, tail):
        """Its text; "" where it is not there."""
        done = subprocess.run([str(BIN / "quorate-shell"), "-server", self.place.connect, "get", f"{self.place.root}/{tail}"],
                              capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else ""
