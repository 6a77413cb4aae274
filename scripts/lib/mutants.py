"""Seeded bugs for the simulator: tests/sim/mutants/*.patch in a copy of the tree, and how many seeds each survives.

    mutants.py check                    # do all patches apply, each with a switch of its own name?
    mutants.py tree FOLDER              # bring the mutated copy of the tree to FOLDER
    mutants.py patch NAME INTO FILE     # FILE (as the checkout names it), with this patch alone, below INTO
    mutants.py run --sim PROGRAM ...    # strike each until the simulator fails, and print the table

A patch begins with sentences: what is wrong, and after "rule:" which rule that breaks. "survives:" tells why the
simulator cannot see it; without that a survivor is a failure. "worlds:" names the theme of the worlds in which its place
is often come to: it is tried on seeds of these alone. scripts/sim.sh --mutants does all of this; the page
docs/fault-injection.md says how to read the table.
"""

import argparse
import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import mutant_trials

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/sim/mutants"
# What a build of the simulator needs; everything else of a checkout stays out of the copy.
COPIED = ["CMakeLists.txt", "base", "client", "deploy", "docs", "include", "proto", "raft", "scripts", "server", "storage",
          "tests"]
SWITCH = '#define JANGADA_MUTATED 1\n#include "tests/sim/mutants/mutant.h"\n'


class Mutant:
    """One patch: its name, what it says of itself, the files that it changes."""

    def __init__(self, path):
        self.name = path.stem
        self.path = path
        self.text = path.read_text()
        head = self.text.split("\n--- ", 1)[0].splitlines()
        self.what = head[0] if head else ""
        self.rule = self.said(head, "rule:")
        self.survives = self.said(head, "survives:")
        self.theme = self.said(head, "worlds:")
        self.files = re.findall(r"^\+\+\+ b/(\S+)", self.text, re.M)

    @staticmethod
    def said(head, key):
        return " ".join(line[len(key):].strip() for line in head if line.startswith(key))

    def mistake(self):
        """Why this is no good patch, or None."""
        if not self.what or not self.rule or not self.files:
            return "it must begin with a sentence and a line `rule:`, and change something"
        if not all(file.startswith(("raft/", "storage/", "server/")) for file in self.files):
            return "it must change the product, not its tests"
        if set(re.findall(r'Mutant\("([^"]+)"\)', self.text)) != {self.name}:
            return f'what it changes must be behind Mutant("{self.name}") and nothing else'
        return None


def all_mutants(folder=PATCHES):
    return [Mutant(path) for path in sorted(folder.glob("*.patch"))]


def apply_all(mutants, into):
    """Patches the files below `into`; returns one sentence for each that does not apply."""
    mistakes = []
    for mutant in mutants:
        done = subprocess.run(["patch", "--batch", "--forward", "--strip=1", "--fuzz=0", "--no-backup-if-mismatch",
                               "--reject-file=-", "--input", str(mutant.path)],
                              cwd=into, capture_output=True, text=True)
        if done.returncode != 0:
            mistakes.append(f"{mutant.path.name} does not apply: {' '.join(done.stdout.split())}")
    return mistakes


def copy_touched(mutants, into):
    for file in sorted({file for mutant in mutants for file in mutant.files}):
        if not (ROOT / file).is_file():
            continue  # `patch` will say so
        (into / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, into / file)


def bring_switch(mutants, into):
    for file in sorted({file for mutant in mutants for file in mutant.files}):
        (into / file).write_text(SWITCH + (into / file).read_text())


def check():
    mutants = all_mutants()
    mistakes = [f"{mutant.path.name}: {mutant.mistake()}" for mutant in mutants if mutant.mistake()]
    if not mutants:
        mistakes.append(f"there is no patch in {PATCHES}")
    with tempfile.TemporaryDirectory() as folder:
        copy_touched(mutants, pathlib.Path(folder))
        mistakes += apply_all(mutants, folder)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if not mistakes:
        print(f"{len(mutants)} patches apply")
    return 1 if mistakes else 0


def wanted_files():
    """The files of the checkout that go into the copy, relative to its root."""
    for name in COPIED:
        top = ROOT / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT)


def make_tree(folder):
    """Only files that differ are written, so that the build of the copy does again only what it must."""
    mutants = all_mutants()
    with tempfile.TemporaryDirectory() as patched_folder:
        patched = pathlib.Path(patched_folder)
        copy_touched(mutants, patched)
        mistakes = apply_all(mutants, patched)
        if mistakes:
            print("\n".join(mistakes), file=sys.stderr)
            return 1
        bring_switch(mutants, patched)
        kept = set()
        for file in wanted_files():
            kept.add(file)
            source = patched / file if (patched / file).exists() else ROOT / file
            target = folder / file
            if target.exists() and filecmp.cmp(source, target, shallow=False):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(ROOT / file, target)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        relative = path.relative_to(folder)
        if relative.parts[0] != "build" and relative not in kept:
            path.unlink()
    return 0


def patch_alone(name, into, file):
    mutant = Mutant(PATCHES / f"{name}.patch")
    with tempfile.TemporaryDirectory() as folder:
        copy_touched([mutant], pathlib.Path(folder))
        mistakes = apply_all([mutant], folder)
        if mistakes:
            print("\n".join(mistakes), file=sys.stderr)
            return 1
        bring_switch([mutant], pathlib.Path(folder))
        target = into / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pathlib.Path(folder) / file, target)
    return 0


def run(arguments):
    mutants = all_mutants()
    if arguments.only:
        names = arguments.only.split(",")
        unknown = [name for name in names if name not in {mutant.name for mutant in mutants}]
        if unknown:
            print(f"there is no mutant {', '.join(unknown)}; tests/sim/mutants holds them", file=sys.stderr)
            return 2
        mutants = [mutant for mutant in mutants if mutant.name in names]
    return mutant_trials.run(mutants, arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    commands.add_parser("tree").add_argument("folder", type=pathlib.Path)
    alone = commands.add_parser("patch")
    alone.add_argument("name")
    alone.add_argument("into", type=pathlib.Path)
    alone.add_argument("file")
    trials = commands.add_parser("run")
    trials.add_argument("--sim", required=True, help="the mutated program")
    trials.add_argument("--only", help="these mutants, with commas between them")
    trials.add_argument("--jobs", type=int, default=os.cpu_count())
    trials.add_argument("--first-seed", type=int, default=1)
    trials.add_argument("--cpu-seconds", type=float, default=1200, help="for the whole list; ten minutes on two cores")
    trials.add_argument("--max-seeds", type=int, default=1_000_000, help="a mutant that lives so long survives")
    trials.add_argument("--calm-seeds", type=int, default=2, help="seeds without faults that each must pass")
    arguments = parser.parse_args()
    if arguments.command == "check":
        return check()
    if arguments.command == "tree":
        return make_tree(arguments.folder)
    if arguments.command == "patch":
        return patch_alone(arguments.name, arguments.into, arguments.file)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
