"""Stock Kafka clients against three nodes: installs each client, runs its program once for each feature, kills
leaders and members when the program asks for it, and writes the matrix of docs/kafka-compatibility.md.

A client is a folder of clients/ and a class of installers.py. Its program is run as `PROGRAM FEATURE` with BOOTSTRAP
and TOPIC in its environment, TOPIC naming a topic of its own that does not exist yet. It exits with 0 if the feature
works and with one sentence on stderr if not. On stdout it may ask for help, a word a line, and waits for "done" on
stdin: `@kill-leader` kills the node that leads partition 0 of TOPIC (it is started again after the program).
The feature `group` is played by several processes (see play_group), `example` is a pair of docs/examples (see
examples.py). Python 3, standard library only.
"""

import argparse
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "tools"), str(ROOT / "tests" / "integration"), str(HERE)]
import cli_harness  # noqa: E402
import examples  # noqa: E402
import harness  # noqa: E402
import installers  # noqa: E402
import matrix  # noqa: E402
import transcripts  # noqa: E402

FEATURES = {
    "create": "create, list and describe a topic",
    "produce-none": "produce without compression",
    "produce-gzip": "produce with gzip",
    "produce-snappy": "produce with snappy",
    "produce-lz4": "produce with lz4",
    "produce-zstd": "produce with zstd",
    "idempotent": "idempotent produce",
    "assignment": "consume by assignment, seek to both ends",
    "timestamps": "seek by timestamp",
    "headers": "headers",
    "nulls": "null keys and values, tombstones",
    "large": "1 MB records",
    "admin": "configs, more partitions, delete records, delete a topic",
    "failover": "a leader killed in the middle",
    "commit": "commit and resume",
    "group": "a group: a member joins, one is killed",
    "example": "its pair in `docs/examples`, unchanged, with `localhost:9092`",
    "tools-topics": "`kafka-topics`: create, list, describe, more partitions, delete",
    "tools-configs": "`kafka-configs`: set, show, take back",
    "tools-groups": "`kafka-consumer-groups`: list, describe, reset offsets, delete",
    "tools-offsets": "`kafka-get-offsets`: latest, earliest, of the greatest timestamp",
    "tools-moves": "`kafka-reassign-partitions`, `kafka-leader-election`",
    "tools-perf": "`kafka-producer-perf-test`, `kafka-consumer-perf-test`",
    "tools-verifiable": "`kafka-verifiable-producer`, `kafka-verifiable-consumer`",
}
SECONDS = 120  # for one feature


class Failed(Exception):
    """The feature does not work; the sentence says how."""


