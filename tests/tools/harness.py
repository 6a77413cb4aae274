"""What the measuring tools share: a local cluster (through scripts/cluster.sh), a producer that is fed and timed
line by line, and reading everything back. Python 3, standard library only; every process is ended by its pid.
"""

import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("JANGADA_BIN", ROOT / "build" / "release" / "bin"))


def say(text):
    print(text, flush=True)


def stop_with(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def commit():
    """The commit that is measured, for the report."""
    result = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def percentile(values, fraction):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)]


def wait_until(condition, seconds, what):
    """Polls `condition` until it answers something true, which is answered."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)


class Cluster:
    """Nodes 1..n on this machine. Use as a context manager: it begins anew and stops what it started."""

    def __init__(self, folder, nodes=3, offset=0, settings=()):
        self.folder = pathlib.Path(folder)
        self.nodes = nodes
        self.offset = offset
        self.settings = list(settings)

    def __enter__(self):
        if (self.folder / "cluster").exists():
            self.script("stop")
            self.script("wipe")
        words = [word for setting in self.settings for word in ("--set", setting)]
        try:
            self.script("start", "--nodes", str(self.nodes), "--offset", str(self.offset), *words)
        except RuntimeError:
            self.__exit__()  # some of them may run
            raise
        return self

    def __exit__(self, *_):
        try:
            self.script("stop")
        except RuntimeError as error:
            say(f"NOT stopped cleanly: {error}")

    def script(self, *words):
        result = subprocess.run([ROOT / "scripts" / "cluster.sh", *words, "--dir", self.folder],
                                capture_output=True, text=True, timeout=120,
                                env=dict(os.environ, JANGADA_BIN=str(BIN)))
        if result.returncode != 0:
            raise RuntimeError(f"cluster.sh {' '.join(words)}: {result.stdout}{result.stderr}")
        return result.stdout

    def address(self, node):
        return f"127.0.0.1:{7091 + node + self.offset}"

    def addresses(self):
        return ",".join(self.address(node) for node in range(1, self.nodes + 1))

    def metric(self, name):
        """The sum over all nodes and labels of what they count under `name`."""
        total = 0.0
        for node in range(1, self.nodes + 1):
            with urllib.request.urlopen(f"http://127.0.0.1:{8091 + node + self.offset}/metrics", timeout=10) as page:
                total += sum(float(line.rpartition(" ")[2]) for line in page.read().decode().splitlines()
                             if re.match(rf"{name}[ {{]", line))
        return total

    def pid(self, node):
        return int((self.folder / f"node-{node}" / "pid").read_text().split()[0])

    def signal(self, node, number):
        """At once, without the detour through the script: its start would blur a measurement."""
        os.kill(self.pid(node), number)

    def run(self, *words, node=None, check=True, timeout=60):
        """A command of the command line; its output."""
        bootstrap = self.address(node) if node else self.addresses()
        result = subprocess.run([BIN / "jangada", "-b", bootstrap, *words], capture_output=True, text=True,
                                timeout=timeout)
        if check and result.returncode != 0:
            raise RuntimeError(f"jangada {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout

    def leaders(self, topic):
        """{partition: node}; a partition without a leader is absent."""
        found = {}
        for line in self.run("cluster", "leaders", check=False).splitlines():
            match = re.match(rf"{re.escape(topic)}\s+(\d+)\s+(\d+)\b", line)
            if match:
                found[int(match.group(1))] = int(match.group(2))
        return found

    def wait_for_leaders(self, topic, partitions, seconds=60):
        return wait_until(lambda: (found := self.leaders(topic)) and len(found) == partitions and found,
                          seconds, f"a leader of each partition of {topic}")

    def caught_up(self, topic, partitions):
        """Has every replica of every partition what its leader has?"""
        rows = [line.split() for line in self.run("topic", "describe", topic, check=False).splitlines()]
        headers = [index for index, row in enumerate(rows) if row[:1] == ["PARTITION"]]
        if not headers:
            return False
        table = [dict(zip(rows[headers[0]], row)) for row in rows[headers[0] + 1:]]
        good = [row for row in table if row.get("CAUGHT-UP") not in (None, "-")
                and len(row["CAUGHT-UP"].split(",")) == len(row["REPLICAS"].split(","))]
        return len(good) == partitions

    def consume_all(self, topic, partitions, folder, node=None):
        """A file PARTITION.txt per partition, as tests/tools/check_history.py reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        for partition in range(partitions):
            with open(folder / f"{partition}.txt", "wb") as out:
                subprocess.run([BIN / "jangada", "-b", self.address(node) if node else self.addresses(),
                                "consume", topic, "--partition", str(partition), "--from", "beginning",
                                "--format", r"%o\t%k\t%v\n", "--timeout", "60"],
                               stdout=out, check=True, timeout=600)


