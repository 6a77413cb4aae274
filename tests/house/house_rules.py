"""The rules of the house as code: who may include what, what is banned and what to use in its place.

Each rule takes one file (its path below the checkout, and its text) and answers findings. house_test.py runs
them over the tree, and proves of each that it can fail. To bend a rule for good reason, change it here, where
the review sees it.
"""

import pathlib
import re

CODE = (".h", ".cc")
MAX_LINES = 500

LONG_FILES = {}  # files that may be longer, with the reason

# ---- what may include what (ARCHITECTURE.md, "Rooms"); the longest matching folder decides ----

RECORD_BATCH = "storage/record_batch"
PROTO = "jangada/v1/"  # generated from proto/jangada/v1
# The headers that are installed: the vocabulary that outsiders share with us. Below the client only values.
PUBLIC = "jangada/"
PUBLIC_VALUES = ["jangada/callback.h", "jangada/misuse.h", "jangada/record.h", "jangada/result.h"]
SHARD_SIDE = ["base/", "raft/", "storage/", "server/runtime/", "server/partition/", "server/transport/"]
# The types in which the doors and the shards speak.
VOCABULARY = ["server/broker.h", "server/controller/cluster_image.h", "server/group_broker.h", "server/limits.h",
              "server/node_condition.h"]
MAY_INCLUDE = {
    "include/jangada/": [PUBLIC],
    "base/": ["base/"] + PUBLIC_VALUES,
    "raft/": ["base/", "raft/"],
    "storage/": ["base/", "raft/", "storage/", "jangada/record.h"],
    "server/runtime/": ["base/", "server/runtime/"],
    "server/partition/": SHARD_SIDE + VOCABULARY,
    "server/listen/": ["base/", "server/listen/"],
    "server/transport/": SHARD_SIDE + VOCABULARY + ["server/listen/", PROTO],
    "server/controller/": SHARD_SIDE + VOCABULARY + ["server/controller/", PROTO],
    "server/groups/": SHARD_SIDE + VOCABULARY + ["server/groups/", "server/controller/fields.h"],
    "server/grpc/": ["base/", "server/broker.h", "server/controller/cluster_image.h", "server/group_broker.h",
                     "server/groups/assignor.h", "server/groups/consumer_protocol.h", "server/groups/shard_of.h", "server/grpc/",
                     "server/limits.h", "server/listen/", "server/log_level.h", "server/partition/topic_config.h",
                     RECORD_BATCH, PROTO],
    # The door for watchers knows pages, and the metrics know numbers: neither knows who makes them.
    "server/http/": ["base/", "server/http/"],
    "server/metrics/": ["base/", "server/metrics/", "server/grpc/door_stats.h", "server/host_stats.h",
                        "server/http/http_server.h", "server/kafka/door_stats.h", "server/node_condition.h",
                        "server/partition/partition_stats.h", "server/runtime/shard_stats.h",
                        "server/transport/transport_stats.h", "storage/store_stats.h"],
    "server/kafka/": ["base/", "server/broker.h", "server/controller/cluster_image.h", "server/group_broker.h", "server/kafka/",
                      "server/limits.h", "server/partition/topic_config.h", RECORD_BATCH],
    # The door for listeners shows them nothing of the core or of the store.
    "server/group_broker.h": ["base/", "server/broker.h"],
    "server/broker.h": ["base/", "server/controller/cluster_image.h", "server/node_condition.h"],
    "server/config": ["base/", "server/config", "server/controller/cluster_image.h", "server/log_level.h"],
    "server/": ["base/", "raft/", "storage/", "server/", PROTO],
    "client/": ["base/", "client/", RECORD_BATCH, PUBLIC],
}

# Third parties live behind walls: header prefix -> who may include it.
WALLS = {
    "rocksdb/": ["storage/rocks_", "storage/log_writer", "storage/group_writer",
                 "storage/space_reclaimer"],
    "grpc": ["server/grpc/", "server/transport/", "client/"],
    "google/protobuf": ["server/grpc/", "server/transport/", "server/controller/records.cc", "client/"],
    "jangada/v1/": ["server/grpc/", "server/transport/", "server/controller/records.cc", "client/"],
    "boost/": ["server/runtime/", "server/kafka/", "server/http/", "client/"],
    "boost/beast": ["server/http/"],
    "absl/": ["server/monotonic_waits"],
    "yaml-cpp/": ["server/config", "client/cli/profile"],
    "CLI/": ["client/", "server/main.cc"],
    "spdlog/": ["server/", "storage/", "client/"],
    "nlohmann/": ["client/", "server/"],
    "zstd": [RECORD_BATCH], "lz4": [RECORD_BATCH], "snappy": [RECORD_BATCH], "zlib": [RECORD_BATCH],
}

