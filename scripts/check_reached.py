#!/usr/bin/env python3
"""Every situation marked REACHED in consensus must be demanded by a test: listed in
tests/sim/must_reach.txt, or named by one that uses Passed (tests/unit/consensus/passed.h).

    scripts/check_reached.py [--root DIR]
"""
import argparse
import pathlib
import re
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    listed = (root / "tests/sim/must_reach.txt").read_text().splitlines()
    demanded = {line for line in listed if line and not line.startswith("#")}
    for path in sorted((root / "tests/unit/consensus").glob("*_test.cc")):
        demanded |= set(re.findall(r'"([^"\n]+)"', path.read_text()))
    missing = 0
    for path in sorted((root / "consensus").glob("*.cc")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in re.findall(r'REACHED\("([^"]+)"\)', line):
                if name not in demanded:
                    print(f"{path.relative_to(root)}:{number}: no test demands \"{name}\"")
                    missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
