"""Fault injection on real processes; run through scripts/chaos.sh.

Three or five jangada-server processes, each in a network namespace and on a disk of its own (a small ext4 over a loop
device), serve clients that write down what they were told, while faults strike one after the other and at times two
together. At the end everything heals, every partition is read from its beginning to its end, and the histories are judged.
There are two workloads: grpc, our own client; and kafka, librdkafka with idempotent producers and a group of three members
that leave, die, stand still and come again.
"""

import argparse
import collections
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import faults
from faults import ALONE, FAULTS, OVERLAPPING, stands_alone
from lab import BIN, ROOT, WORKLOADS, Lab, LabError
from timeline import picture

LEAST_ACKED = 1000
FINISH_SECONDS = 300
AFTERMATH = 5.0  # seconds after a fault's end that still count as its own
OVERLAP = 0.35   # how often a second fault strikes while the first one lasts


def say(text):
    print(text, flush=True)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="chaos.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit: 0 no anomaly, 1 an anomaly, a class of faults that was never injected, too few acknowledgements, "
               "or a cluster that did not come back, 2 wrong arguments.")
    parser.add_argument("--faults", default=",".join(FAULTS), metavar="WORD[,WORD...]",
                        help="classes of faults, of: " + ", ".join(FAULTS) + " (default: all)")
    parser.add_argument("--minutes", type=float, default=5, help="how long faults strike (default: 5)")
    parser.add_argument("--nodes", type=int, choices=(3, 5), default=3)
    parser.add_argument("--seed", type=int, default=None, help="of the choice of faults (default: drawn, and printed)")
    parser.add_argument("--workload", choices=(*WORKLOADS, "both"), default="both",
                        help="who writes and reads meanwhile (default: both, each on a topic of its own)")
    parser.add_argument("--rate", type=float, default=300, help="records a second of each workload (default: 300)")
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build" / "chaos",
                        help="where logs, history and picture go (default: build/chaos); emptied first")
    options = parser.parse_args(arguments)
    options.faults = options.faults.split(",")
    options.workloads = tuple(WORKLOADS) if options.workload == "both" else (options.workload,)
    for word in options.faults:
        if word not in FAULTS:
            parser.error(f"{word!r} is not a class of faults; there are: {', '.join(FAULTS)}")
    if options.minutes <= 0 or options.rate <= 0 or options.partitions < 1:
        parser.error("--minutes, --rate and --partitions must be above 0")
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(4), "big")
    return options


class Schedule:
    """Which faults strike when: a shuffled deck of all words, dealt anew when it is empty."""

    def __init__(self, lab, words):
        self.lab = lab
        self.words = words
        self.deck = []
        self.number = 0
        self.events = []  # (word, start, end)
        self.counts = collections.Counter({word: 0 for word in words})
        self.trouble = []  # what a fault found that must not be
        self.began = time.monotonic()

    def next_word(self):
        if not self.deck:
            self.deck = list(self.words)
            self.lab.chance.shuffle(self.deck)
        return self.deck.pop()

    def strike(self, word):
        self.number += 1
        chance = faults.seeded(self.lab.seed, self.number)
        start = time.monotonic()
        try:
            what = FAULTS[word](self.lab, chance)
        except (LabError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            self.trouble.append(f"during {word}: {error}")
            return
        if what is None:
            return
        end = time.monotonic()
        self.counts[word] += 1
        self.events.append((word, start, end))
        say(f"{start - self.began:7.1f} s  {what}, {end - start:.1f} s  ({self.lab.acked()} acknowledged)")

    def turn(self):
        first = self.next_word()
        words = [first]
        alone = {word for word in self.words if stands_alone(word, len(self.lab.nodes))}
        others = [word for word in self.words if word in OVERLAPPING and word not in alone and word != first]
        if first not in alone and others and self.lab.chance.random() < OVERLAP:
            words.append(self.lab.chance.choice(others))
        threads = [threading.Thread(target=self.strike, args=(word,)) for word in words]
        for thread in threads:
            thread.start()
            time.sleep(self.lab.chance.uniform(0, 0.5))
        for thread in threads:
            thread.join()
        self.trouble += self.lab.unexpected_ends() + self.lab.ended_workloads()
        time.sleep(self.lab.chance.uniform(0.3, 2))

    def run(self, seconds):
        while time.monotonic() < self.began + seconds and not self.trouble:
            self.turn()


def longest_silence(progress, start, end):
    """The longest time without any acknowledgement that begins between start and end, in seconds."""
    last_acked, since, longest = None, None, 0.0
    for at, _, acked, *_ in progress:
        if acked != last_acked:
            if since is not None and start <= since <= end:
                longest = max(longest, at - since)
            last_acked, since = acked, at
    return longest


def percentile(values, fraction):
    ordered = sorted(values)
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)]