class Program:
    """A client's program while it runs; its lines come out of a queue."""

    def __init__(self, words, feature, environment):
        self.process = subprocess.Popen([*words, feature], env=dict(os.environ, **environment), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = queue.Queue()
        self.errors = []
        self.readers = [threading.Thread(target=self._read_lines, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def _read_errors(self):
        self.errors.extend(self.process.stderr)

    def next_line(self, deadline):
        """None: it ended."""
        try:
            return self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failed(f"did not end within {SECONDS} s; last on stderr: {self.last_error()}") from None

    def answer(self):
        self.process.stdin.write("done\n")
        self.process.stdin.flush()

    def last_error(self):
        said = [line.strip() for line in self.errors if line.strip()]
        return said[-1] if said else "nothing"

    def end(self):
        """Its exit code."""
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        for reader in self.readers:
            reader.join(5)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Stage:
    """A cluster that the features of all clients are played on."""

    def __init__(self, cluster, transcript):
        self.cluster = cluster
        self.transcript = transcript  # a file to which a program may add what it was told
        self.killed = []

    def bootstrap(self):
        return ",".join(f"127.0.0.1:{9091 + node + self.cluster.offset}" for node in range(1, self.cluster.nodes + 1))

    def kill_leader(self, topic):
        leader = harness.wait_until(lambda: self.cluster.leaders(topic).get(0), 30, f"a leader of {topic}")
        self.cluster.script("kill", str(leader))
        self.killed.append(leader)

    def mend(self):
        for node in self.killed:
            self.cluster.script("restart", str(node))
        if self.killed:
            self.cluster.run("wait", "--caught-up", "--timeout", "60s", timeout=90)
        self.killed.clear()

    def play(self, words, feature, topic):
        """One feature, to its end. Raises Failed."""
        environment = {"BOOTSTRAP": self.bootstrap(), "TOPIC": topic, "TRANSCRIPT": str(self.transcript)}
        if feature == "group":
            return self.play_group(words, environment)
        program = Program(words, feature, environment)
        deadline = time.monotonic() + SECONDS
        try:
            while (line := program.next_line(deadline)) is not None:
                if line == "@kill-leader":
                    self.kill_leader(topic)
                    program.answer()
            if program.end() != 0:
                raise Failed(program.last_error())
        finally:
            program.kill()

    def play_group(self, words, environment):
        """A producer goes on; member A reads alone, B joins, B is killed, and A reads on. `member` prints
        "assigned N" for each assignment and "got VALUE" for each record; every value must be got."""
        topic = environment["TOPIC"]
        self.cluster.run("topic", "create", topic, "--partitions", "4", "--replicas", "3")
        deadline = time.monotonic() + SECONDS
        members = [Program(words, "member", environment)]
        seen = [{"assigned": None, "got": set()}, {"assigned": None, "got": set()}]

        def look():
            for member, state in zip(members, seen):
                while True:
                    try:
                        line = member.lines.get_nowait()
                    except queue.Empty:
                        break
                    if line is None:
                        raise Failed(f"a member ended: {member.last_error()}")
                    word, _, rest = line.partition(" ")
                    if word == "assigned":
                        state["assigned"] = int(rest)
                    elif word == "got":
                        state["got"].add(rest)

        def wait_for(condition, what):
            while not condition():
                if time.monotonic() > deadline:
                    raise Failed(f"waited in vain until {what}; last on stderr: {members[0].last_error()}")
                look()
                time.sleep(0.05)

        def produce(first, end):
            values = [f"value-{i}" for i in range(first, end)]
            subprocess.run([harness.BIN / "jangada", "-b", self.cluster.addresses(), "produce", topic],
                           input="\n".join(values) + "\n", text=True, check=True, timeout=60,
                           capture_output=True)
            return set(values)

        try:
            sent = produce(0, 200)
            wait_for(lambda: seen[0]["assigned"] == 4 and seen[0]["got"] >= sent, "one member read everything")
            members.append(Program(words, "member", environment))
            wait_for(lambda: seen[0]["assigned"] == 2 and seen[1]["assigned"] == 2, "two members share the partitions")
            sent |= produce(200, 400)
            wait_for(lambda: (seen[0]["got"] | seen[1]["got"]) >= sent, "two members read everything")
            members.pop().kill()
            wait_for(lambda: seen[0]["assigned"] == 4, "the member that is left has all partitions again")
            sent |= produce(400, 600)
            wait_for(lambda: (seen[0]["got"] | seen[1]["got"]) >= sent, "the member that is left read on")
        finally:
            for member in members:
                member.kill()


def play_client(stage, client, features):
    """{feature: "yes" or a sentence}; prints as it goes."""
    results = {}
    for feature in features:
        if feature not in client.features(FEATURES):
            results[feature] = matrix.NOT_A_FEATURE
            continue
        started = time.monotonic()
        try:
            if feature == "example":
                examples.play(client.example())
            else:
                stage.play(client.words, feature, f"{client.name.replace('.', '-')}-{feature}-{os.getpid()}")
            results[feature] = matrix.WORKS
        except (Failed, examples.Wrong, subprocess.SubprocessError, RuntimeError, TimeoutError) as error:
            results[feature] = str(error)
        stage.mend()
        verdict = "ok" if results[feature] == matrix.WORKS else f"FAILED: {results[feature]}"
        harness.say(f"{client.name} {client.version}: {feature} {verdict} ({time.monotonic() - started:.1f} s)")
    return results


def parse(words):
    parser = argparse.ArgumentParser(prog="interop.sh", description="Stock Kafka clients against three nodes.")
    parser.add_argument("clients", nargs="*", metavar="CLIENT")
    parser.add_argument("--allow-skip", action="store_true")
    parser.add_argument("--feature", action="append", choices=FEATURES)
    parser.add_argument("--no-matrix", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.clients if name not in installers.CLIENTS]
    if unknown:
        parser.error(f"there is no client {unknown[0]}; there are: {', '.join(installers.CLIENTS)}")
    return arguments


def verdict(passed, failed, skipped, allow_skip):
    """The exit code: a skip is no success, and a run that tested nothing neither."""
    return 0 if passed and not failed and (allow_skip or not skipped) else 1


def main(words):
    arguments = parse(words)
    if arguments.list:
        print("clients: ", " ".join(installers.CLIENTS))
        print("features:", " ".join(FEATURES))
        return 0
    folder = ROOT / "build" / "interop"
    folder.mkdir(parents=True, exist_ok=True)
    features = [name for name in FEATURES if not arguments.feature or name in arguments.feature]
    skipped, columns = {}, {}
    with tempfile.TemporaryDirectory(prefix="jangada-interop-") as scratch, \
            cli_harness.make_cluster(scratch, 3) as cluster:
        transcript = pathlib.Path(scratch) / "transcript.txt"
        stage = Stage(cluster, transcript)
        for name in arguments.clients or installers.CLIENTS:
            client = installers.CLIENTS[name](name, folder / name)
            try:
                client.install()
            except installers.Impossible as error:
                skipped[name] = str(error)
                columns[name] = {"version": matrix.SKIPPED, "results": {}}
                harness.say(f"{name}: SKIPPED: {error}")
                continue
            columns[name] = {"version": client.version, "results": play_client(stage, client, features)}
        written = transcript.read_text() if transcript.exists() else ""
    if not arguments.no_matrix and not arguments.feature:
        matrix.write(ROOT / "docs" / "kafka-compatibility.md", columns, FEATURES)
        if written:
            transcripts.write(ROOT / "docs" / "kafka-tools.md", written)
    (folder / "results.json").write_text(json.dumps({"columns": columns, "skipped": skipped}, indent=1))
    passed = sum(result == matrix.WORKS for column in columns.values() for result in column["results"].values())
    failed = sum(result not in (matrix.WORKS, matrix.NOT_A_FEATURE)
                 for column in columns.values() for result in column["results"].values())
    harness.say(f"interop: {passed} passed, {failed} failed, {len(skipped)} clients skipped")
    return verdict(passed, failed, len(skipped), arguments.allow_skip)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
