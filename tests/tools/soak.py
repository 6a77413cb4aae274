"""The long run: clients write while nodes are killed and paused; everything must come back as acknowledged.

The lines of the files of a folder are produced in a loop by 4 clients into 12 partitions, keyed file:line. Every
few seconds a random node is killed (SIGKILL) or paused (SIGSTOP) and brought back. Then all partitions are read
back and judged by check_history.py. A client owns the lines whose number leaves its own number when divided by the
clients, so that a key has one writer and its order is known; values carry the client and its line number, so that
no two are equal.
"""

import argparse
import pathlib
import random
import sys
import time

import harness
from harness import say

TOPIC = "soak"
GAP_S = 0.5  # without an acknowledgement for so long, a partition counts as unavailable


def endless(folder, client, clients):
    """(key, value) of the client's share of all lines, over and over."""
    share = []
    for path in sorted(pathlib.Path(folder).iterdir()):
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if number % clients == client and (line or number < len(lines)):
                share.append((b"%s:%d" % (path.name.encode(), number), line))
    if not share:
        harness.stop_with(f"{folder} holds no lines")
    count = 0
    while True:
        for key, line in share:
            count += 1
            yield key, b"%d/%d %s" % (client, count, line)


def plan_faults(chance, kills, pauses):
    faults = ["kill"] * kills + ["pause"] * pauses
    chance.shuffle(faults)
    return faults


def run_faults(cluster, chance, faults, seconds):
    """One fault after the other, spread over the time; the times at which they struck."""
    struck = []
    slot = seconds / len(faults)
    began = time.monotonic()
    for index, fault in enumerate(faults):
        wait = began + index * slot - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        node = chance.randint(1, cluster.nodes)
        struck.append(time.monotonic())
        if fault == "kill":
            cluster.signal(node, harness.KILL)
        else:
            cluster.signal(node, harness.PAUSE)
        time.sleep(chance.uniform(0.1, 0.5) * slot)
        if fault == "kill":
            cluster.script("restart", str(node))
        else:
            cluster.signal(node, harness.RESUME)
        say(f"{time.monotonic() - began:6.1f} s  {fault} {index + 1}/{len(faults)}  node {node}, "
            f"back after {time.monotonic() - struck[-1]:.1f} s")
    return struck


def gaps(times, begin, end):
    """Waits of more than GAP_S between acknowledgements, in seconds."""
    edges = [begin] + sorted(t for t in times if begin <= t <= end) + [end]
    return [later - earlier for earlier, later in zip(edges, edges[1:]) if later - earlier > GAP_S]


def report(producers, struck, faults, partitions, begin, end):
    """Prints the figures; True if acknowledgements came between every two faults."""
    acks = [ack for producer in producers for ack in producer.acks]
    between = [sum(a <= ack[0] < b for ack in acks) for a, b in zip(struck, struck[1:] + [end])]
    everywhere = gaps([ack[0] for ack in acks], begin, end)
    each = [gaps([ack[0] for ack in acks if ack[1] == partition], begin, end)
            for partition in range(partitions)]
    outage = [sum(waits) for waits in each]
    say(f"commit {harness.commit()}")
    say(f"kills: {faults.count('kill')}  pauses: {faults.count('pause')}  time: {end - begin:.0f} s")
    say(f"acknowledged: {len(acks)}  fewest between two faults: {min(between)}")
    say(f"unavailable (over {GAP_S} s without an acknowledgement): whole cluster {sum(everywhere):.1f} s; "
        f"a partition {sum(outage) / partitions:.1f} s on average, {max(outage):.1f} s at most; "
        f"longest single wait {max([0.0] + [wait for waits in each for wait in waits]):.1f} s")
    return min(between) > 0


def main():
    parser = argparse.ArgumentParser(prog="measure.sh soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the folder of text files to send")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--pauses", type=int, default=24)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--rate", type=float, default=250, help="lines per second of each client")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--dir", type=pathlib.Path, default=harness.ROOT / "build" / "soak")
    parser.add_argument("--offset", type=int, default=100, help="of the ports, as for cluster.sh")
    options = parser.parse_args()

    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    say(f"faults are drawn with --seed {seed}")
    run = options.dir / "run"
    with harness.Cluster(options.dir / "cluster", offset=options.offset) as cluster:
        cluster.run("topic", "create", TOPIC, "--partitions", str(options.partitions), "--replicas", "3")
        producers = [harness.Producer(cluster, TOPIC, endless(options.folder, client, options.clients),
                                      options.rate, run, f"client-{client}")
                     for client in range(options.clients)]
        try:
            harness.wait_until(lambda: all(producer.acks for producer in producers), 30, "first acknowledgements")
            begin = time.monotonic()
            faults = plan_faults(chance, options.kills, options.pauses)
            struck = run_faults(cluster, chance, faults, options.minutes * 60)
            time.sleep(max(2.0, begin + options.minutes * 60 - time.monotonic()))
            end = time.monotonic()
        finally:
            codes = [producer.finish() for producer in producers]
        flowing = report(producers, struck, faults, options.partitions, begin, end)
        consumed = run / "consumed"
        cluster.consume_all(TOPIC, options.partitions, consumed)
    good = harness.judge(producers, consumed)
    for producer, code in zip(producers, codes):
        if code != 0:
            say(f"a client ended with {code}: {producer.errors()}")
    if not flowing:
        say("no acknowledgement came between some two faults")
    if good and flowing:
        say("every acknowledged record came back unchanged, once, at its offset, in its key's order")
    return 0 if good and flowing else 1


if __name__ == "__main__":
    sys.exit(main())
