#!/usr/bin/python3
"""quorate-shell in a real terminal, driven through tmux: completion, history, Ctrl-C, the prompt, resizing, binary data."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble  # noqa: E402

SHELL = str(pathlib.Path(os.environ.get("QUORATE_SHELL", ensemble.BIN / "quorate-shell")))


class Terminal:
    """A tmux server of its own, on a socket in the test's folder."""

    def __init__(self, folder, command, columns=100, rows=30, name="tmux"):
        self.socket = str(folder / name)
        env = dict(os.environ, HOME=str(folder), TERM="xterm", LC_ALL="C.UTF-8")
        env.pop("TMUX", None)
        self.env = env
        # A login shell of anybody's must not stand between: the window is the command.
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), command)

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def line(self, text):
        self.type(text)
        self.keys("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-J").rstrip()

    def sees(self, pattern, timeout=15):
        try:
            return ensemble.wait_for(pattern, lambda: re.search(pattern, self.screen(), re.M), timeout)
        except ensemble.Missed as missed:
            raise AssertionError(f"{missed}\n--- screen\n{self.screen()}\n---") from None

    def resize(self, columns, rows):
        # tmux tells the program of a second change within 250 ms only afterwards.
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        with open(tty, "rb", buffering=0) as terminal:
            ensemble.wait_for(f"{rows} rows and {columns} columns",
                              lambda: os.get_terminal_size(terminal.fileno()) == (columns, rows), 15)

    def clear(self):
        self.keys("C-l")

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env, capture_output=True)


def with_terminal(test, kinds=("quorate",), options=""):
    with ensemble.Ensemble(list(kinds)) as servers:
        servers.start()
        terminal = Terminal(servers.folder, f"{SHELL} -server {servers.connect} {options}")
        try:
            terminal.sees(r"> *$")
            test(servers, terminal)
        finally:
            terminal.close()


def shell(servers, *command):
    subprocess.run([SHELL, "-server", servers.connect, *command], check=True, capture_output=True, timeout=30)


def test_completion_of_commands_options_and_paths():
    def test(servers, t):
        shell(servers, "create", "/application")
        shell(servers, "create", "/application/settings", "x")
        shell(servers, "create", "/apple")
        t.type("getAllC")
        t.keys("Tab")
        t.sees(r"> getAllChildrenNumber ")
        t.type("/app")
        t.keys("Tab")
        t.keys("Tab")
        t.sees(r"^apple +application")
        t.type("i")
        t.keys("Tab")
        t.sees(r"> getAllChildrenNumber /application/")
        t.keys("Tab", "Enter")
        t.sees(r"^0$")
        t.line("cd /application")
        t.sees(r" /application> *$")
        t.type("get se")
        t.keys("Tab")
        t.sees(r"> get settings ")
        t.keys("Enter")
        t.sees(r"^x$")
        t.type("stat ")
        t.sees(r"> stat +\[-w\] \[-h\] path")  # The hint.
    with_terminal(test)


def test_history_is_kept_and_searched():
    def test(servers, t):
        t.line("create /remember me")
        t.sees("Created /remember")
        t.line("get /remember")
        t.sees("^me$")
        t.clear()
        t.keys("Up", "Up", "Down")
        t.sees(r"> get /remember")
        t.keys("C-c")
        t.clear()
        t.keys("C-r")
        t.type("reat")
        t.sees("create /remember me")
        t.keys("Enter")
        t.sees("already exists")
        t.line("quit")
        ensemble.wait_for("the history file", lambda: (servers.folder / ".quorate_history").exists())
        again = Terminal(servers.folder, f"{SHELL} -server {servers.connect}", name="tmux2")
        try:
            again.sees(r"> *$")
            again.keys("Up", "Up")
            again.sees(r"> (create|get) /remember")
        finally:
            again.close()
    with_terminal(test)


def test_ctrl_c_ends_the_running_command_only():
    def test(servers, t):
        t.line("watch /")
        t.sees("watching /; Ctrl-C ends it")
        shell(servers, "create", "/seen", "x")
        t.sees("created +/seen")
        t.keys("C-c")
        t.sees(r"> *$")
        shell(servers, "create", "/unseen", "x")
        t.line("ls /")
        t.sees(r"^\[seen, unseen, zookeeper\]")
        assert "created  /unseen" not in t.screen()
        t.type("half a line")
        t.keys("C-c")
        t.line("get /seen")
        t.sees(r"^x$")
    with_terminal(test)


def test_the_prompt_tells_when_the_server_dies_and_returns():
    def test(servers, t):
        t.sees(r"^127\.0\.0\.1:\d+ standalone /> *$")
        servers[1].kill()
        t.sees(r"\(lost\) /> *$")
        t.type("ls ")
        t.type("/")
        servers[1].start()
        t.sees(r"^127\.0\.0\.1:\d+ standalone /> ls /", timeout=30)  # What was typed is still there.
        t.keys("Enter")
        t.sees(r"^\[zookeeper\]")
    with_terminal(test)


def test_resizing_long_lists_and_binary_data():
    def test(servers, t):
        t.resize(60, 20)
        text = "".join(f"create /n{i}\n" for i in range(100))
        subprocess.run([SHELL, "-server", servers.connect], input=text, text=True, check=True, capture_output=True)
        listing = subprocess.run([SHELL, "-server", servers.connect, "ls", "-R", "/"],
                                 text=True, check=True, capture_output=True).stdout.splitlines()
        t.type("ls -R ")
        t.resize(90, 12)
        t.line("/")
        t.sees("^--more--")
        assert t.screen().splitlines()[:-1] == listing[:11], t.screen()
        t.resize(90, 8)  # The next page has the new size.
        t.keys("Space")
        t.sees(rf"\A{listing[11]}\n")
        t.sees(rf"^{listing[17]}\n--more--")
        t.type("q")
        t.sees(r"> *$")
        shell(servers, "create", "-b", "/bin", "G10wO293bmVkBxtbMkr/")
        t.line("get /bin")
        t.sees(r"\|00000000\| 1b 5d 30 3b")
        t.line("get -a /bin")
        t.sees(r"\\x1b\]0;owned\\x07\\x1b\[2J\\xff")
        t.line("quit")
    with_terminal(test)


def test_the_prompt_tells_of_a_server_that_only_reads():
    with ensemble.Ensemble(["quorate"] * 3, {"readonlymode.enabled": "true"}) as servers:
        leader = servers.start().wait_serving()
        left = next(s for s in servers.servers if s is not leader)
        shell(servers, "create", "/there")
        servers.wait_equal_zxid()
        for server in servers.servers:
            if server is not left:
                server.kill()
        ensemble.wait_for("read-only mode", lambda: left.mode() == "read-only")
        t = Terminal(servers.folder, f"{SHELL} -server {servers.connect} -r")
        try:
            t.sees(rf"^{left.address} read-only /> *$")
            t.line("create /x")
            t.sees("Not a read-only call: /x")
            t.line("ls /")
            t.sees(r"^\[there, zookeeper\]")
            for server in servers.servers:
                if server is not left:
                    server.start()
            t.sees(r"(leader|follower) /> *$", timeout=30)
            t.line("create /x")
            t.sees("Created /x")
        finally:
            t.close()


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("skipped: tmux is not installed")
        sys.exit(1 if os.environ.get("CI") else 0)
    ensemble.run_tests([value for name, value in list(globals().items()) if name.startswith("test_")])