class Producer:
    """One `jangada produce` that is fed lines at a rate; remembers when each acknowledgement came.

    The source and the acknowledgements are also written to files, for the checker.
    """

    def __init__(self, cluster, topic, records, rate, folder, name, timeout=120):
        """`records`: an endless iterator of (key, value), bytes without a newline, the key without a tab."""
        folder.mkdir(parents=True, exist_ok=True)
        self.source_path = folder / f"{name}.source"
        self.acks_path = folder / f"{name}.acks"
        self.errors_path = folder / f"{name}.errors"
        self.records = records
        self.rate = rate
        self.fed = 0       # lines handed to the process
        self.acks = []     # (time, partition, offset, line number)
        self.stopping = threading.Event()
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(
                [BIN / "jangada", "-b", cluster.addresses(), "produce", topic, "--key-separator", "\t",
                 "--print-offsets", "--timeout", str(timeout)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.threads = [threading.Thread(target=self._feed), threading.Thread(target=self._read)]
        for thread in self.threads:
            thread.start()

    def _feed(self):
        started = time.monotonic()
        try:
            with open(self.source_path, "wb") as source, self.process.stdin as pipe:
                while not self.stopping.is_set():
                    due = int((time.monotonic() - started) * self.rate) - self.fed
                    chunk = [next(self.records) for _ in range(min(due, 1000))]
                    data = b"".join(key + b"\t" + value + b"\n" for key, value in chunk)
                    source.write(data)
                    source.flush()
                    # Counted before they leave: a line above `fed` has certainly not been sent yet.
                    self.fed += len(chunk)
                    pipe.write(data)
                    pipe.flush()
                    self.stopping.wait(0.005)
        except BrokenPipeError:
            pass  # it ended early; `finish` sees its exit code

    def _read(self):
        with open(self.acks_path, "wb") as file:
            for line in self.process.stdout:
                now = time.monotonic()
                file.write(line)
                partition, offset, number = (int(word) for word in line.split())
                self.acks.append((now, partition, offset, number))

    def finish(self, seconds=180):
        """Ends the input, waits for the last acknowledgements; the exit code."""
        self.stopping.set()
        self.threads[0].join()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.threads[1].join()
        return self.process.returncode

    def errors(self):
        return self.errors_path.read_text(errors="replace").strip()


def judge(producers, consumed, *options):
    """Runs the checker; True if everything is as acknowledged."""
    words = [word for producer in producers
             for word in ("--client", producer.source_path, producer.acks_path)]
    tool = ROOT / "tests" / "tools" / "check_history.py"
    return subprocess.run([sys.executable, tool, *words, "--consumed", consumed, *options]).returncode == 0


def process_cost(pid):
    """(CPU seconds used so far, resident MiB)"""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    ticks = int(stat[11]) + int(stat[12])
    resident = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return ticks / os.sysconf("SC_CLK_TCK"), int(resident.group(1)) / 1024


KILL, PAUSE, RESUME = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT
