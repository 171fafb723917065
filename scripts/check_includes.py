#!/usr/bin/env python3
"""Who may include whom: the diagram of docs/architecture.md as a table, checked for every source file.

    scripts/check_includes.py            the project's own files
    scripts/check_includes.py --root DIR another tree (tests/e2e/check_scripts_test.sh uses it)
"""
import argparse
import os
import pathlib
import re
import sys

# Folder -> what it may include beside itself. A file belongs to the longest folder that holds it.
ALLOWED = {
    "base": [],
    "znode/proto": ["base"],
    "znode": ["base", "znode/proto"],
    "consensus": ["base"],
    "server/log": ["base"],
    "server/replica": ["base", "znode", "znode/proto", "consensus"],
    "server/storage": ["base", "znode", "znode/proto", "consensus", "server/replica"],
    "server/storage/real": ["base", "znode", "znode/proto", "consensus", "server/replica",
                            "server/storage", "server/log"],
    "server/config": ["base", "consensus"],
    "server/admin": ["base", "znode", "znode/proto", "consensus", "server/replica",
                     "server/config", "server/log"],
    "server/net": ["base", "znode", "znode/proto", "consensus", "server/replica",
                   "server/config", "server/admin", "server/log", "server/sasl"],
    "server/sasl": ["base", "znode/proto", "server/replica"],
    "server/app": ["base", "znode", "znode/proto", "consensus", "server/replica",
                   "server/storage", "server/storage/real", "server/config", "server/admin",
                   "server/net", "server/log", "server/sasl"],
    "server/testing": ["base", "znode", "znode/proto", "consensus", "server/replica", "server/app",
                       "server/config", "server/log", "client-lib/include"],
    "server": ["base", "server/app", "server/config", "server/admin", "server/log"],
    "client-lib": ["base", "znode/proto", "cmake"],
    "shell": ["client-lib/include"],
    "examples": ["client-lib/include"],
    "examples/recipes": ["client-lib/include", "server/testing"],  # A user's own test: quorate/testing/fake.h.
    "examples/pipeline": ["client-lib/include", "examples/pipeline/kafka"],
    "examples/pipeline/kafka": ["examples/pipeline"],
    "examples/pipeline/program": ["client-lib/include", "examples/pipeline"],
    "examples/pipeline/web": ["examples/pipeline"],
    "examples/pipeline/tool": ["client-lib/include", "examples/pipeline",
                               "examples/pipeline/program"],
    "examples/lambda": ["client-lib/include", "examples/pipeline", "examples/pipeline/program",
                        "examples/pipeline/web"],
    "examples/lambda/batch": ["client-lib/include", "examples/pipeline",
                              "examples/pipeline/program", "examples/lambda"],
    "examples/kappa": ["client-lib/include", "examples/pipeline", "examples/pipeline/program",
                       "examples/pipeline/web"],
    "tests": ["*"],
    "cmake": [],
}

# What belongs to others or to one folder only: (pattern of the include, folders that may, why).
RESERVED = [
    (r"leveldb/", ["server/storage/real", "examples/pipeline"],
     "LevelDB stays in server/storage/real and examples/pipeline"),
    (r"boost/beast", ["server/admin", "examples/pipeline/web"],
     "Beast stays in server/admin and examples/pipeline/web"),
    (r"nlohmann/", ["server/admin", "shell", "examples/pipeline", "examples/pipeline/tool", "examples/pipeline/program",
                   "examples/pipeline/web", "examples/lambda", "examples/lambda/batch", "examples/kappa"],
     "JSON stays in server/admin, shell and examples"),
    (r"boost/asio", ["server/net", "server/admin", "server/app", "server", "client-lib", "shell",
                     "examples", "examples/pipeline", "examples/pipeline/web", "cmake"],
     "Asio stays where sockets are"),
    (r"librdkafka/", ["examples/pipeline/kafka"], "librdkafka stays in examples/pipeline/kafka"),
    (r"spdlog/|fmt/", ["server/log"], "spdlog stays in server/log"),
    (r"xxhash", ["server/storage", "examples/pipeline"],
     "xxhash stays in server/storage and examples/pipeline"),
    (r"zlib\.h", ["znode", "server/storage"], "zlib stays in znode and server/storage"),
    (r"openssl/", ["znode", "server/net", "server/app", "client-lib", "shell"],
     "OpenSSL stays where passwords are hashed and TLS is spoken"),
    (r"sasl/", ["server/sasl"], "Cyrus SASL stays in server/sasl"),
    (r"gssapi/", ["server/sasl"], "GSSAPI stays in server/sasl"),
    (r"histedit|editline", ["shell"], "line editing stays in shell"),
]

# A core never blocks, opens a file, starts a thread, reads a clock or draws its own random numbers.
# Memory by the page (sys/mman.h) is memory.
CORES = {"znode/proto", "znode", "consensus", "server/replica", "server/storage"}
OUTSIDE_WORLD = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|fstream|iostream|filesystem|"
    r"random|ctime|time\.h|unistd\.h|fcntl\.h|pthread\.h|sys/(?!mman\.h).*|netinet/.*)$")
CLOCK = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)\b\s*::\s*now|\bstd::random_device\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TOP_FOLDERS = {folder.split("/")[0] for folder in ALLOWED}


def folder_of(path):
    """The longest folder of the table that holds `path`; None for files outside the table."""
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in ALLOWED:
            return "/".join(parts)
        parts.pop()
    return None


def target_folder(include, path, root):
    """The folder of the table that an #include leads to; None for libraries."""
    if include.startswith("quorate/testing/"):
        return "server/testing"
    if include.startswith("quorate/"):
        return "client-lib/include"
    if include.split("/")[0] in TOP_FOLDERS and "/" in include:
        return folder_of(include)
    beside = os.path.normpath(os.path.join(os.path.dirname(path), include))
    return folder_of(beside) if (root / beside).is_file() else None


def check_include(path, folder, include, root):
    """Why this #include is not allowed, or None."""
    target = target_folder(include, path, root)
    if target is None:
        return check_library(folder, include)
    if folder == "tests":
        return None
    if target == "tests":
        return "nothing includes tests"
    if target == "client-lib/include":
        allowed = folder == "client-lib" or "client-lib/include" in ALLOWED[folder]
    else:
        allowed = target == folder or target in ALLOWED[folder]
    return None if allowed else f"{folder} may not include {target}"


def check_library(folder, include):
    if folder == "tests":
        return None
    for pattern, folders, why in RESERVED:
        if re.match(pattern, include) and folder not in folders:
            return why
    if folder in CORES and OUTSIDE_WORLD.match(include):
        return f"{folder} is pure: no <{include}>"
    return None


def check_file(path, root):
    folder = folder_of(path)
    if folder is None:
        return []
    faults = []
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        fault = check_include(path, folder, match.group(2), root) if match else None
        if not fault and folder in CORES and CLOCK.search(line.split("//")[0]):
            fault = f"{folder} is pure: time and randomness are handed in"
        if fault:
            faults.append(f"{path}:{number}: {fault}")
    return faults


def source_files(root):
    for top in sorted(TOP_FOLDERS):
        for suffix in ("*.h", "*.cc"):
            for path in sorted((root / top).rglob(suffix)):
                yield path.relative_to(root).as_posix()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--root", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parents[1])
    root = arguments.parse_args().root
    faults = [fault for path in source_files(root) for fault in check_file(path, root)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