def report(schedule, workloads, options):
    """A table a workload, then what was injected, then what each workload did."""
    for workload in workloads:
        say("")
        say(f"{workload.name:<12}{'faults':>8}{'silence p50':>14}{'p99':>9}{'max':>9}   seconds without any acknowledgement, a fault")
        for word in options.faults:
            waits = [longest_silence(workload.progress, start, end + AFTERMATH)
                     for name, start, end in schedule.events if name == word]
            if waits:
                say(f"{word:<12}{len(waits):>8}{percentile(waits, 0.5):>14.2f}{percentile(waits, 0.99):>9.2f}"
                    f"{max(waits):>9.2f}")
    say("")
    for word in options.faults:
        say(f"fault {word} {schedule.counts[word]}")
    for workload in workloads:
        _, sent, acked, failed, unknown, polled = workload.progress[-1] if workload.progress else (0,) * 6
        say(f"{workload.name}: sent {sent}, acknowledged {acked}, failed {failed}, fate unknown {unknown}, polled {polled}")
        for note in workload.notes:
            say(f"{workload.name}: {note}")


def finish(workloads):
    """Ends all of them, at once; answers what went wrong."""
    problems = []
    for workload in workloads:
        workload.tell_to_finish()
    for workload in workloads:
        code = workload.finish(FINISH_SECONDS)
        if code == 3:
            problems.append(f"{workload.name}: a consumer was given what no log can hold: see {workload.errors.name}")
        elif code != 0:
            problems.append(f"{workload.name}: the cluster did not answer everything at the end (the workload ended with "
                            f"{code}): see {workload.errors.name}")
    return problems


def too_few(workloads):
    return [f"{workload.name}: only {workload.acked()} acknowledgements: this proves nothing, {LEAST_ACKED} are needed"
            for workload in workloads if workload.acked() < LEAST_ACKED]


def judge(history):
    """The checker's findings: (good, what it said)."""
    result = subprocess.run([BIN / "check_history", history], capture_output=True, text=True)
    return result.returncode == 0, (result.stdout + result.stderr).strip()


def keep(options):
    """Moves the logs, the disks and the history out of the way of the next run; returns where they are."""
    kept = options.dir.with_name(f"{options.dir.name}-failed-{options.seed}")
    shutil.rmtree(kept, ignore_errors=True)
    options.dir.rename(kept)
    return kept


def run(options):
    seconds = options.minutes * 60
    say(f"chaos: {options.nodes} nodes, {options.minutes:g} minutes of {','.join(options.faults)}, "
        f"--workload {options.workload}, --seed {options.seed}")
    try:
        lab = Lab(options.dir, options.nodes, options.seed, options.faults, options.partitions, options.rate,
                  options.workloads)
    except (LabError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        say(f"problem: the cluster did not come up: {error}")
        say("verdict: nothing was tried: see the problem above")
        return 1
    schedule = Schedule(lab, options.faults)
    problems = []
    try:
        schedule.run(seconds)
        problems += schedule.trouble
        say("healing, and reading everything back ...")
        lab.heal()
        try:
            lab.wait_whole()
        except LabError as error:
            problems.append(str(error))
        problems += finish(lab.workloads)
        problems += lab.unexpected_ends()
        ended = time.monotonic()
    finally:
        lab.close()
    report(schedule, lab.workloads, options)
    (options.dir / "timeline.svg").write_text(
        picture({workload.name: workload.progress for workload in lab.workloads}, schedule.events, schedule.began,
                ended - schedule.began, f"Acknowledgements under faults: {options.nodes} nodes, seed {options.seed}"))
    problems += too_few(lab.workloads)
    problems += [f"{word} was never injected" for word in options.faults if schedule.counts[word] == 0]
    good = True
    for workload in lab.workloads:
        well, findings = judge(workload.history)
        say(f"{workload.name}: {findings}")
        good = good and well
    folder = keep(options) if problems or not good else options.dir  # until this seed fails again
    say(f"picture: {folder / 'timeline.svg'}; "
        f"histories: {', '.join(str(folder / workload.history.name) for workload in lab.workloads)}")
    return conclude(good, problems, lab.workloads, sum(schedule.counts.values()))


def conclude(good, problems, workloads, faults_struck):
    for problem in problems:
        say(f"problem: {problem}")
    if not good:
        say("verdict: ANOMALY, see above")
    elif problems:
        say("verdict: no anomaly in the histories, but the run is not good: see the problems above")
    else:
        shares = ", ".join(f"{workload.name} {workload.acked()}" for workload in workloads)
        say(f"verdict: no anomaly in {sum(workload.acked() for workload in workloads)} acknowledged records ({shares}) "
            f"under {faults_struck} faults")
    return 0 if good and not problems else 1


def end(*_):
    sys.exit("chaos.sh: told to end; cleaning up")


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    sys.exit(run(parse_arguments(sys.argv[1:])))
