"""Histories of operations on one znode each, and whether any order explains them.

A register is None (no node) or (version, value). An operation has the time it was called and the time its
answer came; it took effect at one moment in between. One without an answer may take effect at any later
moment, or never. `linearizable` looks for an order of all moments that gives the observed results: the
search of Wing and Gong with Lowe's memory of (what is ordered, state) pairs. Standard library only.
"""
import dataclasses
import math
from typing import Any

BUDGET = 2_000_000  # Steps of the search for one register.


@dataclasses.dataclass
class Operation:
    """`kind`: create, set, delete or read. `argument`: value written. `version`: that a set or delete
    demands, -1 for any. `result`: None for an unknown outcome, else ("ok", seen) or (error name,)."""
    key: str
    kind: str
    called: float
    returned: float = math.inf
    argument: Any = None
    version: int = -1
    result: Any = None
    session: int = 0
    mzxid: int = 0      # Of the Stat in the answer, 0 without one.
    strict: bool = True  # A plain read is not: it may be old, but no session sees time go backwards.

    @property
    def unknown(self):
        return self.result is None


REFUSED = object()


def effect(state, op):
    """(what an answer would say, the state after it)."""
    if op.kind == "read":
        return (("NoNode",) if state is None else ("ok", state)), state
    if op.kind == "create":
        return (("NodeExists",), state) if state is not None else (("ok", 0), (0, op.argument))
    if state is None:
        return ("NoNode",), state
    if op.version not in (-1, state[0]):
        return ("BadVersion",), state
    if op.kind == "delete":
        return ("ok", None), None
    return ("ok", state[0] + 1), (state[0] + 1, op.argument)


def step(state, op):
    """The state after `op`, or REFUSED where it cannot stand here."""
    answer, after = effect(state, op)
    if op.unknown:
        return after if after != state else REFUSED  # Without effect it need not stand anywhere.
    return after if answer == op.result else REFUSED


class Search:
    """A doubly linked list of calls and returns by time; a call that finds its place leaves the list."""

    def __init__(self, operations):
        self.ops = operations
        events = []
        for number, op in enumerate(operations):
            events.append((op.called, 0, number))
            if not op.unknown:
                events.append((op.returned, 1, number))
        events.sort()
        self.number = [None] + [number for _, _, number in events]
        self.is_return = [False] + [bool(kind) for _, kind, _ in events]
        count = len(self.number)
        self.after = list(range(1, count)) + [None]
        self.before = [None] + list(range(count - 1))
        self.return_of = {n: at for at, n in enumerate(self.number) if at and self.is_return[at]}

    def unlink(self, at):
        before, after = self.before[at], self.after[at]
        self.after[before] = after
        if after is not None:
            self.before[after] = before

    def relink(self, at):
        before, after = self.before[at], self.after[at]
        self.after[before] = at
        if after is not None:
            self.before[after] = at

    def run(self):
        """None, or the operation that nothing explains."""
        state, ordered, path, seen = None, 0, [], set()
        open_known = sum(not op.unknown for op in self.ops)
        furthest, stuck = -1, None
        at = self.after[0]
        for _ in range(BUDGET):
            if open_known == 0:
                return None
            number = self.number[at]
            op = self.ops[number]
            if not self.is_return[at]:
                after = step(state, op)
                key = (ordered | 1 << number, after)
                if after is REFUSED or key in seen:
                    at = self.after[at]
                    continue
                seen.add(key)
                path.append((at, state))
                self.unlink(at)
                if not op.unknown:
                    self.unlink(self.return_of[number])
                    open_known -= 1
                state, ordered = key[1], key[0]
                at = self.after[0]
                continue
            # An answer came, but its operation found no place before it: back.
            if len(path) > furthest:
                furthest, stuck = len(path), (op, state)
            if not path:
                return stuck
            at, state = path.pop()
            number = self.number[at]
            ordered &= ~(1 << number)
            if not self.ops[number].unknown:
                self.relink(self.return_of[number])
                open_known += 1
            self.relink(at)
            at = self.after[at]
        raise AssertionError(f"{self.ops[0].key}: undecided after {BUDGET} steps")


def linearizable(operations):
    """None if some order explains the operations on one register, else (operation, state it met)."""
    kept = [op for op in operations if op.strict and not (op.unknown and op.kind == "read")]
    return Search(kept).run() if kept else None


def backwards(operations):
    """None, or the first answer in which a session saw an older state than before. `operations`: of all
    sessions, in the order of their answers."""
    newest = {}
    for op in operations:
        if op.unknown or not op.mzxid:
            continue
        seen = newest.setdefault((op.session, op.key), op)
        if op.mzxid < seen.mzxid:
            return seen, op
        newest[(op.session, op.key)] = op
    return None


def check(operations):
    """Raises AssertionError with the offending operation and its surroundings."""
    by_key = {}
    for op in operations:
        by_key.setdefault(op.key, []).append(op)
    for key, ops in sorted(by_key.items()):
        found = linearizable(ops)
        if found is not None:
            op, state = found
            near = [o for o in sorted(ops, key=lambda o: o.called)
                    if o.called < op.returned + 0.5 and o.returned > op.called - 1.0]
            raise AssertionError(f"{key}: no order explains\n  {op}\nwhich met {state}; around it:\n  "
                                 + "\n  ".join(map(str, near[-60:])))
    found = backwards(sorted(operations, key=lambda o: o.returned))
    assert found is None, f"a session went backwards, from\n  {found[0]}\nto\n  {found[1]}"
    return len(by_key)
