#!/usr/bin/env python3
"""Whether two builds of the simulator run the same worlds: the same seed must give the same trace hash, whatever the
compiler, its options or the addresses of a process are. What differs reads memory that nobody wrote, or goes by the
order of hashes or addresses.

    tests/sim/same_traces.py PROGRAM OTHER_PROGRAM [--first-seed S] [--seeds N]

Exit: 0 they do, 1 they do not, 2 wrong arguments.
"""
import argparse
import re
import subprocess
import sys


def outcome(program, seed):
    """The line that says what came of the seed: events, records, faults and the hash of all that happened."""
    run = subprocess.run([program, "--seed", str(seed)], capture_output=True, text=True, timeout=900, check=False)
    line = run.stdout.split("\n", 1)[0]
    if not re.search(r"hash [0-9a-f]{16}$", line):
        sys.exit(f"{program} --seed {seed} said no hash: {line or run.stderr[-300:]}")
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs=2, metavar="PROGRAM")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=8)
    arguments = parser.parse_args()
    differ = 0
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        one, other = (outcome(program, seed) for program in arguments.programs)
        if one != other:
            differ += 1
            print(f"seed {seed} runs in two ways:\n  {arguments.programs[0]}: {one}\n  {arguments.programs[1]}: {other}")
    if differ:
        sys.exit(1)
    print(f"{arguments.seeds} seeds run the same in both builds")


if __name__ == "__main__":
    main()
