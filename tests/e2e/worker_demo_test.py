#!/usr/bin/python3
"""examples/leader_follower: the leader killed again and again, every job done once in effect; late ones refused and counted."""
import collections
import json
import os
import pathlib
import random as chance
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, SHARED, Ensemble, free_ports, run_tests, wait_for  # noqa: E402

KILLS = int(os.environ.get("QUORATE_LEADER_KILLS", "20"))
random = chance.Random(int(os.environ.get("QUORATE_SEED", "1")))
PROGRAM = str(BIN / "leader_follower")
SESSION_MS = 800
# Short ticks, so that the sessions of those who were killed end soon.
SETTINGS = {"tickTime": 200, "syncLimit": 10, "initLimit": 20, "minSessionTimeout": 400}


def independent_count(text):
    """Hits per page, page = path without query of the request; what is no such line is counted apart."""
    counts, bad = collections.Counter(), 0
    for line in text.split("\n"):
        if not line:
            continue
        quoted = line.split('"')
        words = quoted[1].split(" ") if len(quoted) >= 3 else []
        if len(words) < 2 or not words[1]:
            bad += 1
            continue
        counts[words[1].split("?")[0]] += 1
    return counts, bad


def read(path):
    return pathlib.Path(path).read_bytes().decode(errors="surrogateescape")


def read_counts(text):
    """Of lines of a count, a tab and a page."""
    pairs = (line.partition("\t") for line in text.split("\n") if line)
    return {page: int(count) for count, _, page in pairs}


def generate(path, lines, seed):
    subprocess.run([PROGRAM, "--generate", str(lines), "--seed", str(seed), str(path)], check=True)
    return path


class Pool:
    """Workers of one pool, their logs, and a ledger if wanted; all of them end with the test."""

    def __init__(self, connect, folder, name, ledger=False, session_ms=SESSION_MS):
        self.session_ms = session_ms
        self.connect, self.folder, self.name = connect, pathlib.Path(folder) / name, name
        self.folder.mkdir()
        self.processes, self.logs = {}, {}
        self.started = 0
        self.ledger = self.ledger_process = None
        if ledger:
            self.start_ledger()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.processes.values(), self.ledger_process]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def spawn(self, name, *words):
        log = self.folder / f"{name}.log"
        with open(log, "ab") as out:
            return subprocess.Popen([PROGRAM, *words], stdout=out, stderr=out), log

    def start_ledger(self):
        self.ledger = self.ledger or f"127.0.0.1:{free_ports(1)[0]}"
        self.ledger_process, _ = self.spawn("ledger", "--serve-ledger", str(self.folder / "effects"), "--port",
                                            self.ledger.rsplit(":", 1)[1])

    def add(self, *more):
        self.started += 1
        name = f"w{self.started}"
        ledger = ["--ledger", self.ledger] if self.ledger else []
        self.processes[name], self.logs[name] = self.spawn(
            name, "--connect", self.connect, "--pool", self.name, "--id", name, "--session-timeout-ms", str(self.session_ms),
            *ledger, *more)
        return name

    def said(self, name, pattern):
        return re.findall(rf"^{name}: {pattern}", self.logs[name].read_text(errors="replace"), re.MULTILINE)

    def everybody_said(self, pattern):
        return [found for name in self.logs for found in self.said(name, pattern)]

    def leader(self, after=0):
        """(term, name) of who took office last, if that was after the term given and the process lives."""
        terms = [(int(term), name) for name in self.logs for term in self.said(name, r"leads: term (\d+)")]
        if not terms or max(terms)[0] <= after:
            return None
        term, name = max(terms)
        return (term, name) if self.processes[name].poll() is None else None

    def signal(self, name, number):
        self.processes[name].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[name].wait()

    def command(self, *words):
        return [PROGRAM, "--connect", self.connect, "--pool", self.name, *words]

    def ask(self, *words, code=0, timeout=120):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, errors="surrogateescape",
                              timeout=timeout)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.describe()}"
        return done.stdout

    def status(self):
        return json.loads(self.ask("--status", "--json", *(["--ledger", self.ledger] if self.ledger else [])))

    def describe(self):
        return "\n".join(f"--- {name}\n{log.read_text(errors='replace')[-800:]}" for name, log in self.logs.items())

    def results(self):
        """Per job: member, token, spec's part and path, lines and bad lines."""
        results = {}
        for line in self.ask("--results").splitlines():
            job, member, token, term, lines, bad, state, spec = line.split("\t")
            assert state == "ok", line
            assert job not in results
            _, begin, end, _, path = spec.split(" ", 4)
            results[job] = (member, int(token.split()[1]), int(term.split()[1]), int(begin), int(end), path,
                            int(lines.split()[0]), int(bad.split()[0]))
        return results

    def check_results(self, logs):
        """Every part of every log is one job's, and counted right; the counts of all together are those of the logs."""
        parts, expected = collections.defaultdict(list), collections.Counter()
        texts = {str(log): pathlib.Path(log).read_bytes() for log in logs}
        results = self.results()
        for _, _, _, begin, end, path, lines, bad in results.values():
            parts[path].append((begin, end))
            counts, bad_here = independent_count(texts[path][begin:end].decode(errors="surrogateescape"))
            assert (lines, bad) == (sum(counts.values()) + bad_here, bad_here), (path, begin, end, lines, bad)
        assert parts.keys() == texts.keys()
        for path, text in texts.items():
            at = 0
            for begin, end in sorted(parts[path]):
                assert begin == at, f"{path}: {at} to {begin} is missing or done twice"
                at = end
            assert at == len(text), path
            expected += independent_count(text.decode(errors="surrogateescape"))[0]
        printed = read_counts(self.ask("--print"))
        assert printed == dict(expected), f"{sum(printed.values())} hits, {sum(expected.values())} expected"
        return results, expected

    def check_ledger(self, results, expected):
        """One effect of every job, and none under a token smaller than one that was shown before."""
        greatest, totals, refused, begun = {}, collections.Counter(), 0, collections.Counter()
        applied = {}
        for line in read(self.folder / "effects").split("\n")[:-1]:
            what, job, token, *rest = line.split("\t")
            assert job.startswith(self.name + "/"), line
            job, token = job.partition("/")[2], int(token)
            if what == "refused":
                assert token < greatest[job], line
                refused += 1
                continue
            assert token >= greatest.get(job, 0), f"accepted behind token {greatest[job]}: {line}"
            greatest[job] = token
            if what == "begun":
                begun[job] += 1
            else:
                assert what == "applied" and job not in applied, f"twice: {line}"
                applied[job] = token
                for page, hits in zip(rest[3::2], rest[4::2]):
                    totals[page] += int(hits)
        assert applied.keys() == results.keys()
        assert totals == expected
        assert read_counts(self.ask("--print", "--ledger", self.ledger)) == dict(expected)
        assert all(applied[job] <= token for job, (_, token, *_) in results.items())
        return sum(1 for count in begun.values() if count > 1), refused


