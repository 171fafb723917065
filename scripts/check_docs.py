#!/usr/bin/env python3
"""Pages against the program: docs/reference/configuration.md is what `quorate-server --keys` prints, and
docs/compatibility.md has a row for each key, operation, word and command, "works" only with a test that
names it; every file that docs/pipelines.md names is there, and every term names one; docs/client_guide.md
has each option of a connection and each error that a client can meet, and each public type says what it is.

usage: scripts/check_docs.py [--write]     --write renews the reference
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference" / "configuration.md"
PAGE = ROOT / "docs" / "compatibility.md"
PIPELINES = ROOT / "docs" / "pipelines.md"
SERVER = ROOT / "build" / "release" / "bin" / "quorate-server"
HEAD = """# Configuration keys

Made by `quorate-server --keys`; renewed by `scripts/check_docs.py --write`. A key may stand in `zoo.cfg`, in
the environment under the name given here, or as `-Dkey=value` on the command line, which wins.

"""
STATES = {"works", "differs", "no effect", "untested", "refused", "not yet"}


def fail(faults):
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


def rows_of(page):
    """(section, name, state, tests) of each row of a table with those columns."""
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line[3:].strip()
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| `") or len(cells) < 3:
            continue
        for name in re.findall(r"`([^`]+)`", cells[0]):
            yield section, name, cells[1], re.findall(r"`(tests/[^`]+)`", cells[2])


def words_in(path, pattern):
    return set(re.findall(pattern, (ROOT / path).read_text()))


def check_rows(keys):
    faults, seen = [], {}
    for section, name, state, tests in rows_of(PAGE.read_text()):
        seen.setdefault(section, set()).add(name)
        if state not in STATES:
            faults.append(f"{PAGE.name}: {name}: state {state!r}, expected one of {sorted(STATES)}")
        if state == "works" and not tests:
            faults.append(f"{PAGE.name}: {name} works, but no test is named")
        for test in tests:
            path = ROOT / test
            if not path.exists():
                faults.append(f"{PAGE.name}: {name}: {test} does not exist")
            elif section == "Configuration keys" and name not in path.read_text():
                faults.append(f"{PAGE.name}: {name}: {test} does not mention it")
    wanted = {
        "Configuration keys": keys,
        "Operations": (words_in("znode/ops/table.cc", r'OpCode::\w+, "(\w+)"')
        | {name for path in (ROOT / "znode" / "ops").glob("*.cc")
           for name in re.findall(r'OpCode::\w+, "(\w+)"', path.read_text())})
        - {"error", "unknown"},
        "Four-letter words": words_in("server/admin/command_table.cc", r'\.word = "(\w{4})"'),
        "Admin commands": words_in("server/admin/command_table.cc", r'\.name = "(\w+)"'),
    }
    table = (ROOT / "server/config/config_table.cc").read_text().split("kWithoutEffect[] = {", 1)[1].split("};", 1)[0]
    # Of ZooKeeper's keys some stand there as prefixes of keys that have rows of their own.
    wanted["Configuration keys"] |= {name for name in re.findall(r'"([^"]+)"', table)
                                     if not any(key.startswith(name) for key in keys)}
    for section, names in wanted.items():
        for name in sorted(names - seen.get(section, set()) - {"createSession"}):
            faults.append(f"{PAGE.name}: {section}: no row for {name}")
    return faults


def check_files(page, root=ROOT):
    """Names in backquotes that look like a path; in the table of terms each row has one."""
    faults, section = [], ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("## "):
            section = line[3:]
        names = re.findall(r"`([\w.-]+/[\w./-]+)`", line)
        faults += [f"{page.name}:{number}: {name} does not exist" for name in names if not (root / name).exists()]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        term = section.startswith("Terms") and line.startswith("| ") and len(cells) == 3
        if term and cells[0] != "term" and not cells[0].startswith("**") and not names:
            faults.append(f"{page.name}:{number}: {cells[0]}: no file is named")
    return faults


def check_client(root=ROOT):
    """The guide's tables have every option and error; types in installed headers have a comment."""
    guide = (root / "docs" / "client_guide.md").read_text()
    include = root / "client-lib" / "include" / "quorate"
    faults = []
    errors = guide.split("\n## Errors\n", 1)[1].split("\n## ", 1)[0]
    enums = [("znode/proto/code.h", "enum class Code"), ("client-lib/include/quorate/errors.h", "enum class ClientErrc")]
    for path, start in enums:
        body = (root / path).read_text().split(start, 1)[1].split("{", 1)[1].split("};", 1)[0]
        for name in re.findall(r"^  (\w+)\b", body, re.M):
            if name != "Ok" and not re.search(rf"`(ClientErrc::)?{name}`", errors):
                faults.append(f"client_guide.md: Errors: no row for {name}")
    options = (include / "options.h").read_text().split("struct ConnectOptions {", 1)[1].split("\n};", 1)[0]
    for name in re.findall(r"^  [\w:<>]+ (\w+)(?: = [^;]*|\{[^;]*\})?;", options, re.M):
        if f"`{name}`" not in guide:
            faults.append(f"client_guide.md: no row for ConnectOptions::{name}")
    headers = [*include.rglob("*.h"), *(root / "server" / "testing" / "include").rglob("*.h")]
    for path in sorted(headers):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if not re.match(r"\s*(class|struct|enum class) [^;:]*(: [^;]*)?\{", line):
                continue
            before = number - 1
            while lines[before].lstrip().startswith("template"):
                before -= 1
            if not lines[before].lstrip().startswith("///"):
                faults.append(f"{path.relative_to(root)}:{number + 1}: a public type without a word")
    return faults


def main():
    made = HEAD + subprocess.run([str(SERVER), "--keys"], capture_output=True, text=True, check=True).stdout
    if "--write" in sys.argv[1:]:
        REFERENCE.parent.mkdir(exist_ok=True)
        REFERENCE.write_text(made)
    faults = []
    if not REFERENCE.exists() or REFERENCE.read_text() != made:
        faults.append(f"{REFERENCE.relative_to(ROOT)} is not what the program prints: scripts/check_docs.py --write")
    fail(faults + check_client() + check_files(PIPELINES) + check_rows(set(re.findall(r"^\| `([^`]+)` \|", made, re.M))))


if __name__ == "__main__":
    main()
