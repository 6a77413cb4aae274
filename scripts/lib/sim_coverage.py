"""How much of the product simulation alone reaches: runs worlds with an instrumented simulator and asks gcov.

    sim_coverage.py --build FOLDER [--seeds N] [--first-seed S] [--jobs N] [--missed]

Counts lines of code in raft/, server/partition/, server/controller/ and server/runtime/. --missed lists those that
no world came to. Exit: 0 at least 80 of 100 lines were reached, 1 fewer. scripts/sim.sh --coverage builds first.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["raft", "server/partition", "server/controller", "server/runtime"]
ASKED = 0.80


def run_world(program, seed):
    done = subprocess.run([program, "--seed", str(seed)], capture_output=True, text=True)
    return seed, done.returncode, done.stdout.strip()


def run_worlds(arguments):
    """The program writes what it reached when it ends; each run adds to the last."""
    program = arguments.build / "bin/sim"
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    failed = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for done, (seed, status, said) in enumerate(pool.map(lambda seed: run_world(program, seed), seeds), 1):
            if status != 0:
                failed.append(f"seed {seed} failed: {said}")
            if sys.stderr.isatty():
                print(f"\r{done} of {arguments.seeds} worlds", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return failed


def folder_of(file):
    return next((folder for folder in FOLDERS if file.startswith(folder + "/")), None)


def gather(build):
    """file -> line -> how often it was come to, over all objects that contain it."""
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    for notes in sorted(build.rglob("*.gcno")):
        report = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], cwd=build, capture_output=True, text=True)
        for text in report.stdout.splitlines():
            for file in json.loads(text)["files"]:
                path = os.path.normpath(build / file["file"])
                name = os.path.relpath(path, ROOT)
                if folder_of(name) is None:
                    continue
                for line in file["lines"]:
                    lines[name][line["line_number"]] += line["count"]
    return lines


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3, 7"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def report(lines, missed):
    total, reached = collections.Counter(), collections.Counter()
    for file, counts in sorted(lines.items()):
        folder = folder_of(file)
        total[folder] += len(counts)
        reached[folder] += sum(count > 0 for count in counts.values())
        gone = [number for number, count in counts.items() if count == 0]
        if missed and gone:
            print(f"  {file}: {len(counts) - len(gone)} of {len(counts)}; not {ranges(gone)}")
    for folder in FOLDERS:
        if total[folder]:
            print(f"{folder:20} {100 * reached[folder] / total[folder]:5.1f} %  {reached[folder]} of {total[folder]} lines")
    share = sum(reached.values()) / max(1, sum(total.values()))
    print(f"{'all of these':20} {100 * share:5.1f} %  {sum(reached.values())} of {sum(total.values())} lines")
    return share


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--missed", action="store_true", help="list the lines that no world came to")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    for counts in arguments.build.rglob("*.gcda"):
        counts.unlink()
    failed = run_worlds(arguments)
    share = report(gather(arguments.build), arguments.missed)
    for failure in failed:
        print(failure)
    print(f"verdict: {arguments.seeds} worlds reached {100 * share:.1f} % of the lines; {100 * ASKED:.0f} are asked for")
    return 0 if share >= ASKED and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
