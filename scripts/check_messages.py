#!/usr/bin/env python3
"""Each warning, error and fatal line that the server can log stands on docs/operations.md, where an operator finds
what to do about it: its first words between backquotes. A reason not to start names its remedy itself.

    scripts/check_messages.py [--root DIR]
"""
import argparse
import pathlib
import re
import sys

# Call sites whose text is made elsewhere, with what it begins with there.
MADE_ELSEWHERE = {
    ("server/net/peer_tls.cc", "what"): ["quorum-tls-refused", "quorum-tls-failed"],
    ("server/config/parse.cc", "std::to_string(voters)"): ["an even number"],
    ("server/config/parse.cc", "std::move(text)"): ["portUnification=true", "ssl.quorum.clientAuth",
                                                    "ssl.quorum.hostnameVerification=false"],
    ("server/app/app.cc", "text"): ["bind-failed"],
    ("server/app/app.cc", "text + \" retry=1s\""): ["bind-failed"],
    ("server/app/app.cc", "bind_failed("): ["bind-failed"],
    ("server/config/parse.cc", "key + '='"): ["authProvider."],
    ("server/config/parse.cc", "std::string(kJaasKey)"): ["clients can log in by SASL, but ACLs cannot name them"],
    ("server/config/parse.cc", "no_users_text("): ["has no section Server"],
    ("server/net/peer_links.cc", "failed.line()"): ["quorum-sasl-failed", "quorum-sasl-refused"],
    ("server/net/election_links.cc", "failed.line()"): ["quorum-sasl-failed", "quorum-sasl-refused"],
    ("server/replica/replica_leader.cc", "note->text"): ["quota exceeded"],
    ("server/replica/applier.cc", "describe_failure("): ["txn cannot be applied"],
}
LOGGED = re.compile(r"""(?:log::(?:warn|error)\(|\bnote_?\(\s*(?:'[WE]'|failed\.severity\(\)),|(?<!_)\bfatal\()\s*"""
                    r"""((?:std::string\()?\s*"(?P<literal>[^"\\]*)|(?P<other>[^;]{0,80}))""", re.S)


def first_words(literal):
    """What an operator greps for: the line up to its first pair or colon."""
    return re.split(r"\s*(?:[\w-]*=|[:(])|\s+$", literal, maxsplit=1)[0] or literal.split(":")[0]


def logged_lines(root):
    """(file:line, first words) of each warning, error and fatal line of the server."""
    for path in sorted((root / "server").rglob("*.cc")):
        name = str(path.relative_to(root))
        if name.startswith(("server/testing/", "server/log/")):
            continue
        text = path.read_text()
        for found in LOGGED.finditer(text):
            where = f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
            if found["literal"] is not None:
                yield where, first_words(found["literal"])
                continue
            other = " ".join(found["other"].split())
            if re.match(r"(char severity|const char\* what|std::string\(what\))", other):
                continue  # The function itself.
            known = [words for (file, start), words in MADE_ELSEWHERE.items() if file == name and other.startswith(start)]
            if not known:
                yield where, None
            for words in known[0] if known else []:
                yield where, words
    severities = read(root / "server/app/event_log.cc").split("default:")[0]
    names = dict(re.findall(r"case EventKind::(\w+):\s*return \"([^\"]+)\"", read(root / "consensus/event.cc")))
    for kind in re.findall(r"case EventKind::(\w+):", severities):
        yield "server/app/event_log.cc", names[kind]
    for path in sorted((root / "server" / "storage").glob("*.cc")):  # What or_fatal() is told.
        for words in re.findall(r'"([a-z]+_[a-z_]*failed)"', path.read_text()):
            yield str(path.relative_to(root)), words
    for notice in re.findall(r'notice = (?:damage \? )?"(\w+) |: "(storage_\w+) ', read(root / "server/storage/recovery.cc")):
        yield "server/storage/recovery.cc", "".join(notice)


def check(root):
    """Each line has a row (or a sentence) on the page; a reason not to start says itself what to do."""
    faults = []
    page = read(root / "docs" / "operations.md")
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", page, flags=re.S | re.M))]
    for where, words in logged_lines(root):
        if words is None:
            faults.append(f"{where}: the text of this line is made elsewhere: say in scripts/check_messages.py how it begins")
        elif not any(words in span for span in spans):
            faults.append(f"{where}: operations.md does not say what to do about \"{words}\"")
    remedies = ("is it", "is its", "name a", "Start the", "take another", "Take another", "--import", "text + \".\"")
    for path in sorted((root / "server" / "storage").glob("*.cc")):
        text = path.read_text()
        for found in re.finditer(r"StorageFault\{(.*?)\};", text, re.S):
            if not any(word in found[1] for word in remedies):
                line = text.count("\n", 0, found.start()) + 1
                faults.append(f"{path.relative_to(root)}:{line}: a reason not to start without a remedy: "
                              "io_fault(), lost_fault() or words of its own")
    return faults


def read(path):
    return path.read_text() if path.exists() else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    faults = check(parser.parse_args().root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
