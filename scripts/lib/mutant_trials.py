"""The trials of seeded bugs: which seed kills which mutant, and what the table says. Used by mutants.py.

Seeds are tried in turns, one of each mutant that still lives, until all are dead or the time is up: the hard ones get
what the easy ones leave. Time is counted in seconds of the processor, so that a busy machine judges no worse.
"""

import concurrent.futures
import functools
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

HANG_CPU_SECONDS = 40  # a world takes about one
MAY_SURVIVE = 1 / 20
MAY_DIE_AT_ONCE = 1 / 3
SEEDS_OF_A_THEME = 2_000  # more than there is time for
SEEDS_OF_SURVIVORS = 25  # of those whose patch says why they may live: time is better spent on the others


class Outcome:
    """Of one seed: the checker that failed it ("" if none did), and whether the mutant's place was come to."""

    def __init__(self, seed, checker, what, reached, cpu_seconds):
        self.seed = seed
        self.checker = checker
        self.what = what
        self.reached = reached
        self.cpu_seconds = cpu_seconds


def judge(seed, status, stdout, stderr, cpu_seconds):
    reached = re.search(r"come to (\d+) times", stdout)
    # Who ended before he could count has been where it ended.
    count = int(reached.group(1)) if reached else 1
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        return Outcome(seed, "", "", count, cpu_seconds)
    failed = re.search(r"^  (\S+) at [0-9.]+ s: (.*)", stdout, re.M)
    if failed and os.WIFEXITED(status):
        return Outcome(seed, failed.group(1), failed.group(2), count, cpu_seconds)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return Outcome(seed, "hang", "it did not end", count, cpu_seconds)
    last = stderr.strip().splitlines()[-1] if stderr.strip() else f"it ended with status {status}"
    return Outcome(seed, "CHECK" if "CHECK failed" in stderr else "crash", last, count, cpu_seconds)


def run_seed(program, seed, mutant=None, faults=True):
    """One world in a process of its own."""
    command = [program, "--seed", str(seed)]
    if mutant:
        command += ["--mutant", mutant]
    if not faults:
        command.append("--no-faults")
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (HANG_CPU_SECONDS, HANG_CPU_SECONDS + 5))
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, preexec_fn=limit)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == 2:
            stderr.seek(0)
            raise SystemExit(f"{' '.join(command)}: {stderr.read().strip()}")
        stdout.seek(0)
        stderr.seek(0)
        return judge(seed, status, stdout.read(), stderr.read(), usage.ru_utime + usage.ru_stime)


@functools.cache
def seeds_of_theme(program, first_seed, count, theme):
    listed = subprocess.run([program, "--seeds", str(count), "--first-seed", str(first_seed), "--list-theme", theme],
                            capture_output=True, text=True)
    if listed.returncode != 0:
        raise SystemExit(f"no seeds of the theme {theme!r}: {listed.stderr.strip()}")
    return [int(line) for line in listed.stdout.split()]


def seeds_of(theme, arguments):
    """The seeds on which a mutant is tried, one after the other."""
    if not theme:
        return range(arguments.first_seed, arguments.first_seed + arguments.max_seeds)
    return seeds_of_theme(arguments.sim, arguments.first_seed, min(arguments.max_seeds, SEEDS_OF_A_THEME), theme)


class Trial:
    """One mutant's life."""

    def __init__(self, mutant, seeds):
        self.mutant = mutant
        self.seeds = seeds      # in the order in which they are tried
        self.given = 0          # so many of them are done or under way
        self.under_way = 0
        self.reached_seeds = 0
        self.cpu_seconds = 0.0
        self.killer = None      # the first seed's outcome that failed
        self.calm = []          # outcomes without faults
        self.innocent = None    # what the unmutated code does with the killer's seed

    def seeds_tried(self):
        return self.seeds.index(self.killer.seed) + 1 if self.killer else self.given

    def take_seed(self):
        self.given += 1
        self.under_way += 1
        return self.seeds[self.given - 1]

    def add(self, outcome):
        self.cpu_seconds += outcome.cpu_seconds
        self.reached_seeds += outcome.reached > 0
        if outcome.checker and (self.killer is None or outcome.seed < self.killer.seed):
            self.killer = outcome

    def may_go_on(self, max_seeds):
        most = min(max_seeds, SEEDS_OF_SURVIVORS) if self.mutant.survives else max_seeds
        return self.killer is None and self.given < min(most, len(self.seeds))

    def passes_calm(self):
        return all(not outcome.checker for outcome in self.calm)

    def is_sound(self):
        return self.passes_calm() and (self.killer is None or not self.innocent.checker)

    def verdict(self):
        if self.killer:
            return f"killed after {self.seeds_tried()} seeds"
        return "SURVIVED"

    def line(self):
        calm = "calm ok" if self.passes_calm() else "calm FAILED"
        if self.killer:
            by = self.killer.checker + ("" if not self.innocent.checker else " (SO IS THE UNMUTATED CODE)")
        else:
            by = f"place reached in {self.reached_seeds} of {self.seeds_tried()} seeds"
        return f"{self.mutant.name:34} {calm:12} {self.cpu_seconds:6.0f} s  {by:28} {self.verdict()}"


