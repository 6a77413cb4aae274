"""What clients that behave badly cost three nodes and everybody else: one that stops reading, producers that stop with
64 MiB unacknowledged and such that go on, 1,000 idle connections, 100 slow consumers. For each the most memory that a node took, and the latency
of a client that sends 200 records a second meanwhile. The clients that are the burden get what processor time the nodes and
that client leave (SCHED_IDLE), as if they had a machine of their own."""

import argparse
import contextlib
import itertools
import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import harness
from harness import say

SETTLE_SECONDS = 2
BURDENS = ["nothing", "a_consumer_that_stops_reading", "a_thousand_idle_connections", "a_hundred_slow_consumers",
           "a_producer_that_reads_no_acknowledgements", "producers_with_64_mib_unacknowledged"]
READ_BYTES = 64 << 10  # that a slow consumer takes each second


class Memory:
    """The most that each of these processes takes while it is entered, in MiB."""

    def __init__(self, pids):
        self.pids = pids
        self.most = [0.0] * len(pids)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.over.wait(0.2):
            now = [harness.process_cost(pid)[1] for pid in self.pids]
            self.most = [max(pair) for pair in zip(self.most, now)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Burdens:
    """Each puts its burden on the cluster while it is entered."""

    def __init__(self, cluster):
        self.cluster = cluster

    def start(self, *words):
        return subprocess.Popen(["chrt", "--idle", "0", harness.BIN / "jangada", "-b", self.cluster.addresses(), *words],
                                stdout=subprocess.PIPE)

    @contextlib.contextmanager
    def nothing(self):
        yield

    @contextlib.contextmanager
    def a_consumer_that_stops_reading(self):
        consumer = self.start("consume", "big", "--follow")
        try:
            consumer.stdout.read(READ_BYTES)
            consumer.send_signal(signal.SIGSTOP)
            yield
        finally:
            consumer.kill()
            consumer.communicate()

    @contextlib.contextmanager
    def producers_with_64_mib_unacknowledged(self):
        """As fast as they can. Two, as one buffers 32 MiB; in batches so large that all of it is under way and not in
        their queues."""
        producers = self.start("bench", "produce", "load", "--producers", "2", "--in-flight", "32768", "--batch-bytes",
                               "1000000", "--linger", "100ms", "--duration", "1h", "--timeout", "1m")
        try:
            yield producers
            if producers.poll() is not None:
                raise RuntimeError("the producers ended early")
        finally:
            producers.kill()
            producers.communicate()

    @contextlib.contextmanager
    def a_producer_that_reads_no_acknowledgements(self):
        """Nor sends more: with all that was under way it stands still."""
        with self.producers_with_64_mib_unacknowledged() as producers:
            time.sleep(3)
            producers.send_signal(signal.SIGSTOP)
            yield

    @contextlib.contextmanager
    def a_thousand_idle_connections(self):
        """Half of them to the gRPC doors, as far as gRPC's greeting; half to Kafka's."""
        with contextlib.ExitStack() as stack:
            for number in range(1000):
                node, is_grpc = number % 3 + 1, number % 2 == 0
                port = int(self.cluster.address(node).rpartition(":")[2]) + (0 if is_grpc else 2000)
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                if is_grpc:
                    one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            yield

    @contextlib.contextmanager
    def a_hundred_slow_consumers(self):
        consumers = [self.start("consume", "big", "--follow", "--partition", str(number % 6)) for number in range(100)]
        over = threading.Event()

        def read():
            """Each once a second, one after the other: so many programs do nothing at the same moment."""
            for consumer in itertools.cycle(consumers):
                if over.wait(1 / len(consumers)):
                    return
                consumer.stdout.read1(READ_BYTES)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            for consumer in consumers:
                consumer.kill()
            reader.join()
            for consumer in consumers:
                consumer.communicate()


def measure(cluster, name, burden, seconds):
    with Memory([cluster.pid(node) for node in range(1, cluster.nodes + 1)]) as memory, burden():
        time.sleep(SETTLE_SECONDS)
        began, before = time.monotonic(), cluster.metric("jangada_appended_bytes_total")
        report = json.loads(cluster.run(
            "bench", "produce", "probe", "--rate", "200", "--linger", "0", "--duration", f"{seconds}s",
            "-o", "json", timeout=seconds + 60))
        rate = (cluster.metric("jangada_appended_bytes_total") - before) / (time.monotonic() - began)
    latency = report["latency_us"]
    say(f"{name.replace('_', ' '):40}" + "".join(f"{latency[p] / 1000:9.1f}" for p in ("p50", "p99", "p99.9", "max"))
        + f"{rate / 1e6:9.1f}" + "   " + "".join(f"{mib:7.0f}" for mib in memory.most))
    return report["failed"] == 0


def main():
    parser = argparse.ArgumentParser(prog="measure.sh burden", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each burden")
    parser.add_argument("--only", choices=BURDENS, nargs="+", default=BURDENS, help="these, in this order")
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "burden")
    parser.add_argument("--offset", type=int, default=700, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    say(f"commit {harness.commit()}, three nodes, 3 replicas; 200 records a second beside each burden, {options.seconds} s")
    say(f"{'':40}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>9}{'max ms':>9}{'MB/s':>9}   the most MiB of each node")
    with harness.Cluster(options.dir / "cluster", offset=options.offset) as cluster:
        for topic in ("probe", "big", "load"):
            cluster.run("topic", "create", topic, "--partitions", "6", "--replicas", "3")
        cluster.run("bench", "produce", "big", "--records", str(128 << 10), "--record-bytes", "1KiB", timeout=300)
        burdens = Burdens(cluster)
        good = [measure(cluster, name, getattr(burdens, name), options.seconds)
                for name in options.only]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
