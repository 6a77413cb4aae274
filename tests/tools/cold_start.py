"""From the start of a single node's process to the first acknowledged record: on an empty disk (the topic is made
first), and again on a disk that holds the topic.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import harness
from harness import say


def until_it_works(cluster, *words, data=None):
    """Runs the command again until it succeeds: at first nobody listens."""
    def attempt():
        return subprocess.run([harness.BIN / "jangada", "-b", cluster.address(1), *words], input=data,
                              capture_output=True).returncode == 0
    harness.wait_until(attempt, 30, " ".join(words))


def main():
    parser = argparse.ArgumentParser(prog="measure.sh cold-start", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "cold-start")
    parser.add_argument("--offset", type=int, default=400, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    empty, again = [], []
    for _ in range(options.runs):
        with harness.Cluster(options.dir / "cluster", nodes=1, offset=options.offset) as cluster:
            cluster.signal(1, harness.KILL)
            time.sleep(0.2)
            cluster.script("wipe", "1")
            began = time.monotonic()
            cluster.script("restart", "1", "--no-wait")
            until_it_works(cluster, "topic", "create", "cold", "--partitions", "1", "--replicas", "1")
            until_it_works(cluster, "produce", "cold", data=b"first\n")
            empty.append(time.monotonic() - began)
            cluster.signal(1, harness.KILL)
            time.sleep(0.2)
            began = time.monotonic()
            cluster.script("restart", "1", "--no-wait")
            until_it_works(cluster, "produce", "cold", data=b"second\n")
            again.append(time.monotonic() - began)
    say(f"commit {harness.commit()}, {options.runs} runs")
    for name, times in (("empty disk, topic made", empty), ("after kill -9, topic there", again)):
        say(f"start to the first acknowledgement, {name}: p50 {harness.percentile(times, 0.5) * 1000:.0f} ms, "
            f"maximum {max(times) * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
