"""Jangada against Apache Kafka on this machine: one after the other on the same three ports, driven by one load generator
over librdkafka (tests/bench/kafka_load.cc). Kafka runs twice: acknowledging from memory, as it does by default, and syncing
before it acknowledges; Jangada always syncs. Prints one table of medians with their spread and the ratios, and draws
latency against rate.

Kafka is warmed up first, as its compiler needs it. A run in which a warm Kafka is slower than two thirds of what it showed
on a quiet machine of two cores is void: the machine was busy."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import harness
import rate_chart
import rival_kafka
from harness import say

GIGA = 10 ** 9
RECORD_BYTES = 1024
QUIET_KAFKA_MB_PER_S = 75  # warm, acknowledging from memory
RATES = [(1000, 0), (5000, 5), (20000, 5), (35000, 5)]  # records a second, linger in ms
FAILOVER_RATE = 1000

# What is measured: name, unit, whether more is better, and what ours shall be as a multiple of Kafka's from memory.
ROWS = [
    ("produce", "MB/s", True, 2),
    ("broker CPU, produce", "s/GB", False, 0.5),
    ("small requests", "records/s", True, 4),
    *((f"{rate} records/s, linger {linger} ms, {name}", "ms", False, 0.5 if (rate, name) == (20000, "p99") else None)
      for rate, linger in RATES for name in ("p50", "p99", "p99.9")),
    ("consume", "MB/s", True, None),
    ("broker CPU, consume", "s/GB", False, None),
    ("kill -9 of a leader to the next acknowledgement", "ms", False, 0.2),
    ("start to the first acknowledgement", "ms", False, 0.1),
    ("memory a node, 10 partitions", "MiB", False, 0.2),
    ("memory a node, 1,000 partitions", "MiB", False, 0.2),
    ("idle CPU of all nodes, 10 partitions", "% of a core", False, None),
    ("idle CPU of all nodes, 1,000 partitions", "% of a core", False, None),
]


class Visit:
    """One system from its start to its end; what was measured, by the names of ROWS."""

    def __init__(self, system, options, warmup_bytes):
        self.system = system
        self.options = options
        self.warmup_bytes = warmup_bytes
        self.found = {}
        self.syncs = None

    def load(self, command, topic, *words, timeout=900):
        done = subprocess.run([harness.BIN / "kafka_load", command, "--bootstrap", self.system.bootstrap(), "--topic", topic,
                               *map(str, words)], capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"kafka_load {command}: {done.stderr.strip()} {done.stdout.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def cpu(self):
        return sum(harness.process_cost(pid)[0] for pid in self.system.pids())

    def memory(self):
        return statistics.mean(harness.process_cost(pid)[1] for pid in self.system.pids())

    def start(self):
        began = time.monotonic()
        self.system.start()
        self.load("create", "first", "--partitions", 4)
        self.load("produce", "first", "--records", 1, "--linger-ms", 0)
        self.found["start to the first acknowledgement"] = (time.monotonic() - began) * 1000
        self.load("create", "load", "--partitions", 6)

    def idle(self, partitions):
        time.sleep(self.options.settle)
        before, began = self.cpu(), time.monotonic()
        time.sleep(self.options.seconds)
        share = (self.cpu() - before) / (time.monotonic() - began) * 100
        self.found[f"idle CPU of all nodes, {partitions} partitions"] = share
        self.found[f"memory a node, {partitions} partitions"] = self.memory()

    def produce(self):
        self.load("produce", "load", "--records", self.warmup_bytes // RECORD_BYTES)
        before, syncs = self.cpu(), self.system.syncs()
        report = self.load("produce", "load", "--seconds", self.options.seconds)
        self.found["produce"] = report["mb_per_s"]
        self.found["broker CPU, produce"] = (self.cpu() - before) / (report["acknowledged"] * RECORD_BYTES / GIGA)
        if syncs is not None:
            self.syncs = (self.system.syncs() - syncs) / report["seconds"]
        report = self.load("produce", "load", "--seconds", self.options.seconds, "--linger-ms", 0, "--batch-records", 1,
                           "--in-flight-bytes", 1000 * RECORD_BYTES)
        self.found["small requests"] = report["records_per_s"]

    def latencies(self):
        for rate, linger in RATES:
            report = self.load("produce", "load", "--seconds", self.options.seconds, "--rate", rate, "--linger-ms", linger)
            for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms")):
                self.found[f"{rate} records/s, linger {linger} ms, {name}"] = report[key]

    def consume(self):
        before = self.cpu()
        report = self.load("consume", "load")
        self.found["consume"] = report["mb_per_s"]
        self.found["broker CPU, consume"] = (self.cpu() - before) / (report["bytes"] / GIGA)

    def failover(self):
        """The longest wait between two acknowledgements of a partition whose leader is killed meanwhile."""
        self.load("create", "failover", "--partitions", 1)
        leader = self.load("leaders", "failover")[0]
        producer = subprocess.Popen([harness.BIN / "kafka_load", "produce", "--bootstrap", self.system.bootstrap(), "--topic",
                                     "failover", "--rate", str(FAILOVER_RATE), "--linger-ms", "0", "--seconds", "30"],
                                    stdout=subprocess.PIPE, text=True)
        time.sleep(5)
        self.system.kill(leader)
        report = json.loads(producer.communicate(timeout=200)[0])
        self.found["kill -9 of a leader to the next acknowledgement"] = report["longest_gap_ms"]
        self.system.start(leader)
        time.sleep(self.options.settle)

    def many_partitions(self):
        self.load("create", "many", "--partitions", 989)  # with those of the other topics 1,000
        self.idle("1,000")

    def run(self):
        steps = [self.start, lambda: self.idle("10"), self.produce, self.latencies, self.consume, self.failover,
                 self.many_partitions]
        with self.system:
            for step in steps:
                step()
        return self


def shown(values):
    if not values:
        return "-"
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    text = f"{middle:.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f} - {max(values):.{digits}f})"


def verdict(ratio, more_is_better, aim):
    if aim is None:
        return ""
    good = ratio >= aim if more_is_better else ratio <= aim
    return f"{'at least' if more_is_better else 'at most'} {aim}: {'yes' if good else 'NO'}"


def table(visits):
    """`visits`: {system: [Visit, ...]}"""
    lines = ["| what | unit | Kafka, from memory | Kafka, syncing | Jangada, syncing | ratio to Kafka from memory | aim |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, unit, more, aim in ROWS:
        of = {system: [visit.found[name] for visit in runs if name in visit.found] for system, runs in visits.items()}
        ratio = None
        if of["memory"] and of["jangada"] and statistics.median(of["memory"]) > 0:
            ratio = statistics.median(of["jangada"]) / statistics.median(of["memory"])
        lines.append(f"| {name} | {unit} | {shown(of['memory'])} | {shown(of['synced'])} | {shown(of['jangada'])} | "
                     + (f"{ratio:.2f} | {verdict(ratio, more, aim)} |" if ratio is not None else "- | |"))
    return "\n".join(lines)


def draw(visits, path):
    names = {"memory": "Kafka, from memory", "synced": "Kafka, syncing", "jangada": "Jangada, syncing"}
    curves = {}
    for system, runs in visits.items():
        for quantile in ("p50", "p99"):
            points = [(rate, statistics.median(visit.found[f"{rate} records/s, linger {linger} ms, {quantile}"]
                                               for visit in runs)) for rate, linger in RATES]
            curves[f"{names[system]}, {quantile}"] = points
    path.write_text(rate_chart.picture(curves, "Latency of an acknowledgement against the rate, 1 KiB records, 3 replicas"))


def main():
    parser = argparse.ArgumentParser(prog="bench.sh --against kafka", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="each system so many times, in turn; one shows no spread")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--settle", type=float, default=10, help="seconds of rest before what is measured at rest")
    parser.add_argument("--warmup-gb", type=float, default=5, help="that Kafka is given before it is measured")
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "against-kafka")
    parser.add_argument("--offset", type=int, default=1000, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    options.dir.mkdir(parents=True, exist_ok=True)
    jars = rival_kafka.fetch(options.dir)
    ours = rival_kafka.Jangada(options.dir / "cluster", options.offset)
    warmup = int(options.warmup_gb * GIGA)
    systems = {
        "memory": lambda: Visit(rival_kafka.Kafka(options.dir / "kafka", jars, ours.ports, sync=False), options, warmup),
        "jangada": lambda: Visit(ours, options, min(warmup, GIGA)),
        "synced": lambda: Visit(rival_kafka.Kafka(options.dir / "kafka", jars, ours.ports, sync=True), options, warmup),
    }
    visits = {system: [] for system in systems}
    for turn in range(options.rounds):
        for system, make in systems.items():
            say(f"round {turn + 1} of {options.rounds}: {system}")
            visits[system].append(make().run())

    say(f"\nJangada {harness.commit()} against Kafka {rival_kafka.VERSION}; three nodes, 3 replicas, {RECORD_BYTES} byte records, "
        f"{options.seconds:.0f} s each, medians of {options.rounds}\n")
    say(table(visits))
    syncs = [visit.syncs for visit in visits["jangada"]]
    say(f"\nJangada synced {statistics.median(syncs):.0f} times a second over all nodes while it produced.")
    draw(visits, options.dir / "latency.svg")
    say(f"Latency against rate: {options.dir / 'latency.svg'}")
    kafka = statistics.median(visit.found["produce"] for visit in visits["memory"])
    if kafka < QUIET_KAFKA_MB_PER_S * 2 / 3:
        say(f"VOID: a warm Kafka made {kafka:.0f} MB/s, on a quiet machine at least {QUIET_KAFKA_MB_PER_S}; run it again when "
            "nobody else uses the machine.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