def access_log(folder):
    real = SHARED / "data" / "access.log"
    return real if real.exists() else generate(pathlib.Path(folder) / "access.log", 10000, 7)


def a_generated_log_is_the_same_for_a_seed():
    with tempfile.TemporaryDirectory() as folder:
        texts = [generate(pathlib.Path(folder) / name, 500, seed).read_bytes() for name, seed in
                 (("a", 3), ("b", 3), ("c", 4))]
        assert texts[0] == texts[1] != texts[2]
        assert sum(independent_count(texts[0].decode())[0].values()) > 400


def jobs_of_two_submissions_are_shared_out():
    with Ensemble(["quorate"], SETTINGS) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        log, other = access_log(folder), generate(pathlib.Path(folder) / "other", 1000, 5)
        with Pool(ensemble.connect, folder, "shared", ledger=True, session_ms=20_000) as pool:
            first = pool.ask("--submit", str(log), "--lines-per-job", "100")
            assert pool.status()["queued"] == int(first.split()[1]) and not pool.status()["leader"]
            for _ in range(3):
                pool.add("--capacity", "3", "--delay-ms-per-job", "5")
            wait_for("three members", lambda: len(pool.everybody_said("ready: member")) == 3)
            pool.ask("--submit", str(other), "--lines-per-job", "20", "--wait")
            pool.ask("--wait")
            results, expected = pool.check_results([log, other])
            pool.check_ledger(results, expected)
            members = collections.Counter(result[0] for result in results.values())
            assert len(members) == 3, members
            status = pool.status()
            assert (status["queued"], status["assigned"], status["done"]) == (0, 0, len(results)), status
            assert status["leader"] in members and status["terms"] == 1 and len(status["members"]) == 3, status
            assert (status["refused_leaders"], status["refused_workers"]) == (0, 0), status
            assert f"applied {len(results)} refused 0" in status["ledger"], status
            table = pool.ask("--status")
            assert status["leader"] in table and "capacity" in table, table
            pool.ask("--forget")
            assert pool.status()["done"] == 0 and pool.ask("--print") == ""
            for name in list(pool.processes):  # One leaves, the next leads, the last one locks up.
                pool.signal(name, signal.SIGTERM)
                assert pool.processes[name].wait(30) == 0, pool.describe()
            assert pool.status()["members"] == []


