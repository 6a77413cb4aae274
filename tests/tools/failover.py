"""How long a partition is without a leader that acknowledges, after its leader was killed with SIGKILL.

12 partitions under load. Each round draws a partition, kills its leader's process and waits for the first
acknowledgement of a record that was handed to the client after the kill and went to that partition. Then the node is
started again, and the next round begins once every partition has a leader and all replicas have caught up.
"""

import argparse
import pathlib
import random
import sys
import time

import harness
from harness import say

TOPIC = "failover"
GIVE_UP_S = 60


def endless():
    count = 0
    while True:
        count += 1
        yield b"%d" % count, b"%d failover measures the time without a leader" % count


def first_new_ack(producer, partition, after_line, since):
    """The time of the first acknowledgement in the partition of a line above `after_line`."""
    seen = 0
    while time.monotonic() < since + GIVE_UP_S:
        acks = producer.acks
        while seen < len(acks):
            at, where, _, line = acks[seen]
            seen += 1
            if where == partition and line > after_line:
                return at
        time.sleep(0.002)
    return None


def one_round(cluster, producer, partition):
    harness.wait_until(lambda: cluster.caught_up(TOPIC, cluster.partitions), GIVE_UP_S, "all replicas to catch up")
    leader = cluster.wait_for_leaders(TOPIC, cluster.partitions)[partition]
    mark = len(producer.acks)
    fed = producer.fed
    killed = time.monotonic()
    cluster.signal(leader, harness.KILL)
    answered = first_new_ack(producer, partition, fed, killed)
    if answered is None:
        harness.stop_with(f"partition {partition} acknowledged nothing within {GIVE_UP_S} s after the kill of "
                          f"node {leader}")
    cluster.script("restart", str(leader))
    return leader, answered - killed, len(producer.acks) - mark


def main():
    parser = argparse.ArgumentParser(prog="measure.sh failover", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--rate", type=float, default=2000, help="records per second, all partitions together")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds between a node's return and the next kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "failover")
    parser.add_argument("--offset", type=int, default=200, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    times = []
    run = options.dir / "run"
    with harness.Cluster(options.dir / "cluster", offset=options.offset) as cluster:
        cluster.partitions = options.partitions
        cluster.run("topic", "create", TOPIC, "--partitions", str(options.partitions), "--replicas", "3")
        producer = harness.Producer(cluster, TOPIC, endless(), options.rate, run, "client")
        try:
            harness.wait_until(lambda: len(producer.acks) > 1000, 30, "a flow of acknowledgements")
            for number in range(1, options.kills + 1):
                partition = chance.randrange(options.partitions)
                leader, seconds, acks = one_round(cluster, producer, partition)
                times.append(seconds)
                say(f"kill {number}/{options.kills}: node {leader}, leader of partition {partition}: "
                    f"{seconds * 1000:.0f} ms ({acks} acknowledgements until it was back)")
                time.sleep(options.settle)
        finally:
            code = producer.finish()
        consumed = run / "consumed"
        cluster.consume_all(TOPIC, options.partitions, consumed)
    good = harness.judge([producer], consumed)
    if code != 0:
        say(f"the client ended with {code}: {producer.errors()}")
    say(f"commit {harness.commit()}, {options.partitions} partitions, {options.rate:.0f} records/s, "
        f"{len(times)} kills")
    say(f"kill -9 to the first new acknowledgement: p50 {harness.percentile(times, 0.5) * 1000:.0f} ms, "
        f"p90 {harness.percentile(times, 0.9) * 1000:.0f} ms, maximum {max(times) * 1000:.0f} ms")
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
