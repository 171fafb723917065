#!/usr/bin/env python3
"""The checker of histories bites: what cannot have happened is refused, what can is not."""
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import history  # noqa: E402
from ensemble import run_tests  # noqa: E402
from history import Operation, backwards, check, effect, linearizable  # noqa: E402


def op(kind, called, returned=float("inf"), argument=None, result=None, version=-1, **more):
    return Operation("/r", kind, called, returned, argument, version, result, **more)


def create(called, returned, value="a"):
    return op("create", called, returned, value, ("ok", 0))


def written(called, returned, value, version, demanded=-1):
    return op("set", called, returned, value, ("ok", version), demanded)


def read(called, returned, version, value):
    return op("read", called, returned, result=("ok", (version, value)))


def bad_histories_are_refused():
    bad = {
        "a read of what an acknowledged write had replaced":
            [create(0, 1), written(2, 3, "b", 1), read(4, 5, 0, "a")],
        "an acknowledged write that is gone":
            [create(0, 1), op("read", 2, 3, result=("NoNode",))],
        "two that win by the same version":
            [create(0, 1), written(2, 5, "b", 1, 0), written(3, 6, "c", 1, 0)],
        "a value that nobody wrote":
            [create(0, 1), read(2, 3, 0, "z")],
        "a value before it was written":
            [create(0, 1), read(2, 3, 1, "b"), written(4, 5, "b", 1)],
        "an unknown write seen, and then unseen":
            [create(0, 1), op("set", 2, argument="b"), read(3, 4, 1, "b"), read(5, 6, 0, "a")],
        "an unknown write that happens twice":
            [create(0, 1), op("set", 2, argument="b"), read(3, 4, 1, "b"), written(5, 6, "c", 2),
             read(7, 8, 3, "b")],
        "a refusal for a version that it had":
            [create(0, 1), op("set", 2, 3, "b", ("BadVersion",), 0)],
        "a second create":
            [create(0, 1), create(2, 3, "b")],
        "a deleted node that is read":
            [create(0, 1), op("delete", 2, 3, result=("ok", None)), read(4, 5, 0, "a")],
        "an unknown write that takes effect before its call":
            [create(0, 1), read(2, 3, 1, "b"), op("set", 4, argument="b")],
    }
    for name, ops in bad.items():
        assert linearizable(ops) is not None, f"was let through: {name}"
        try:
            check(ops)
        except AssertionError as error:
            assert "no order explains" in str(error), error
        else:
            raise AssertionError(f"check() let through: {name}")


def possible_histories_pass():
    good = {
        "a read beside a write sees either": [create(0, 1), written(2, 9, "b", 1), read(3, 4, 0, "a"), read(5, 6, 1, "b")],
        "an unknown write that never happens": [create(0, 1), op("set", 2, argument="b"), read(3, 4, 0, "a")],
        "an unknown write that happens late":
            [create(0, 1), op("set", 2, argument="b"), read(3, 4, 0, "a"), written(5, 6, "c", 2), read(7, 8, 2, "c")],
        "an unknown create": [op("create", 0, argument="a"), read(1, 2, 0, "a")],
        "an unknown delete, then a create":
            [create(0, 1), op("delete", 2), op("create", 3, 4, "b", ("ok", 0)), read(5, 6, 0, "b")],
        "one of two wins by the version":
            [create(0, 1), written(2, 6, "b", 1, 0), op("set", 3, 5, "c", ("BadVersion",), 0)],
        "a plain read may be old":
            [create(0, 1), written(2, 3, "b", 1), op("read", 4, 5, result=("ok", (0, "a")), strict=False)],
        "nothing": [],
    }
    for name, ops in good.items():
        found = linearizable(ops)
        assert found is None, f"was refused: {name}: {found}"


def a_session_never_goes_backwards():
    fresh = op("read", 1, 2, result=("ok", (1, "b")), session=7, mzxid=9)
    old = op("read", 3, 4, result=("ok", (0, "a")), session=7, mzxid=5)
    other = op("read", 3, 4, result=("ok", (0, "a")), session=8, mzxid=5)
    assert backwards([fresh, old]) == (fresh, old)
    assert backwards([fresh, other]) is None
    assert backwards([old, fresh]) is None


def random_history(chance, count, clients=6):
    """Operations that did take effect one by one at random moments inside their time."""
    moments, state, ops = sorted(chance.random() * count for _ in range(count)), None, []
    free = [0.0] * clients
    for number, moment in enumerate(moments):
        client = chance.randrange(clients)
        called = max(free[client], moment - chance.random() * 4)
        if called > moment:
            continue
        kind = chance.choice(["read", "set", "set", "set", "create", "delete"] if state else ["create", "read"])
        version = chance.choice([-1, state[0] if state else 0, 3]) if kind == "set" else -1
        one = op(kind, called, moment + chance.random() * 4, number, None, version)
        answer, state = effect(state, one)
        if chance.random() < 0.03 and kind != "read":
            free[client], one.returned = one.returned, float("inf")
        else:
            free[client], one.result = one.returned, answer
        ops.append(one)
    return ops


def long_random_histories_pass_and_one_changed_answer_is_found():
    begin, found, tried = time.monotonic(), 0, 0
    for seed in range(40):
        chance = random.Random(seed)
        ops = random_history(chance, 400)
        assert linearizable(ops) is None, f"seed {seed}"
        reads = [o for o in ops if o.kind == "read" and o.result and o.result[0] == "ok"]
        if not reads:
            continue
        one = chance.choice(reads)
        version, value = one.result[1]
        one.result = ("ok", (version, value + 1))  # Either nobody's value, or that of another version.
        tried += 1
        found += linearizable(ops) is not None
    assert tried >= 20 and found == tried, (tried, found)
    print(f"       {tried} changed answers, all found, {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    assert history.BUDGET > 100_000
    run_tests([bad_histories_are_refused, possible_histories_pass, a_session_never_goes_backwards,
               long_random_histories_pass_and_one_changed_answer_is_found])
