"""What happens below a znode, as it happens: quorate-shell's `watch -d` beside a test."""
import base64
import json
import re
import subprocess
import threading
import time

from ensemble import BIN, four_letter, wait_for

CHECKPOINT = re.compile(r"v1 (\d+) (\d+) ")


class ZnodeWatch:
    """Every change below `root` with the moment at which it was heard of. Ends with close()."""

    def __init__(self, ensemble, root):
        self.changes = []  # (monotonic s, what, path, text)
        self.lock = threading.Lock()
        self.process = subprocess.Popen([str(BIN / "quorate-shell"), "-server", ensemble.connect, "--json", "watch", "-d", root],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        wait_for("the watch", lambda: any(root in four_letter(server.client_port, "wchp") for server in ensemble.servers
                                          if server.alive))

    def _listen(self):
        for line in self.process.stdout:
            now, event = time.monotonic(), json.loads(line)
            if "path" not in event:
                continue
            data = event.get("data") or ""
            if event.get("encoding") == "base64":
                data = base64.b64decode(data).decode("utf-8", "replace")
            with self.lock:
                self.changes.append((now, event["event"], event["path"], data))

    def heard(self, pattern=""):
        with self.lock:
            return [change for change in self.changes if re.search(pattern, change[2])]

    def checkpoints(self, pattern=""):
        """path: [(s, fencing token, offset)] of every checkpoint that was heard of."""
        found = {}
        for when, _, path, text in self.heard(pattern):
            if match := CHECKPOINT.match(text):
                found.setdefault(path, []).append((when, int(match[1]), int(match[2])))
        return found

    def tokens(self, pattern=""):
        return {path: changes[-1][1] for path, changes in self.checkpoints(pattern).items()}

    def close(self):
        assert self.process.poll() is None, f"the watch has ended: {self.process.stderr.read().decode()[-500:]}"
        self.process.kill()
        self.process.wait()
        self.thread.join()


def check_one_owner_at_a_time(watch, pattern):
    """No commit of an earlier owner behind one of a later: tokens only grow, and nothing that was committed is taken
    back. Number of checkpoints and of hand-overs that were seen."""
    seen = handed_over = 0
    for path, changes in watch.checkpoints(pattern).items():
        for (_, token, offset), (_, next_token, next_offset) in zip(changes, changes[1:]):
            assert next_token >= token, f"{path}: a commit with token {next_token} was accepted after {token}"
            assert next_offset >= offset, f"{path}: offset {next_offset} after {offset}, tokens {token}, {next_token}"
            handed_over += next_token > token
        seen += len(changes)
    return seen, handed_over
