"""Plays an example of docs/examples that names localhost:9092, its files unchanged, against three nodes.

Those ports may be taken on this machine, so the play has a network of its own where the system lets it have one
(as root, or with user namespaces); elsewhere it takes the machine's ports and says so if one is busy. A consumer
prints `PARTITION:OFFSET ACCOUNT payment-NUMBER` a record. Python 3, standard library only.

  examples.py PLAY      a JSON object: topic, partitions (0: the client makes the topic), producer, consumer
"""

import fcntl
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "tools"), str(ROOT / "tests" / "integration")]
import cli_harness  # noqa: E402
import harness  # noqa: E402

PAYMENTS = 100  # that one run of the producer sends, to ten accounts in turn
SECONDS = 40    # for what a program has to do
OWN_NETWORK = "JANGADA_EXAMPLE_NETWORK"
LINE = re.compile(r"(\d+):(\d+) account-(\d+) payment-(\d+)\b")


class Wrong(Exception):
    """The example did not do what it should; the sentence says how."""


def own_network():
    """The words that run a program in a network of its own; empty where that can't be had."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*words, "true"], capture_output=True, timeout=10).returncode == 0:
                return words
        except (OSError, subprocess.TimeoutExpired):
            pass
    return []


def bring_loopback_up():
    """As `ip link set lo up`: a new network begins without."""
    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14s", b"lo", flags | up, b""))


def busy_ports(nodes=3):
    return [port + node for port in cli_harness.PORTS for node in range(nodes)
            if not cli_harness.is_free(port + node)]


def judge(lines, runs):
    """Raises Wrong unless `lines` are the payments of as many runs of the producer: each once a run, offsets without a
    gap, an account in one partition and in order."""
    found = [LINE.match(line) for line in lines]
    if None in found:
        raise Wrong(f"the consumer printed {lines[found.index(None)]!r}")
    seen = [tuple(map(int, match.groups())) for match in found]
    if len(seen) != runs * PAYMENTS:
        raise Wrong(f"{len(seen)} payments came instead of {runs * PAYMENTS}")
    for partition in {one[0] for one in seen}:
        offsets = [offset for of, offset, _, _ in seen if of == partition]
        if offsets != list(range(len(offsets))):
            raise Wrong(f"the offsets of partition {partition} are {offsets}")
    for account in range(10):
        of_account = [one for one in seen if one[2] == account]
        if len({one[0] for one in of_account}) != 1:
            raise Wrong(f"account-{account} is not in one partition")
        if [number for _, _, _, number in of_account] != list(range(account, PAYMENTS, 10)) * runs:
            raise Wrong(f"account-{account} is not in order, or not there once: {of_account}")


class Consumer:
    """A consumer while it runs, and the lines that it has printed."""

    def __init__(self, words, environment):
        self.lines = []
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def wait_for(self, count):
        deadline = time.monotonic() + SECONDS
        while len(self.lines) < count:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.errors.seek(0)
                raise Wrong(f"the consumer printed {len(self.lines)} of {count} payments; on stderr: "
                            f"{self.errors.read().strip()[-300:]}")
            time.sleep(0.05)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.errors.close()


def produce(words, environment):
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, env=environment)
    if done.returncode != 0 or done.stdout.strip() != f"{PAYMENTS} payments sent":
        raise Wrong(f"the producer: exit {done.returncode}, {done.stdout.strip()!r}; {done.stderr.strip()[-300:]}")


def play_here(play):
    """The topic as it is before a consumer comes; then more payments while it waits. Raises Wrong."""
    if os.environ.get(OWN_NETWORK):
        bring_loopback_up()
    if busy := busy_ports():
        raise Wrong("the example needs 127.0.0.1:9092, and its nodes the ports beside it, but others listen on "
                    f"{', '.join(map(str, busy))}: stop them, or run this as root (it then has a network of its own)")
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    with tempfile.TemporaryDirectory(prefix="jangada-example-") as folder, \
            harness.Cluster(pathlib.Path(folder) / "cluster") as cluster:
        if play["partitions"]:
            cluster.run("topic", "create", play["topic"], "--partitions", str(play["partitions"]), "--replicas", "3")
        produce(play["producer"], environment)
        consumer = Consumer(play["consumer"], environment)
        try:
            consumer.wait_for(PAYMENTS)
            produce(play["producer"], environment)
            consumer.wait_for(2 * PAYMENTS)
        finally:
            consumer.end()
        judge(consumer.lines, 2)


def play(play):
    """In a network of its own, if there can be one. Raises Wrong."""
    network = own_network()
    done = subprocess.run([*network, sys.executable, __file__, json.dumps(play)], text=True, capture_output=True,
                          timeout=5 * SECONDS, env=dict(os.environ, **({OWN_NETWORK: "1"} if network else {})))
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Wrong(said[-1] if said else f"it ended with {done.returncode}")


if __name__ == "__main__":
    try:
        play_here(json.loads(sys.argv[1]))
    except (Wrong, RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
