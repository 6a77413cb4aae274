"""How fast three nodes take records of 1 KiB, three replicas each: in batches of 64 KiB, and one record a request.
Prints what the producer saw, and what CPU all nodes spent on it; with --perf also where they spent it."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import harness
from harness import say

TOPIC = "bench"
RUNS = {"batches of 64 KiB": ["--batch-bytes", "64KiB"], "one record a request": ["--one-per-request"]}


def bench(cluster, words, seconds, warmup="0"):
    """What `jangada bench produce` says of one run, as its JSON."""
    return json.loads(cluster.run("bench", "produce", TOPIC, *words, "--duration", f"{seconds}s", "--warmup", warmup,
                                  "-o", "json", timeout=seconds + 60))


def row(name, report, cpu_seconds):
    """The line of the table. The CPU counts for all that was sent, so there must have been no warm-up."""
    latency = report["latency_us"]
    gigabytes = report["bytes"] / 1e9
    return (f"{name:22}{report['mb_per_s']:8.1f}{report['requests_per_s']:12.0f}"
            + "".join(f"{latency[p] / 1000:9.1f}" for p in ("p50", "p99", "p99.9"))
            + f"{cpu_seconds / gigabytes:16.1f}{report['client_cpu_seconds'] / gigabytes:17.1f}")


class Perf:
    """Where these processes spend their time, while it is entered."""

    def __init__(self, path, pids):
        self.words = ["perf", "record", "-q", "-F", "199", "-g", "-o", path, "-p", ",".join(map(str, pids))]
        self.path = path

    def __enter__(self):
        self.process = subprocess.Popen(self.words)

    def __exit__(self, *_):
        self.process.send_signal(harness.signal.SIGINT)
        self.process.wait(timeout=60)

    def top(self, lines):
        done = subprocess.run(["perf", "report", "-i", self.path, "--stdio", "--no-children", "-g", "none", "-s", "symbol"],
                              capture_output=True, text=True, timeout=300, check=True)
        found = [re.sub(r"\s+-\s+-\s*$", "", line)[:120] for line in done.stdout.splitlines()
                 if line.strip() and not line.startswith("#")]
        return "\n".join(found[:lines])


def measure(cluster, name, words, options):
    bench(cluster, words, 2)  # connections, caches and files are warm
    pids = [cluster.pid(node) for node in range(1, cluster.nodes + 1)]

    def cpu():
        return sum(harness.process_cost(pid)[0] for pid in pids)

    before = cpu()
    report = bench(cluster, words, options.seconds)
    say(row(name, report, cpu() - before))
    if report["failed"]:
        say(f"NOT good: {report['failed']} records failed")
        return False
    if options.perf:
        perf = Perf(options.perf.with_suffix(f".{name.replace(' ', '-')}"), pids)
        with perf:
            bench(cluster, words, options.seconds)
        say(f"the nodes' CPU by function ({perf.path}):\n{perf.top(25)}")
    return True


def main():
    parser = argparse.ArgumentParser(prog="measure.sh bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each run")
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--producers", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1000, help="records that each producer keeps under way")
    parser.add_argument("--perf", type=pathlib.Path, help="profile the nodes in a second run, into files of this name")
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "bench")
    parser.add_argument("--offset", type=int, default=500, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    say(f"commit {harness.commit()}, three nodes, {options.partitions} partitions, 3 replicas, records of 1 KiB, "
        f"{options.producers} producer(s) with {options.in_flight} records under way, {options.seconds} s each")
    say(f"{'':22}{'MB/s':>8}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>9}{'nodes CPU s/GB':>16}"
        f"{'client CPU s/GB':>17}")
    load = ["--producers", str(options.producers), "--in-flight", str(options.in_flight), "--record-bytes", "1KiB"]
    with harness.Cluster(options.dir / "cluster", offset=options.offset) as cluster:
        cluster.run("topic", "create", TOPIC, "--partitions", str(options.partitions), "--replicas", "3")
        good = [measure(cluster, name, [*load, *words], options) for name, words in RUNS.items()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
