#!/usr/bin/env python3
"""The rules of CONTRIBUTING.md that a machine can check. Errors end with exit code 1, warnings do not.

    scripts/check_style.py [--root DIR] [--quiet]     --quiet leaves the warnings out
"""
import argparse
import pathlib
import re
import subprocess
import sys

FILE_LINES = 600       # Warning beyond; the feel is 400.
FUNCTION_LINES = 60    # Warning beyond; the feel is 30.

BANNED_NAME = re.compile(r"(^|[/_])(utils?|helpers?|managers?|common|misc)(\.|/|_|$)", re.IGNORECASE)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|\btime\.sleep\(")
PAUSE_WITH_CONDITION = re.compile(r"wait_for|wait_until|deadline|interval|random")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(work|root|home/\w+|farm)/")
# g++ 12 destroys these twice when they stand in an expression with co_await.
CAPTURING_LAMBDA = re.compile(r"\[[^\]\[]*[&=\w][^\]\[]*\]\s*(\([^)]*\)\s*(mutable\s*)?)?\{")
BRACED_TEMPORARY = re.compile(r"(?<![\w>])[A-Za-z_][\w:]*(<[^;{}]*>)?\{|[(,]\s*\{")
CODE_SUFFIXES = {".h", ".cc", ".c"}
TEXT_SUFFIXES = CODE_SUFFIXES | {".py", ".sh", ".md", ".cmake", ".txt", ".json", ".cfg", ""}


class Report:
    def __init__(self):
        self.errors, self.warnings = [], []

    def error(self, where, what):
        self.errors.append(f"{where}: error: {what}")

    def warn(self, where, what):
        self.warnings.append(f"{where}: warning: {what}")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    """C++ text with comments, strings and characters blanked, line for line and column for column."""
    pattern = (r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(\\.|[^"\\\n])*"|'
               r"(?<![0-9a-fA-F])'(\\.|[^'\\\n])+'")
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def check_names(path, report):
    if BANNED_NAME.search(path):
        report.error(path, "a name like this says that the thing has no job yet")


def statements(code):
    """(offset, statement) for what lies between semicolons; nested braces stay inside a statement
    only where an expression opened them, which is what the co_await rule is about."""
    start = 0
    for match in re.finditer(r";|\{\s*\n|\}\s*\n", code):
        yield start, code[start:match.end()]
        start = match.end()


def check_co_await(path, code, report):
    for offset, statement in statements(code):
        at = statement.find("co_await")
        if at < 0:
            continue
        tail = statement[at:]
        # A loop's or branch's own brace at the end of the line is no temporary.
        tail = re.sub(r"\)\s*\{\s*$", ")", tail)
        if CAPTURING_LAMBDA.search(tail) or BRACED_TEMPORARY.search(tail):
            line = code.count("\n", 0, offset + at) + 1
            report.error(f"{path}:{line}",
                         "capturing lambda or braced temporary in a statement with co_await "
                         "(g++ 12 destroys it twice): name it first, move it in")


FUNCTION_HEAD = re.compile(r"\)\s*(const|noexcept|override|final|mutable|&|\s|->\s*[\w:<>,&*\s]+)*"
                           r"(:\s*[\w:<>]+[({].*)?$", re.DOTALL)


def function_bodies(code):
    """(first line, last line) of each outermost block whose head looks like a function's."""
    stack, head_start, outer = [], 0, None
    for match in re.finditer(r"[{};]", code):
        symbol, at = match.group(0), match.start()
        if symbol == "{":
            head = code[head_start:at].strip()
            is_function = bool(FUNCTION_HEAD.search(head)) and not re.match(
                r"(namespace|class|struct|enum|union|extern)\b", head)
            if is_function and outer is None:
                outer = (len(stack), at)
            stack.append(at)
        elif symbol == "}" and stack:
            opened = stack.pop()
            if outer is not None and len(stack) == outer[0]:
                yield code.count("\n", 0, opened) + 1, code.count("\n", 0, at) + 1
                outer = None
        head_start = match.end()


def check_sizes(path, text, code, report):
    lines = text.count("\n")
    if lines > FILE_LINES:
        report.warn(path, f"{lines} lines; the feel is 400")
    for first, last in function_bodies(code):
        if last - first + 1 > FUNCTION_LINES:
            report.warn(f"{path}:{first}", f"a function of {last - first + 1} lines; the feel is 30")


def check_header(path, text, report):
    if "#pragma once" not in text:
        report.error(path, "a header starts with #pragma once")


# Of shell scripts and of commands in documents. "grep -q" leaves at its first hit.
QUIET_PIPE = re.compile(r"(?<!\|)\|\s*grep\s+-\w*q")


def check_lines(path, text, report):
    is_code = pathlib.PurePosixPath(path).suffix in CODE_SUFFIXES
    in_product = not path.startswith(("tests/", "scripts/", "docs/"))
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        if UNFINISHED.search(line) and path not in ("scripts/check_style.py",):
            report.error(where, "unfinished: open an issue or finish it")
        if SLEEP.search(line) and path.startswith("tests/") \
                and not PAUSE_WITH_CONDITION.search(line):
            report.error(where, "a sleep is not a condition: wait for what must come true")
        if QUIET_PIPE.search(line) and not line.lstrip().startswith("#"):
            report.error(where, "a pipe into 'grep -q' fails under pipefail when grep leaves first")
        if MACHINE_PATH.search(line) and path not in ("scripts/check_style.py",):
            report.error(where, "the path of a machine")
        if in_product and is_code and "using namespace std;" in line:
            report.error(where, "no using namespace std")


TEST_CASE = re.compile(r"^(TEST_CASE\w*|SCENARIO)\b", re.MULTILINE)
ASSERTION = re.compile(r"CHECK|REQUIRE|FAIL|ENSURE|expect|verify|run_script|assert", re.IGNORECASE)


def check_tests_assert(path, code, report):
    starts = [match.start() for match in TEST_CASE.finditer(code)] + [len(code)]
    for begin, end in zip(starts, starts[1:]):
        body = code[begin:end].split("\n", 1)[-1]
        if not ASSERTION.search(body):
            report.error(f"{path}:{code.count(chr(10), 0, begin) + 1}", "a test without an assertion")


def check_file(root, path, report):
    check_names(path, report)
    suffix = pathlib.PurePosixPath(path).suffix
    if suffix not in TEXT_SUFFIXES or path == "LICENSE":
        return
    try:
        text = (root / path).read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return
    check_lines(path, text, report)
    if suffix not in CODE_SUFFIXES:
        return
    code = code_only(text)
    check_sizes(path, text, code, report)
    check_co_await(path, code, report)
    if suffix == ".h":
        check_header(path, text, report)
    if path.startswith("tests/") and suffix == ".cc":
        check_tests_assert(path, code, report)


def project_files(root):
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "--cached", "--others",
                             "--exclude-standard"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted(set(listed.stdout.splitlines()))
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--root", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parents[1])
    arguments.add_argument("--quiet", action="store_true")
    options = arguments.parse_args()
    report = Report()
    for path in project_files(options.root):
        if (options.root / path).is_file():
            check_file(options.root, path, report)
    for line in report.errors + ([] if options.quiet else report.warnings):
        print(line)
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