RAFT_BANNED_HEADERS = {
    "chrono": "Ticks that the shell passes in", "thread": "nothing: the core has no threads",
    "mutex": "nothing: one shard owns a replica", "atomic": "nothing: one shard owns a replica",
    "random": "base/random.h, seeded", "iostream": "Ready, from which the shell logs",
    "fstream": "Ready, which the shell carries out", "cstdio": "Ready, from which the shell logs",
    "unordered_map": "std::map or a sorted vector: order must not depend on addresses",
    "unordered_set": "std::set or a sorted vector: order must not depend on addresses",
    "ctime": "Ticks that the shell passes in", "future": "nothing: calls run to completion",
}

# ---- bans: (pattern in code without comments and strings, what to use, where it holds, exceptions) ----

BELOW_LISTENERS = ["base/", "raft/", "server/partition/", "server/controller/", "server/groups/",
                   "storage/"]
# The places where threads meet.
CROSS_THREAD = ["storage/thread_executor", "storage/log_writer", "storage/rocks_", "storage/group_log",
                "storage/mem_log_store"]
OURS = ["include/", "base/", "raft/", "storage/", "server/", "client/"]
EVERYWHERE = OURS + ["tests/"]

BANS = [
    (r"\bstd::(recursive_|shared_|timed_)?mutex\b", "a post to the shard that owns the state",
     BELOW_LISTENERS, CROSS_THREAD),
    (r"\bnew\s+[A-Za-z_:<]", "std::make_unique", OURS, ["server/grpc/", "server/transport/", "client/"]),
    (r"\bdelete\s+[A-Za-z_*(]", "std::unique_ptr", OURS, ["server/grpc/", "server/transport/", "client/"]),
    (r"\bsleep_(for|until)\b|\busleep\(|\bnanosleep\(", "Executor::After, or a condition with a deadline",
     OURS, []),
    (r"(?<![\w:])(std::)?f?printf\(|\bstd::(cout|cerr)\b", "spdlog", ["server/", "storage/"],
     ["server/main.cc"]),
    (r"\busing\s+namespace\s+(?!std::chrono\b|std::(chrono_literals|string_literals|string_view_literals))",
     "using declarations of single names", EVERYWHERE, []),
    (r"(?<![\w_])assert\(", "CHECK or DCHECK of base/check.h", EVERYWHERE, []),
    (r"\bthrow\b", "Result<T> of base/result.h", OURS, []),
    (r"\bstd::(random_device|mt19937)|(?<![\w:])s?rand\(", "Random of base/random.h, seeded", OURS,
     ["server/", "client/", "base/uuid.cc"]),
    (r"\bstd::chrono::(system|steady|high_resolution)_clock\b|\bclock_gettime\(",
     "Executor::NowUs or WallNowMs",
     ["raft/", "server/partition/", "server/controller/", "server/groups/", "base/"], []),
    (r"\bsystem_clock\b", "steady_clock: the wall clock jumps; it dates records and log lines and nothing else", OURS,
     ["server/runtime/shard.cc", "client/event_loop.cc", "client/cli/output.cc", "server/grpc/timer.h", "server/grpc/call_scope.cc",
      "server/transport/peer_transport.cc", "storage/thread_executor.cc"]),
    (r"\bco_(await|return|yield)\b", "a move-only done callback",
     ["base/", "raft/", "storage/", "server/"], ["server/kafka/", "server/http/"]),
    (r"\bconst_cast\b", "an honest signature", OURS, ["server/config_table.cc", "storage/record_batch_codec.cc"]),
]