def what_cannot_be_done_is_said():
    with Ensemble(["quorate"], SETTINGS) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        log = generate(pathlib.Path(folder) / "log", 300, 1)
        with Pool(ensemble.connect, folder, "wrong") as pool:
            pool.ask("--submit", str(log) + ".none", code=1)
            for words in (["--submit"], ["--id", "a/b"], ["--capacity", "0"], ["--ledger", "here"], ["--nonsense", "1"]):
                pool.ask(*words, code=2)
            pool.ask("--submit", str(log), "--lines-per-job", "100")
            log.write_text(log.read_text().replace("GET", "PUT", 1))  # Of the first part only.
            pool.add()
            pool.ask("--wait")
            pool.ask("--print", code=1)
            states = [line.split("\t")[6] for line in pool.ask("--results").splitlines()]
            assert states[1:] == ["ok", "ok"] and "has been changed" in states[0], states


def submit_some(pool, folder, number):
    log = generate(pathlib.Path(folder) / f"log{number}", 500, 100 + number)
    return log, subprocess.Popen(pool.command("--submit", str(log), "--lines-per-job", "25"), stdout=subprocess.DEVNULL)


def pause_and_wake(pool, leader, kill, paused):
    """Every fourth kill comes with the pause of another worker, of two hand-overs: longer than its session."""
    for name in [name for name, until in paused.items() if until == kill]:
        pool.signal(name, signal.SIGCONT)
        del paused[name]
    live = [name for name, process in pool.processes.items()
            if process.poll() is None and name != leader and name not in paused]
    if kill % 4 == 1 and kill + 2 < KILLS:
        name = random.choice(live)
        pool.signal(name, signal.SIGSTOP)
        paused[name] = kill + 2


def every_job_once_while_leaders_are_killed():
    """Now and then a server or the ledger, too, and workers are paused. Each kill meets a queue that has just been filled."""
    with Ensemble(["quorate"] * 3, SETTINGS) as ensemble, tempfile.TemporaryDirectory() as folder, \
            Pool(ensemble.connect, folder, "killed", ledger=True) as pool:
        ensemble.start()
        worker = ["--delay-ms-per-job", "15"]
        for _ in range(4):
            pool.add(*worker)
        term, logs, submissions, servers, gaps, killed, paused = 0, [], [], 0, [], None, {}
        for kill in range(KILLS):
            term, name = wait_for("a new leader", lambda: pool.leader(after=term))  # noqa: B023
            gaps += [time.monotonic() - killed] if killed else []
            before = len(pool.everybody_said("assigns: [1-9]"))
            log, submission = submit_some(pool, folder, kill)
            logs.append(log)
            submissions.append(submission)
            wait_for("a job is given", lambda: len(pool.everybody_said("assigns: [1-9]")) > before)  # noqa: B023
            if kill % 7 == 6:
                server = random.choice(ensemble.servers).kill()
                ensemble.wait_serving(count=2)
                server.start()
                servers += 1
            if kill % 9 == 5:
                pool.ledger_process.kill()
                pool.ledger_process.wait()
                pool.start_ledger()
            # Whoever leads by now: a server's end may have made another one leader.
            term, name = wait_for("a leader", lambda: pool.leader(after=term - 1))  # noqa: B023
            pause_and_wake(pool, name, kill, paused)
            pool.signal(name, signal.SIGKILL)
            killed = time.monotonic()
            pool.add(*worker)
        for submission in submissions:
            assert submission.wait(60) == 0
        pool.ask("--wait")
        results, expected = pool.check_results(logs)
        assert len(results) == 20 * KILLS
        again, refused = pool.check_ledger(results, expected)
        status = pool.status()
        assert status["terms"] > KILLS and status["done"] == len(results), status
        taken_back = sum(map(int, pool.everybody_said(r"assigns: .* takes back (\d+)")))
        assert taken_back > 0, "no kill met a job in work"
        print(f"       from a kill to the next leader's first word {statistics.median(gaps or [0]):.2f} s, sessions of "
              f"{SESSION_MS / 1000:.2f} s")
        print(f"       {KILLS} leaders killed, {servers} servers; {len(results)} jobs, {sum(expected.values())} hits, each "
              f"once; {taken_back} taken back from the dead, {again} begun again; refused: ledger {refused}, leaders "
              f"{status['refused_leaders']}, workers {status['refused_workers']}")