def hunt(trials, arguments, say):
    """Tries seeds until every mutant is dead or the time is up."""
    spent = 0.0
    running = {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        while True:
            while len(running) < arguments.jobs and spent < arguments.cpu_seconds:
                alive = [trial for trial in trials if trial.may_go_on(arguments.max_seeds)]
                if not alive:
                    break
                trial = min(alive, key=lambda each: (each.under_way, each.given))
                future = pool.submit(run_seed, arguments.sim, trial.take_seed(), trial.mutant.name)
                running[future] = trial
            if not running:
                return spent
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                trial = running.pop(future)
                trial.under_way -= 1
                trial.add(future.result())
                spent += future.result().cpu_seconds
            say(f"{sum(trial.killer is not None for trial in trials)} of {len(trials)} killed, "
                f"{spent:.0f} of {arguments.cpu_seconds:.0f} s of the processor")


def check_innocence(trials, arguments, say):
    """Without faults a mutant passes, and without the mutant its killer does."""
    seeds = sorted({trial.killer.seed for trial in trials if trial.killer})
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        unmutated = {seed: pool.submit(run_seed, arguments.sim, seed) for seed in seeds}
        calm = {trial: [pool.submit(run_seed, arguments.sim, arguments.first_seed + i, trial.mutant.name, False)
                        for i in range(arguments.calm_seeds)] for trial in trials}
        for trial in trials:
            trial.calm = [future.result() for future in calm[trial]]
            trial.innocent = unmutated[trial.killer.seed].result() if trial.killer else None
            say(f"seeds without faults, and killers without the mutant: {trial.mutant.name}")


def progress(text):
    """On a terminal in place; elsewhere now and then."""
    terminal = sys.stderr.isatty()
    now = time.monotonic()
    if now - progress.shown < (0.5 if terminal else 30):
        return
    progress.shown = now
    print(("\r\x1b[K" if terminal else "") + text, end="" if terminal else "\n", file=sys.stderr, flush=True)


progress.shown = 0.0


def summarize(trials, spent, wall, arguments):
    killed = [trial for trial in trials if trial.killer]
    at_once = [trial for trial in killed if trial.seeds_tried() == 1]
    lines = [f"{len(killed)} of {len(trials)} killed, {len(at_once)} of them on their first seed; {spent:.0f} s of the processor, "
             f"{wall:.0f} s with {arguments.jobs} jobs"]
    faults = []
    if len(trials) - len(killed) > len(trials) * MAY_SURVIVE:
        faults.append("more than one in twenty survived")
    if len(trials) > 2 and len(at_once) > len(trials) * MAY_DIE_AT_ONCE:
        faults.append("more than a third died on their first seed: they are too easy")
    for trial in trials:
        for outcome in [outcome for outcome in trial.calm if outcome.checker][:1]:
            faults.append(f"{trial.mutant.name} fails seed {outcome.seed} without any fault: {outcome.checker}: {outcome.what}")
        if trial.killer and trial.innocent.checker:
            faults.append(f"the unmutated code fails seed {trial.killer.seed}: {trial.innocent.checker}: {trial.innocent.what}")
        if trial.killer is None:
            reason = trial.mutant.survives
            lines.append(f"survivor {trial.mutant.name}: {reason or 'nobody knows why'}")
            if not reason:
                faults.append(f"{trial.mutant.name} survived, and its patch does not say why it may")
    return lines, faults


def run(mutants, arguments):
    begun = time.monotonic()
    trials = [Trial(mutant, seeds_of(mutant.theme, arguments)) for mutant in mutants]
    spent = hunt(trials, arguments, progress)
    wall = time.monotonic() - begun
    check_innocence(trials, arguments, progress)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for trial in trials:
        print(trial.line())
    lines, faults = summarize(trials, spent, wall, arguments)
    print()
    for line in lines:
        print(line)
    for trial in trials:
        if trial.killer:
            print(f"  {trial.mutant.name}: seed {trial.killer.seed}, {trial.killer.checker}: {trial.killer.what[:160]}")
    for fault in faults:
        print(f"FAULT: {fault}")
    print("verdict: " + ("the simulator kills what it should" if not faults else "not good"))
    return 1 if faults else 0
