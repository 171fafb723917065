"""Every answer to a log of hits, recomputed: in another language and another way than examples/pipeline does."""
import collections
import datetime
import json
import re

GAP_MS = 30 * 60 * 1000
COMBINED = re.compile(r'(\S+) (?:.*? )?\[(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "(\S+) (.+) HTTP/[^"]*" (\d{3}) (\d+|-)'
                      r'(?: "((?:[^"\\]|\\.)*)"?)?(?: "((?:[^"\\]|\\.)*)"?)?.*$')
Hit = collections.namedtuple("Hit", "visitor time path status bytes referrer")


def parse(line):
    """A Hit, or None of a bad line."""
    if line.startswith("{"):
        try:
            field = json.loads(line)
            return Hit(field["visitor"], field["time_ms"], field["path"], field.get("status", 200),
                       field.get("bytes", 0), field.get("referrer", ""))
        except (ValueError, KeyError):
            return None
    match = COMBINED.match(line)
    if not match:
        return None
    try:
        when = datetime.datetime.strptime(match[2], "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None
    referrer = match[7] or ""
    return Hit(match[1], int(when.timestamp()) * 1000, match[4], int(match[5]),
               0 if match[6] == "-" else int(match[6]), "" if referrer == "-" else referrer)


def page_of(path):
    return re.split("[?#]", path)[0]


def directory(page, depth=2):
    parts = page.split("/")
    return "/".join(parts[:min(depth, len(parts) - 2) + 1]) + "/" if page.startswith("/") else "/"


def visits(hits, gap_ms=GAP_MS):
    """(begin, entry prefix, hits, length) of every session."""
    of_visitor = collections.defaultdict(list)
    for hit in hits:
        of_visitor[hit.visitor].append((hit.time, directory(page_of(hit.path))))
    for times in of_visitor.values():
        times.sort()
        begin = 0
        for at in range(1, len(times) + 1):
            if at == len(times) or times[at][0] - times[at - 1][0] > gap_ms:
                yield (*times[begin], at - begin, times[at - 1][0] - times[begin][0])
                begin = at


def top(counter, length=10):
    return [[name, count] for name, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))][:length]


def answer(hits, sessions):
    lengths = [session[3] for session in sessions]
    status = collections.Counter(f"{hit.status // 100}xx" if 100 <= hit.status < 600 else "other" for hit in hits)
    return {
        "hits": len(hits), "bytes": sum(hit.bytes for hit in hits), "visitors": len({hit.visitor for hit in hits}),
        **{name: status[name] for name in ("other", "1xx", "2xx", "3xx", "4xx", "5xx")},
        "sessions": len(lengths), "session_ms": sum(lengths), "session_max_ms": max(lengths, default=0),
        "session_hits": sum(session[2] for session in sessions),
        "pages": top(collections.Counter(page_of(hit.path) for hit in hits)),
        "referrers": top(collections.Counter(hit.referrer for hit in hits if hit.referrer)),
    }


def series(hits, sessions, step):
    by_step, sessions_by_step = collections.defaultdict(list), collections.defaultdict(list)
    for hit in hits:
        by_step[hit.time - hit.time % step].append(hit)
    for session in sessions:
        sessions_by_step[session[0] - session[0] % step].append(session)
    return [[begin, answer(by_step[begin], sessions_by_step[begin])] for begin in sorted(by_step)]


def recompute(text, gap_ms=GAP_MS):
    """What pipeline-tool aggregate says of this text; `answers` is all that any view may say of its hits."""
    lines = text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
    parsed = [(line, parse(line)) for line in lines]
    distinct = {line: hit for line, hit in parsed if hit}  # An equal line is one hit sent again.
    hits = list(distinct.values())
    sessions = list(visits(hits, gap_ms))
    prefixes = {"/"}
    for hit in hits:
        prefix = directory(page_of(hit.path))
        while prefix != "/":
            prefixes.add(prefix)
            prefix = prefix[:prefix.rindex("/", 0, -1) + 1]
    answers = {}
    for prefix in prefixes:
        some = [hit for hit in hits if prefix == "/" or page_of(hit.path).startswith(prefix)]
        begun = [session for session in sessions if prefix == "/" or session[1].startswith(prefix)]
        answers[prefix] = {"total": answer(some, begun), "minute": series(some, begun, 60_000),
                           "hour": series(some, begun, 3_600_000), "day": series(some, begun, 86_400_000)}
    bad = sum(1 for _, hit in parsed if not hit)
    return {"lines": len(lines), "bad": bad, "duplicates": len(lines) - bad - len(hits), "events": len(hits),
            "answers": answers}


def differences(got, expected, at=""):
    """The first few places where two answers differ; comparing them whole says too much."""
    if isinstance(got, dict) and isinstance(expected, dict):
        return [found for key in sorted(got.keys() | expected.keys(), key=str)
                for found in differences(got.get(key), expected.get(key), f"{at}/{key}")][:5]
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        return [found for i, pair in enumerate(zip(got, expected)) for found in differences(*pair, f"{at}[{i}]")][:5]
    return [] if got == expected else [f"{at}: {str(got)[:200]} instead of {str(expected)[:200]}"]


def check_equal(got, expected):
    found = differences(got, expected)
    assert not found, "\n".join(found)