MACHINE_PATH = re.compile(r"(?<![\w./])/(home|root|Users|work)/")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def strip_comments_and_strings(text):
    """C++ code with comments and the contents of literals blanked; line numbers stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def includes(text):
    """[(line number, header, is ours)]"""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            found.append((number, match.group(2), match.group(1) == '"'))
    return found


def under(path, folders):
    return any(path.startswith(folder) for folder in folders)


def check_rooms(path, text):
    """A folder includes only what the plan lets it."""
    if not path.endswith(CODE):
        return
    rooms = [room for room in MAY_INCLUDE if path.startswith(room)]
    if not rooms:
        return
    room = max(rooms, key=len)
    for number, header, ours in includes(text):
        if ours and not under(header, MAY_INCLUDE[room]):
            yield f"{path}:{number}: {room} may not include {header}; it may include " \
                  f"{', '.join(MAY_INCLUDE[room])}"


def check_walls(path, text):
    """Third parties stay behind their walls."""
    if not path.endswith(CODE) or path.startswith("tests/"):
        return
    for number, header, _ in includes(text):
        for prefix, allowed in WALLS.items():
            if header.startswith(prefix) and not under(path, allowed):
                yield f"{path}:{number}: {header} belongs behind the wall of {', '.join(allowed)}"


def check_core(path, text):
    """The core knows no clock, thread, random device or I/O, and no order that depends on addresses."""
    if not path.endswith(CODE) or not path.startswith("raft/"):
        return
    for number, header, ours in includes(text):
        if not ours and header in RAFT_BANNED_HEADERS:
            yield f"{path}:{number}: <{header}> is banned in the core; use {RAFT_BANNED_HEADERS[header]}"
    code = strip_comments_and_strings(text)
    for match in re.finditer(r"\bstd::(map|set)<\s*(const\s+)?[\w:]+\s*\*", code):
        yield f"{path}:{line_of(code, match)}: a pointer as key is banned in the core; use an id"


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def check_bans(path, text):
    """What is banned, with its replacement."""
    if not path.endswith(CODE):
        return
    # A private constructor is beyond std::make_unique; owned at once, or kept for ever, is good enough.
    code = re.sub(r"(\bunique_ptr<[^;{}]*\(|\bstatic\b[^;{}]*=\s*)new\b", r"\1own",
                  strip_comments_and_strings(text))
    for pattern, instead, where, exceptions in BANS:
        if not under(path, where) or under(path, exceptions):
            continue
        for match in re.finditer(pattern, code):
            yield f"{path}:{line_of(code, match)}: '{match.group().strip()}' is banned here; use {instead}"


def check_length(path, text):
    """A file is read in one sitting."""
    lines = text.count("\n")
    if path.endswith(CODE + (".py", ".sh")) and lines > MAX_LINES and path not in LONG_FILES:
        yield f"{path}: {lines} lines; split it (the limit is {MAX_LINES})"


def check_opening(path, text):
    """A file opens with a paragraph: what it is, what it promises, on which thread it runs. An implementation
    and a test may leave that to their header."""
    if path.endswith(CODE + (".proto",)):
        stem = path.removesuffix(".cc")
        tested = stem.removeprefix("tests/").removesuffix("_test")
        public = f"jangada/{pathlib.PurePosixPath(stem).name}"
        leans_on = tuple(f'#include "{header}.h"' for header in (stem, stem.removesuffix("_test"), tested, public)) \
            if path.endswith(".cc") else ()
        good = text.startswith(("//", *leans_on))
    elif path.endswith(".py"):
        good = re.match(r'(#![^\n]*\n)?(r?""")', text)
    elif path.endswith(".sh") or path == ".ci/run":
        good = re.match(r"(#![^\n]*\n)?# \S", text)
    else:
        return
    if not good:
        yield f"{path}:1: must open with a comment that says what it is"


def check_pragma_once(path, text):
    """Headers may be included twice."""
    if path.endswith(".h") and "#pragma once\n" not in text:
        yield f"{path}: lacks #pragma once"


def check_public_headers(path, text):
    """What outsiders include brings them no macros: theirs may have the same names."""
    if path.startswith("include/"):
        for match in re.finditer(r"^\s*#\s*define\b.*", text, re.MULTILINE):
            yield f"{path}:{line_of(text, match)}: a public header defines no macro ({match.group().strip()})"


def check_scripts_are_strict(path, text):
    """A script stops at its first error. (scripts/lib is sourced by scripts that said so.)"""
    runs = path == ".ci/run" or (path.endswith(".sh") and not path.startswith("scripts/lib/"))
    if runs and "set -euo pipefail\n" not in text:
        yield f"{path}: lacks set -euo pipefail"


def check_machine_paths(path, text):
    """Nothing depends on where one machine keeps things."""
    for match in MACHINE_PATH.finditer(text):
        yield f"{path}:{line_of(text, match)}: names a folder of one machine ({match.group()})"


def check_unfinished(path, text):
    """Unfinished work is an issue, not a comment."""
    if path.endswith(CODE + (".py", ".sh", ".proto")):
        for match in UNFINISHED.finditer(text):
            yield f"{path}:{line_of(text, match)}: {match.group()}: finish it, or open an issue"


RULES = [check_rooms, check_walls, check_core, check_bans, check_length, check_opening, check_pragma_once,
         check_public_headers, check_scripts_are_strict, check_machine_paths, check_unfinished]

SUFFIXES = CODE + (".proto", ".py", ".sh", ".md", ".txt", ".cmake", ".yaml", ".yml")
SKIPPED_FOLDERS = {"build", ".git", ".cache", "__pycache__", "data"}


def house_files(root):
    """(path below root, text) of every file that the rules concern."""
    pending = [pathlib.Path(root)]
    while pending:
        for entry in sorted(pending.pop().iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                if entry.name not in SKIPPED_FOLDERS:
                    pending.append(entry)
            elif entry.name.endswith(SUFFIXES) or entry.name == "run":
                yield entry.relative_to(root).as_posix(), entry.read_text(errors="replace")


def check_file(path, text):
    # This folder spells out what it bans.
    if path.startswith("tests/house/"):
        return []
    return [finding for rule in RULES for finding in rule(path, text) or ()]
