#!/usr/bin/python3
"""quorate-shell under its own name: ways in, exit codes, JSON, and what it has beyond zkCli."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import ensemble  # noqa: E402

SHELL = str(pathlib.Path(os.environ.get("QUORATE_SHELL", ensemble.BIN / "quorate-shell")))


class Shell:
    """Runs one command after the other at one address."""

    def __init__(self, address, *options):
        self.base = [SHELL, "-server", address, *options]

    def run(self, *command, text=None, env=None):
        done = subprocess.run([*self.base, *command], input=text, stdin=None if text is not None else subprocess.DEVNULL,
                              capture_output=True, timeout=60, text=True,
                              env=dict(os.environ, **(env or {})))
        return done.returncode, done.stdout, done.stderr

    def ok(self, *command, **rest):
        code, out, err = self.run(*command, **rest)
        assert code == 0, (command, code, out, err)
        return out

    def fails(self, wanted, *command, **rest):
        code, out, err = self.run(*command, **rest)
        assert code == wanted, (command, code, out, err)
        assert err, (command, "says nothing on stderr")
        return err


def one_server(**settings):
    return ensemble.Ensemble(["quorate"], settings=settings).start()


def small_tree(shell):
    shell.ok("-f", "-", text="create /t top\ncreate /t/a alpha\ncreate /t/a/deep 'host=one'\ncreate /t/b\n"
                             "create /t/b/x 'HOST=two' world:anyone:rw\ncreate /t/c c\n")


def test_exit_codes_and_streams():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        assert shell.run("create", "/a", "x") == (0, "", "Created /a\n")
        assert shell.run("get", "/a") == (0, "x\n", "")
        assert shell.run("get", "/nope") == (1, "", "Node does not exist: /nope\n")
        assert "usage: get" in shell.fails(2, "get")
        assert "usage: get" in shell.fails(2, "get", "-q", "/a")
        assert "Path must start" in shell.fails(2, "get", "a")
        shell.fails(2, "nonsense")
        shell.fails(2, "-nonsense", "ls", "/")
        shell.fails(2, "-f", "/nonexistent")
        # The last command decides; with --stop-on-error the first that fails.
        assert shell.run(text="get /nope\n# a remark\nget /a\n")[0] == 0
        assert shell.run(text="get /a\nget /nope\n")[0] == 1
        assert shell.run("-stop-on-error", text="get /nope\nget /a\n")[:2] == (1, "")
        script = servers.folder / "script"
        script.write_text("set /a fromfile\nget /a\n")
        assert shell.ok("-f", str(script)) == "fromfile\n"


def test_refused_connections_name_each_host_and_what_to_do():
    port, other = ensemble.free_ports(2)
    begin = time.monotonic()
    err = Shell(f"127.0.0.1:{port},127.0.0.1:{other}").fails(3, "ls", "/")
    assert 4 < time.monotonic() - begin < 8, "5 s is how long it looks for a server"
    assert f"127.0.0.1:{port}: Connection refused" in err and f"127.0.0.1:{other}: " in err, err
    assert "quorate-server" in err
    assert "127.0.0.1" in Shell(f"127.0.0.1:{port}", "-connect-timeout", "200").fails(3, "ls", "/")


def test_json_for_every_kind_of_answer():
    with one_server() as servers:
        shell = Shell(servers[1].address, "--json")
        small_tree(Shell(servers[1].address))
        got = json.loads(shell.ok("get", "/t/a"))
        assert got["data"] == "alpha" and got["stat"]["numChildren"] == 1, got
        shell.ok("create", "-b", "/bin", "/wD+")
        assert json.loads(shell.ok("get", "/bin")) | {"stat": 0} == {
            "path": "/bin", "data": "/wD+", "encoding": "base64", "stat": 0}
        assert json.loads(shell.ok("ls", "/t"))["children"] == ["a", "b", "c"]
        assert json.loads(Shell(servers[1].address).ok("ls", "/t", "--json"))["children"] == ["a", "b", "c"]
        code, out, err = shell.run("get", "/nope")
        assert (code, out) == (1, "") and json.loads(err)["error"]["name"] == "NoNode", err
        assert json.loads(shell.fails(2, "get"))["error"]["name"] == "Usage"
        every = [["whoami"], ["stat", "/t"], ["getAcl", "/t"], ["set", "/t/c", "d"], ["sync", "/"], ["config"],
                 ["getEphemerals"], ["getAllChildrenNumber", "/t"], ["version"], ["help"], ["help", "get"], ["history"],
                 ["tree", "/t"], ["du", "/t"], ["find", "/t"], ["grep", "host", "/t"], ["ensemble"], ["sessions"],
                 ["ephemerals"], ["why", "/t"], ["cp", "/t", "/t2"], ["mv", "/t2", "/t3"], ["deleteall", "-y", "/t3"],
                 ["setquota", "-n", "9", "/t"], ["listquota", "/t"], ["delquota", "/t"], ["addauth", "digest", "u:p"],
                 ["setAcl", "/t/c", "world:anyone:cdrwa"], ["setAcl", "-R", "/t/c", "world:anyone:cdrwa"],
                 ["addWatch", "/t"], ["printwatches"], ["delete", "/t/c"], ["txn", "check /t 0"], ["pwd"], ["cd", "/t"],
                 ["export", "/t", str(servers.folder / "x")], ["close"]]
        for command in every:
            out = shell.ok(*command)
            assert out or command == ["ephemerals"], command
            for line in out.splitlines():
                json.loads(line)


def test_looking_at_subtrees():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        small_tree(shell)
        tree = shell.ok("tree", "/t", env={"LC_ALL": "C.UTF-8"})
        assert tree == ("/t\n├── a\n│   └── deep\n├── b\n│   └── x\n└── c\n\n6 nodes, 25 bytes\n"), tree
        assert "+1" in shell.ok("tree", "-d", "1", "/t")
        assert shell.ok("find", "-name", "[ax]", "/t") == "/t/a\n/t/b/x\n"
        assert shell.ok("find", "-value", "HOST", "/t") == "/t/b/x\n"
        assert shell.ok("find", "-size", "8", "/t") == "/t/a/deep\n/t/b/x\n"
        assert shell.ok("grep", "-i", "host=", "/t") == "/t/a/deep:host=one\n/t/b/x:HOST=two\n"
        assert shell.ok("grep", "-E", "^h.*e$", "/t") == "/t/a/deep:host=one\n"
        assert shell.run("grep", "absent", "/t")[0] == 1
        shell.fails(2, "grep", "-E", "(", "/t")
        rows = [line.split() for line in shell.ok("du", "/t").splitlines()[1:]]
        assert rows == [["2", "13", "/t/a"], ["2", "8", "/t/b"], ["1", "1", "/t/c"], ["6", "25", "/t"]], rows


def test_copy_move_compare():
    with one_server() as servers, one_server() as others:
        shell, other = Shell(servers[1].address), Shell(others[1].address)
        small_tree(shell)
        assert shell.ok("diff", "/t", "/t") == ""
        shell.ok("cp", "/t", "/copy")
        assert shell.ok("diff", "-a", "/t", "/copy") == ""
        shell.fails(1, "cp", "/t", "/copy")
        shell.fails(2, "cp", "/t", "/t/a/inside")
        shell.ok("set", "/copy/a", "changed")
        shell.ok("delete", "/copy/c")
        shell.ok("create", "/copy/new")
        code, out, _ = shell.run("diff", "/t", "/copy")
        assert (code, out) == (1, "! /a  data\n- /c\n+ /new\n"), out
        assert "would go" in shell.ok("cp", "-n", "/t", "/copy2")
        shell.ok("cp", "--to", others[1].address, "/t", "/there")
        assert shell.ok("diff", "-a", "--to", others[1].address, "/t", "/there") == ""
        assert "all at once" in shell.ok("mv", "/copy", "/moved")
        assert shell.run("stat", "/copy")[0] == 1 and shell.ok("get", "/moved/a") == "changed\n"
        shell.ok("mv", "--to", others[1].address, "/moved", "/moved")
        assert shell.run("stat", "/moved")[0] == 1 and other.ok("get", "/moved/a") == "changed\n"


def test_export_and_import():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        small_tree(shell)
        shell.ok("create", "-b", "/t/bin", "/wD+AAE=")
        shell.ok("create", "/t/many")
        text = "".join(f"create /t/many/{i} {i}\n" for i in range(300))
        shell.ok(text=text)
        one, two = str(servers.folder / "one"), str(servers.folder / "two")
        assert "308 nodes" in shell.ok("export", "/t", one)
        assert "308 nodes" in shell.ok("import", "-n", one, "/u")
        assert shell.run("stat", "/u")[0] == 1, "-n writes nothing"
        shell.ok("import", "-b", "100", one, "/u")
        assert shell.ok("diff", "-a", "/t", "/u") == ""
        shell.fails(1, "import", one, "/u")
        shell.ok("set", "/u/a", "other")
        shell.ok("import", "-f", one, "/u")
        assert shell.ok("diff", "/t", "/u") == ""
        # Cut in the middle: what was whole is there, and the rest follows with --resume.
        lines = open(one).read().splitlines(keepends=True)
        open(two, "w").writelines(lines[:251])
        shell.fails(1, "import", "-b", "100", two, "/v")
        assert shell.ok("getAllChildrenNumber", "/v") == "199\n"
        open(two, "w").writelines(lines)
        shell.ok("import", "--resume", two, "/v")
        assert shell.ok("diff", "-a", "/t", "/v") == ""
        assert shell.ok("export", "/t", "-") == "".join(lines)
        shell.fails(1, "export", "/nope", two + ".x")
        assert not os.path.exists(two + ".x.part")
        shell.fails(1, "export", "--resume", "/t", two + ".x")
        shell.fails(2, "export", "--resume", "/t", "-")
        # From one ensemble to the next without a file.
        shell.ok("import", "-", "/piped", text="".join(lines))
        assert shell.ok("diff", "-a", "/t", "/piped") == ""
        shell.fails(2, "import", "--resume", "-", "/piped", text="")


def test_deleteall_asks_and_counts():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        small_tree(shell)
        err = shell.fails(2, "deleteall", "/t")
        assert "6 nodes" in err and "/t/a/deep" in err and "-y" in err, err
        assert "6 nodes" in shell.ok("deleteall", "-n", "/t")
        shell.ok("deleteall", "-y", "/t")
        assert shell.ok("ls", "/") == "[zookeeper]\n"
        small_tree(shell)
        shell.ok("-y", "deleteall", "/")
        assert shell.ok("ls", "/") == "[zookeeper]\n"


def test_transactions_and_edit():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        small_tree(shell)
        out = shell.ok("txn", "check /t 0", "set /t new", "create /t/n 'x y'", "delete /t/c")
        assert "4 operations" in out and shell.ok("get", "/t/n") == "x y\n"
        err = shell.fails(1, "txn", "set /t again", "check /t 77")
        assert "operation 2 of 2" in err and shell.ok("get", "/t") == "new\n"
        shell.fails(2, "txn", "nonsense /t")
        shell.fails(2, "txn")
        assert "version 1" in shell.ok("edit", "/t/a", env={"EDITOR": "sed -i s/alpha/beta/", "VISUAL": "sed -i s/alpha/beta/"})
        assert shell.ok("get", "/t/a") == "beta\n"
        racing = f"{SHELL} -server {servers[1].address} set /t/a raced; sed -i s/beta/gamma/"
        err = shell.fails(1, "edit", "/t/a", env={"VISUAL": racing})
        assert "meanwhile" in err and shell.ok("get", "/t/a") == "raced\n"
        os.remove(err.split()[-1])


def test_who_owns_what():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        owner = subprocess.Popen(shell.base, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        owner.stdin.write("create /w\ncreate -e /w/mine\n")
        owner.stdin.flush()
        for _ in range(2):
            assert owner.stderr.readline().startswith("Created")
        why = shell.ok("why", "/w/mine")
        assert "ephemeral" in why and "127.0.0.1:" in why and "everything" in why, why
        session = json.loads(shell.ok("--json", "why", "/w/mine"))["session"]
        assert session in shell.ok("sessions")
        assert session in shell.ok("ephemerals")
        assert "standalone" in shell.ok("ensemble")
        shell.ok("create", "/secret", "x", "digest:u:Rb8IO9BZ2xaHd4Wr+fSkzRV9UQQ=:r,world:anyone:a")
        assert "addauth digest u:password" in shell.ok("why", "/secret")
        owner.communicate("quit\n", timeout=20)


def test_watch_streams_changes_until_interrupted():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        shell.ok("create", "/w")
        watching = subprocess.Popen([*shell.base, "--json", "watch", "-d", "/w"], stdout=subprocess.PIPE, text=True)
        ensemble.wait_for("the watch", lambda: "/w" in ensemble.four_letter(servers[1].client_port, "wchp"))
        shell.ok("create", "/w/a", "1")
        shell.ok("set", "/w/a", "2")
        shell.ok("delete", "/w/a")
        seen = [json.loads(watching.stdout.readline()) for _ in range(3)]
        assert [e["event"] for e in seen] == ["NodeCreated", "NodeDataChanged", "NodeDeleted"], seen
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0


def test_binary_data_and_names_reach_a_script_unchanged():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        shell.ok("create", "-b", "/bin", "GzJK/wA=")
        raw = subprocess.run([*shell.base, "get", "/bin"], capture_output=True).stdout
        assert raw == b"\x1b2J\xff\x00\n", raw
        assert shell.ok("get", "-b", "/bin") == "GzJK/wA=\n"
        assert "|00000000| 1b 32 4a ff 00" in shell.ok("get", "-x", "/bin")


def test_cp_f_takes_what_is_there_along():
    with one_server() as servers:
        shell = Shell(servers[1].address)
        small_tree(shell)
        shell.ok(text="create /copy\ncreate /copy/a old\ncreate /copy/b\ncreate /copy/b/x old\ncreate /copy/own kept\n")
        shell.fails(1, "cp", "/t", "/copy")
        assert "6 nodes copied" in shell.ok("cp", "-f", "/t", "/copy")
        code, out, _ = shell.run("diff", "/t", "/copy")
        assert (code, out) == (1, "+ /own\n"), out
        assert "6 nodes copied" in shell.ok("cp", "-f", "/t", "/")
        assert shell.ok("get", "/a/deep") == "host=one\n"


def test_a_server_without_its_quorum():
    with ensemble.Ensemble(["quorate"] * 3, {"readonlymode.enabled": "true"}) as servers:
        leader = servers.start().wait_serving()
        left = next(s for s in servers.servers if s is not leader)
        small_tree(Shell(servers.connect))
        servers.wait_equal_zxid()
        for server in servers.servers:
            if server is not left:
                server.kill()
        ensemble.wait_for("read-only mode", lambda: left.mode() == "read-only")
        shell = Shell(servers.connect, "-r")
        assert shell.ok("get", "/t/a") == "alpha\n"
        assert shell.ok("ls", "-R", "/t").splitlines()[-1] == "/t/b/x"
        assert "6 nodes" in shell.ok("tree", "/t")
        assert len(shell.ok("export", "/t", "-").splitlines()) == 8
        assert shell.ok("find", "-name", "x", "/t") == "/t/b/x\n"
        for command in (["create", "/n"], ["set", "/t/a", "x"], ["delete", "/t/c"], ["deleteall", "-y", "/t"],
                        ["setAcl", "/t", "world:anyone:r"], ["cp", "/t", "/u"], ["mv", "/t", "/u"], ["txn", "delete /t/c"]):
            err = shell.fails(1, *command)
            assert "read-only" in err.lower() or "not a read" in err.lower(), (command, err)
        # Who does not say -r is told why there is no connection.
        err = Shell(servers.connect, "-connect-timeout", "1500").fails(3, "ls", "/")
        assert left.address in err, err
        assert Shell(left.address, "-r", "-zkcli").run("get", "/t/a")[0] == 0


def completed(line, folder):
    """What bash offers for the last word of `line`."""
    file = ensemble.ROOT / "shell" / "completion" / "quorate-shell.bash"
    script = f"source {file}; COMP_LINE=$1 COMP_POINT=${{#1}}; _quorate_shell; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "bin" / "quorate-shell").exists():
        (folder / "bin" / "quorate-shell").symlink_to(pathlib.Path(SHELL).resolve())
    done = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, timeout=30,
                          env=dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}"))
    return done.stdout.split()


def test_bash_completes_commands_options_and_paths_of_the_named_server():
    with one_server() as servers:
        small_tree(Shell(servers[1].address))
        at = f"quorate-shell -server {servers[1].address}"
        assert completed(f"{at} getA", servers.folder) == ["getAcl", "getAllChildrenNumber"]
        assert completed(f"{at} get /t/", servers.folder) == ["/t/a", "/t/b", "/t/c"]
        assert completed(f"{at} --json get -s /t/a/", servers.folder) == ["/t/a/deep"]
        assert completed(f"{at} deleteall -", servers.folder) == ["--json", "-b", "-y", "-n"]
        assert "-key-password-file" in completed("quorate-shell -k", servers.folder)
        (servers.folder / "some.pem").touch()
        assert completed(f"quorate-shell --ca {servers.folder}/so", servers.folder) == [f"{servers.folder}/some.pem"]


if __name__ == "__main__":
    ensemble.run_tests([value for name, value in list(globals().items()) if name.startswith("test_")])
