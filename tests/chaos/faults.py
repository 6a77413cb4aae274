"""The nemeses, a class of faults each. A fault is a function that strikes, holds, and heals again, blocking; it answers
how it struck, in a few words, or None where it could not (its node was busy with another fault). FAULTS names them.
"""

import contextlib
import os
import random
import signal
import subprocess
import time

from lab import REPLICAS, LabError, retry
from network import CLIENTS, Network


@contextlib.contextmanager
def claim(lab, chance, count=1):
    """`count` random nodes for this fault alone; None where they are not to be had."""
    numbers = list(lab.nodes)
    chance.shuffle(numbers)
    taken = []
    for number in numbers:
        if len(taken) < count and lab.nodes[number].in_use.acquire(blocking=False):
            taken.append(number)
    try:
        yield sorted(taken) if len(taken) == count else None
    finally:
        for number in taken:
            lab.nodes[number].in_use.release()


@contextlib.contextmanager
def data_loss(lab):
    """For faults that take what was synced from one node: all the others must be whole before, and it afterwards."""
    with lab.losing_data:
        lab.wait_whole()
        lab.find_all_damage()
        yield
        lab.wait_whole()


def hold(chance, least, most):
    time.sleep(chance.uniform(least, most))


# ---- processes ----

def kill(lab, chance):
    count = chance.choice([1, 1, 1, len(lab.nodes)])
    with claim(lab, chance, count) as numbers:
        if not numbers:
            return None
        for number in numbers:
            lab.kill(number)
        hold(chance, 0.1, 2)
        for number in numbers:
            lab.start(number, wait=False)
        for number in numbers:
            lab.wait_serving(number)
        return f"kill -9 of {numbers}"


def pause(lab, chance):
    with claim(lab, chance) as numbers:
        if not numbers:
            return None
        lab.signal(numbers[0], signal.SIGSTOP)
        hold(chance, 0.2, 6)
        lab.signal(numbers[0], signal.SIGCONT)
        return f"pause of {numbers}"


def rolling(lab, chance):
    with claim(lab, chance, len(lab.nodes)) as numbers:
        if not numbers:
            return None
        for number in numbers:
            lab.stop(number)
            lab.start(number)
        return "rolling restart"


# ---- the network ----

