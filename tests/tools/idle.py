"""What an idle three-node cluster costs: CPU and memory of each node, and how they grow with partitions."""

import argparse
import pathlib
import sys
import time

import harness
from harness import say


def measure(cluster, seconds):
    """[(percent of a core, resident MiB)] per node over `seconds`."""
    pids = [cluster.pid(node) for node in range(1, cluster.nodes + 1)]
    before = [harness.process_cost(pid) for pid in pids]
    began = time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - began
    after = [harness.process_cost(pid) for pid in pids]
    return [((b[0] - a[0]) / lasted * 100, b[1]) for a, b in zip(before, after)]


def main():
    parser = argparse.ArgumentParser(prog="measure.sh idle", description=__doc__)
    parser.add_argument("--partitions", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--settle", type=float, default=15, help="seconds of rest before measuring")
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "idle")
    parser.add_argument("--offset", type=int, default=300, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    say(f"commit {harness.commit()}, three nodes, 3 replicas, over {options.seconds:.0f} s")
    say("partitions   CPU % of a core, per node       resident MiB, per node")
    with harness.Cluster(options.dir / "cluster", offset=options.offset) as cluster:
        have = 0
        for total in options.partitions:
            topic = f"idle-{total}"
            cluster.run("topic", "create", topic, "--partitions", str(total - have), "--replicas", "3",
                        "--timeout", "120", timeout=150)
            cluster.wait_for_leaders(topic, total - have, 120)
            have = total
            time.sleep(options.settle)
            costs = measure(cluster, options.seconds)
            say(f"{total:10d}   {'  '.join(f'{cpu:5.2f}' for cpu, _ in costs):28}    "
                f"{'  '.join(f'{memory:6.0f}' for _, memory in costs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
