"""What the tests of the command line share: a cluster on free ports, runs of the real `jangada`, on a terminal or
not, and the check of its JSON against the shapes that docs/cli.md shows. Python 3, standard library only."""

import atexit
import json
import os
import pathlib
import pty
import random
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
import harness  # noqa: E402

PORTS = (9092, 7092, 6092, 8092)  # of node 1; node i has the (i-1)th after each


def is_free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_offset(nodes):
    """What to add to the usual ports so that nobody listens there; below the ports of outgoing connections."""
    while True:
        offset = random.randrange(11_000, 23_000)
        if all(is_free(port + node + offset) for port in PORTS for node in range(nodes)):
            return offset


def make_cluster(folder, nodes):
    return harness.Cluster(pathlib.Path(folder) / f"cluster-{nodes}", nodes=nodes, offset=free_offset(nodes))


class Ran:
    """How a run ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Cli:
    """The program, pointed at a cluster (or at nothing), with a home of its own."""

    def __init__(self, bootstrap=None):
        self.bootstrap = bootstrap
        self.home = tempfile.TemporaryDirectory()
        atexit.register(self.home.cleanup)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("JANGADA_", "XDG_", "NO_COLOR"))}
        self.environment.update(HOME=self.home.name, TERM="xterm")

    def words(self, words):
        bootstrap = ["-b", self.bootstrap] if self.bootstrap else []
        return [str(harness.BIN / "jangada"), *bootstrap, *words]

    def run(self, *words, data="", timeout=90, **environment):
        done = subprocess.run(self.words(words), input=data.encode(), capture_output=True, timeout=timeout,
                              env=dict(self.environment, **environment), check=False)
        return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def start(self, *words, **kwargs):
        return subprocess.Popen(self.words(words), env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **kwargs)

    def on_a_terminal(self, *words, typed=b"", timeout=60, **environment):
        """Runs it with a terminal for all three; everything that was shown there, and the exit code."""
        ours, its = pty.openpty()
        process = subprocess.Popen(self.words(words), stdin=its, stdout=its, stderr=its,
                                   env=dict(self.environment, **environment), start_new_session=True)
        os.close(its)
        os.write(ours, typed)
        shown = b""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 0.1)
            try:
                piece = os.read(ours, 65536) if ready else None
            except OSError:  # the other end is closed
                piece = b""
            if piece == b"":
                break
            shown += piece or b""
        code = process.wait(timeout=10)
        os.close(ours)
        return Ran(code, shown.decode(errors="replace"), "")


# ---- the shapes of docs/cli.md ----

def shapes_of_manual():
    """{"topic create": [shape, ...]}: of every command."""
    page = (ROOT / "docs" / "cli.md").read_text()
    shapes = {}
    for section in re.split(r"^###? jangada ", page, flags=re.MULTILINE)[1:]:
        path, _, body = section.partition("\n")
        found = re.search(r"With `-o json`:\n\n```\n(.*?)```", body, re.DOTALL)
        if found:
            shapes[path.strip()] = [json.loads(one) for one in re.split(r"^#.*\n", found.group(1), flags=re.MULTILINE)]
    return shapes


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def mismatch(shape, value, where="$"):
    """How `value` differs from `shape`; None: it does not."""
    if isinstance(shape, str):
        good = any(isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
                   for name in shape.split("|"))
        return None if good else f"{where} is {value!r}, not {shape}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is {value!r}, not a list"
        return next(filter(None, (mismatch(shape[0], one, f"{where}[{i}]") for i, one in enumerate(value))), None)
    if not isinstance(value, dict):
        return f"{where} is {value!r}, not an object"
    if "*" in shape:
        return next(filter(None, (mismatch(shape["*"], one, f"{where}.{key}") for key, one in value.items())), None)
    for key, inner in shape.items():
        name = key.rstrip("?")
        if name not in value:
            if not key.endswith("?"):
                return f"{where} lacks {name}"
        elif wrong := mismatch(inner, value[name], f"{where}.{name}"):
            return wrong
    unknown = set(value) - {key.rstrip("?") for key in shape}
    return f"{where} has {unknown}, which is not documented" if unknown else None


def documents(text):
    """The JSON documents in `text`: one that fills it, or one a line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


# ---- what the tests are made of ----

SHAPES = shapes_of_manual()
PRINTED = {"table": set(), "json": set()}  # commands that were seen to work
NUMBERS = iter(range(1_000_000))


class CliTest(unittest.TestCase):
    cli = None

    def table(self, path, *words, **kwargs):
        """Runs the command; what it printed for people."""
        ran = self.cli.run(*path.split(), *words, **kwargs)
        self.assertEqual((ran.code, ran.err), (0, ""), ran)
        self.assertNotIn("\x1b", ran.out, "no colours in a pipe")
        PRINTED["table"].add(path)
        return ran.out

    def json(self, path, *words, code=0, **kwargs):
        """Runs the command with -o json; the documents that it printed, which have the documented shape."""
        ran = self.cli.run(*path.split(), *words, "-o", "json", **kwargs)
        self.assertEqual(ran.code, code, ran)
        found = documents(ran.out)
        for document in found:
            wrong = [mismatch(shape, document) for shape in SHAPES[path]]
            self.assertIn(None, wrong, f"{path}: {document}")
        PRINTED["json"].add(path)
        return found

    def both(self, path, *words, **kwargs):
        """The table, and the one JSON document."""
        return self.table(path, *words, **kwargs), self.json(path, *words, **kwargs)[0]

    def refused(self, code, text, *words, **kwargs):
        """The command fails with this exit code and sentence; so it does as JSON."""
        ran = self.cli.run(*words, **kwargs)
        self.assertEqual(ran.code, code, ran)
        self.assertIn(text, ran.err)
        self.assertTrue(ran.err.startswith("jangada: "), ran)
        ran = self.cli.run(*words, "-o", "json", **kwargs)
        self.assertEqual(ran.code, code, ran)
        error = json.loads(ran.err)
        self.assertIsNone(mismatch(
            {"error": {"code": "string", "message": "string", "exit_code": "integer"}}, error))
        self.assertEqual(error["error"]["exit_code"], code)
        return error["error"]

    def topic(self, partitions=1, replicas=1, records=0):
        """A new topic's name."""
        name = f"t{next(NUMBERS)}"
        self.table("topic create", name, "--partitions", str(partitions), "--replicas", str(replicas))
        if records:
            self.table("produce", name, "--key-field", "2",
                       data="".join(f"record {i}\n" for i in range(records)))
        return name