def cuts(lab, chance):
    """A name and the (from, to) pairs that it cuts."""
    nodes = list(lab.nodes)
    chance.shuffle(nodes)
    one, rest = nodes[:1], nodes[1:]
    minority = nodes[:(len(nodes) - 1) // 2]
    between = Network.between
    # A ring: each node hears only its neighbours; with three nodes, only the one before it.
    ring = {(a, b) for i, a in enumerate(nodes) for j, b in enumerate(nodes)
            if i != j and (j - i) % len(nodes) not in ((1, len(nodes) - 1) if len(nodes) > 3 else (1,))}
    half = len(rest) // 2
    kinds = {
        "full": between(one, [*rest, CLIENTS]),
        "node from nodes": between(one, rest),
        "minority": between(minority, [n for n in nodes if n not in minority]),
        "bridge": between(rest[:half], rest[half:]),
        "ring": ring,
        "one-way in": {(other, one[0]) for other in rest},
        "one-way out": {(one[0], other) for other in rest},
        "clients": between(one, [CLIENTS]),
    }
    name = chance.choice(sorted(kinds))
    return name, kinds[name]


def partition(lab, chance):
    name, pairs = cuts(lab, chance)
    times = chance.choice([1, 1, 4])
    for _ in range(times):  # more than once: it flaps
        lab.network.block(pairs)
        hold(chance, 1 / times, 8 / times)
        lab.network.unblock(pairs)
        if times > 1:
            hold(chance, 0.1, 1)
    return f"partition: {name}{', flapping' if times > 1 else ''}"


def tcp(lab, chance):
    modes = {"delay": f"delay {chance.choice([5, 50, 300])}", "one-byte": "one-byte", "duplicate": "duplicate",
             "reset": "reset"}
    name = chance.choice(sorted(modes))
    numbers = chance.sample(sorted(lab.proxies), chance.randint(1, len(lab.proxies)))
    if name == "reset":
        for _ in range(chance.randint(3, 10)):
            for number in numbers:
                lab.tell_proxy(number, "reset")
            hold(chance, 0.05, 0.6)
    else:
        for number in numbers:
            lab.tell_proxy(number, modes[name])
            if name == "duplicate":
                lab.tell_proxy(number, "reset")  # so that connections are made anew
        hold(chance, 2, 6)
        for number in numbers:
            lab.tell_proxy(number, "clear")
    return f"tcp: {modes[name]} at {numbers}"


# ---- disks ----

def power(lab, chance):
    """Mostly all nodes at once: that is what replication alone can't save anybody from."""
    count = chance.choice([1, len(lab.nodes) // 2 + 1, *[len(lab.nodes)] * 6])
    with claim(lab, chance, count) as numbers:
        if not numbers:
            return None
        for number in numbers:
            lab.nodes[number].expected_end = True
            lab.nodes[number].process.kill()
        for number in numbers:
            lab.nodes[number].process.wait()
            lab.nodes[number].disk.lose_power()
        hold(chance, 0, 0.5)
        for number in numbers:
            lab.start(number, wait=False)
        for number in numbers:
            lab.wait_serving(number)
        return f"power loss of {'all' if count == len(lab.nodes) else numbers}"


def disk_full(lab, chance):
    with claim(lab, chance, chance.choice([1, 1, len(lab.nodes)])) as numbers:
        if not numbers:
            return None
        for number in numbers:
            lab.nodes[number].disk.fill()
        hold(chance, 2, 6)
        for number in numbers:
            lab.nodes[number].disk.drain()
        return f"disk full at {numbers}"


def inject(lab, number, calls, what, log):
    """strace that changes what the calls of a node do."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-o", str(lab.nodes[number].folder / log), "-e", f"trace={calls}", "-e",
         f"inject={calls}:{what}", "-p", str(lab.nodes[number].process.pid)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.helpers.append(tracer)
    return tracer


def release(tracer):
    if tracer.poll() is None:
        tracer.send_signal(signal.SIGINT)  # it lets go of the node and ends
    tracer.wait()


def eio(lab, chance):
    """A sync fails: the node must end by itself, and verify its disk when it is started again."""
    with claim(lab, chance) as numbers:
        if not numbers:
            return None
        node = lab.nodes[numbers[0]]
        node.expected_end = True
        tracer = inject(lab, numbers[0], "fdatasync", f"error=EIO:when={chance.randint(1, 20)}+", "eio.strace")
        try:
            node.process.wait(20)
        except subprocess.TimeoutExpired:
            raise LabError(f"node {numbers[0]} goes on after a failed sync") from None
        finally:
            release(tracer)
        if node.process.returncode == 0:
            raise LabError(f"node {numbers[0]} ended with 0 after a failed sync")
        lab.start(numbers[0])
        return f"EIO at {numbers}"


def slow_fsync(lab, chance):
    with claim(lab, chance) as numbers:
        if not numbers:
            return None
        delay_ms = chance.choice([20, 100, 400, 2000])
        tracer = inject(lab, numbers[0], "fdatasync,fsync", f"delay_enter={delay_ms * 1000}", "slow.strace")
        hold(chance, 2, 7)
        release(tracer)
        return f"fsync {delay_ms} ms slower at {numbers}"


def corrupt(lab, chance):
    """Bytes of a stopped node's store change; what was synced there is lost, and must come back from the others."""
    with data_loss(lab), claim(lab, chance) as numbers:
        if not numbers:
            return None
        lab.kill(numbers[0])
        files = [path for path in sorted(lab.nodes[numbers[0]].disk.data.rglob("*"))
                 if path.is_file() and path.stat().st_size > 0
                 and (path.suffix in (".log", ".sst", ".blob") or path.name.startswith("MANIFEST"))]
        path = chance.choice(files)
        with open(path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            for _ in range(chance.choice([1, 1, 16])):
                at = chance.randrange(size)
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        lab.corrupted = numbers[0]
        lab.nodes[numbers[0]].revived = False
        lab.start(numbers[0])
        lab.wait_whole()
        return f"corrupted {path.suffix or path.name} at {numbers}"


def empty_disk(lab, chance):
    """A disk is lost: the node is refused under its old id, removed, admitted again, and filled by the others."""
    with data_loss(lab), claim(lab, chance) as numbers:
        if not numbers:
            return None
        number = numbers[0]
        node = lab.nodes[number]
        lab.kill(number)
        node.disk.wipe()
        lab.start(number, wait=False)
        node.expected_end = True
        try:
            code = node.process.wait(60)
        except subprocess.TimeoutExpired:
            raise LabError(f"node {number} came back with an empty disk and was not refused") from None
        if code == 0 or f"jangada node remove {number}" not in node.log.read_text(errors="replace"):
            raise LabError(f"node {number}, wiped, did not say how to bring it back: {node.last_line()}")
        retry(lambda: lab.run_command("node", "remove", str(number)))
        retry(lambda: lab.run_command("node", "add", str(number)))
        lab.start(number)
        lab.wait_whole()
        return f"empty disk at {numbers}"


# ---- the rest ----

def clock(lab, chance):
    jumped = []
    for _ in range(chance.randint(1, 3)):
        number = chance.choice(sorted(lab.nodes))
        seconds = chance.choice([-86400, -3600, -30, -1, 1, 30, 3600, 86400])
        lab.nodes[number].clock.write_text(f"{seconds:+d}")
        jumped.append(f"{number}: {seconds:+d} s")
        hold(chance, 1.5, 3)
    for node in lab.nodes.values():
        node.clock.write_text("+0")
    return f"clock {', '.join(jumped)}"


def membership(lab, chance):
    """Voters change. Where every node has every replica a whole node goes out of all groups and comes in again; where not,
    replicas are moved about, and leaderships with them."""
    if len(lab.nodes) == REPLICAS:
        return out_and_in(lab, chance)
    done, took = [], 0
    for _ in range(chance.randint(2, 6)):
        where = chance.randrange(lab.partitions)
        topic = chance.choice(lab.topics)
        if chance.random() < 0.5:
            replicas = chance.sample(sorted(lab.nodes), REPLICAS)
            result = lab.run_command("partition", "move", topic, str(where), "--replicas",
                                     ",".join(map(str, replicas)), check=False)
            done.append(f"move {topic}/{where} to {replicas}")
        else:
            node = chance.choice(sorted(lab.nodes))
            result = lab.run_command("partition", "transfer-leader", topic, str(where), str(node), check=False)
            done.append(f"{topic}/{where} led by {node}")
        if result.returncode != 0:
            done[-1] += " (refused)"
        took += result.returncode == 0
        hold(chance, 0.2, 1.5)
    return "; ".join(done) if took else None


def out_and_in(lab, chance):
    """A node is removed while it works, ends by itself, and is admitted again with an empty disk: every group has two
    voters in between."""
    with data_loss(lab), claim(lab, chance) as numbers:
        if not numbers:
            return None
        number = numbers[0]
        node = lab.nodes[number]
        node.expected_end = True
        retry(lambda: lab.run_command("node", "remove", str(number)))
        try:
            node.process.wait(60)
        except subprocess.TimeoutExpired:
            raise LabError(f"node {number} was removed, and did not end") from None
        hold(chance, 0, 3)
        node.disk.wipe()
        retry(lambda: lab.run_command("node", "add", str(number)))
        lab.start(number)
        lab.wait_whole()
        return f"node {number} out of every group and in again"


FAULTS = {
    "kill": kill,
    "pause": pause,
    "partition": partition,
    "tcp": tcp,
    "power": power,
    "disk-full": disk_full,
    "eio": eio,
    "slow-fsync": slow_fsync,
    "clock": clock,
    "corrupt": corrupt,
    "empty-disk": empty_disk,
    "membership": membership,
    "rolling": rolling,
}

# These may strike while another fault is under way.
OVERLAPPING = ("kill", "pause", "partition", "tcp", "slow-fsync", "clock", "membership")
# ... but beside these nothing else, for then the cluster must be able to become whole.
ALONE = ("corrupt", "empty-disk", "rolling")


def stands_alone(word, nodes):
    """Where every node has every replica a change of members takes a node away."""
    return word in ALONE or (word == "membership" and nodes == REPLICAS)


def seeded(seed, number):
    """The randomness of one fault: a later one does not depend on how an earlier one went."""
    return random.Random(seed * 1_000_003 + number)