def pause_past_its_session(pool, name, until):
    pool.signal(name, signal.SIGSTOP)
    wait_for(f"the others go on while {name} is paused", until)
    pool.signal(name, signal.SIGCONT)


def a_worker_paused_past_its_session_has_no_late_effect(ensemble, folder, ledger):
    log = generate(pathlib.Path(folder) / f"worker{ledger}.log", 100, 3)
    with Pool(ensemble.connect, folder, f"worker-{'ledger' if ledger else 'board'}", ledger) as pool:
        slow = pool.add("--delay-ms-per-job", "1500")
        pool.ask("--submit", str(log), "--lines-per-job", "100")
        job, token = wait_for("a job in work", lambda: pool.said(slow, r"works: job (\S+) token (\d+)"))[0]
        quick = pool.add()
        pause_past_its_session(pool, slow, lambda: pool.said(quick, f"done: job {job}"))
        who = "ledger" if ledger else "worker"
        late = wait_for("the late effect is refused",
                        lambda: pool.said(slow, rf"refused: {who}, job (\S+) token (\d+) is late"))
        assert late == [(job, token)], late
        wait_for("it joins again", lambda: len(pool.said(slow, "ready: member")) == 2)
        results, expected = pool.check_results([log])
        assert results[job][0].startswith(quick) and results[job][1] > int(token), results
        if ledger:
            assert pool.check_ledger(results, expected)[1] == 1
            assert "applied 1 refused 1" in pool.status()["ledger"]
        else:
            wait_for("the refusal is counted", lambda: pool.status()["refused_workers"] == 1)


def a_leader_paused_past_its_session_has_no_late_effect(ensemble, folder):
    log = generate(pathlib.Path(folder) / "leader.log", 100, 4)
    with Pool(ensemble.connect, folder, "leader") as pool:
        slow = pool.add("--delay-ms-per-plan", "1500")
        wait_for("it leads", lambda: pool.said(slow, "leads: term"))
        pool.ask("--submit", str(log), "--lines-per-job", "20")
        wait_for("it decides", lambda: pool.said(slow, "assigns: [1-9]"))
        quick = pool.add()
        pause_past_its_session(pool, slow, lambda: len(pool.said(quick, "done: job")) == 5)
        wait_for("its late decision is refused", lambda: pool.said(slow, "refused: leader of term"))
        wait_for("it joins again", lambda: len(pool.said(slow, "ready: member")) == 2)
        wait_for("the refusal is counted", lambda: pool.status()["refused_leaders"] == 1)
        results, _ = pool.check_results([log])
        terms = {result[2] for result in results.values()}
        assert terms == {int(pool.said(quick, r"leads: term (\d+)")[0])}, (terms, pool.describe())


def late_effects_are_refused_and_counted():
    with Ensemble(["quorate"], SETTINGS) as ensemble, tempfile.TemporaryDirectory() as folder:
        ensemble.start()
        a_worker_paused_past_its_session_has_no_late_effect(ensemble, folder, ledger=True)
        a_worker_paused_past_its_session_has_no_late_effect(ensemble, folder, ledger=False)
        a_leader_paused_past_its_session_has_no_late_effect(ensemble, folder)


def the_thread_pools_measure_each_other():
    done = subprocess.run([str(BIN / "thread-pools"), "--work-us", "0,50", "--connections", "1,16", "--seconds", "0.1",
                           "--rounds", "1", "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {(row["work_us"], row["connections"], row["pool"]) for row in rows} == {
        (work, connections, pool) for work in (0, 50) for connections in (1, 16)
        for pool in ("leader/followers", "half-sync/half-async")}
    assert all(row["requests_per_s"] > 0 and 0 < row["p50_us"] <= row["p99_us"] for row in rows), rows
    for words in (["--threads", "1"], ["--work-us", "x"], ["--connections", "0"]):
        assert subprocess.run([str(BIN / "thread-pools"), *words], capture_output=True).returncode == 2, words


if __name__ == "__main__":
    run_tests([a_generated_log_is_the_same_for_a_seed, jobs_of_two_submissions_are_shared_out, what_cannot_be_done_is_said,
               late_effects_are_refused_and_counted, every_job_once_while_leaders_are_killed,
               the_thread_pools_measure_each_other])
