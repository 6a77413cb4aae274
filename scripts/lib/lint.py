"""Runs clang-tidy over files, some at once, and says once what it found.

  lint.py --build build/release [--jobs N] [--seconds S] FILE...

A finding in a header comes up in every file that includes it: it is printed the first time only. A file that
clang-tidy could not judge (it failed, or did not end in time) is named with the reason. Exit: 0 nothing found,
1 something was, or a file was not judged.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FINDING = re.compile(r"^\S.*:\d+:\d+: (?:warning|error): ")
COUNTS = re.compile(r"^\d+ (?:warnings?|errors?)(?: and \d+ errors?)? generated\.$|^Suppressed |^Use -header-filter")
PRECOMPILED = re.compile(r" -include \S*/cmake_pch\.hxx| -Winvalid-pch")
PROGRESS_EVERY = 20  # files


def write_commands(build, folder):
    """The compile commands without GCC's precompiled headers, which clang cannot read."""
    commands = json.loads((build / "compile_commands.json").read_text())
    for command in commands:
        command["command"] = PRECOMPILED.sub("", command["command"])
    (folder / "compile_commands.json").write_text(json.dumps(commands))


def findings_of(output):
    """Cuts clang-tidy's output into findings, each with the lines that explain it."""
    found = []
    for line in output.splitlines():
        if FINDING.match(line):
            found.append([line])
        elif found:
            found[-1].append(line)
    return ["\n".join(lines).rstrip() for lines in found]


def lint(path, folder, seconds):
    """(findings, why the file could not be judged or None) of one file."""
    try:
        done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, path], text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return [], f"clang-tidy did not end within {seconds} s"
    except OSError as error:
        return [], f"clang-tidy cannot be run ({error}); scripts/setup.sh --lint installs it"
    found = findings_of(done.stdout)
    if done.returncode == 0 or found:
        return found, None
    words = [line for line in done.stderr.splitlines() if not COUNTS.match(line)]
    return [], "\n".join([f"clang-tidy ended with {done.returncode}", *words])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder with compile_commands.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=int, default=900, help="for one file; a loaded machine needs minutes")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    seen, unjudged = set(), 0
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        write_commands(options.build, pathlib.Path(folder))
        tasks = {pool.submit(lint, path, folder, options.seconds): path for path in options.files}
        for done, task in enumerate(concurrent.futures.as_completed(tasks), start=1):
            found, why = task.result()
            for finding in found:
                if finding.splitlines()[0] not in seen:
                    seen.add(finding.splitlines()[0])
                    print(finding, flush=True)
            if why:
                unjudged += 1
                print(f"{tasks[task]}: not judged: {why}", flush=True)
            if done % PROGRESS_EVERY == 0:
                print(f"{done} of {len(tasks)} files linted", flush=True)
    print(f"{len(options.files)} files linted: {len(seen)} findings, {unjudged} files not judged")
    return 1 if seen or unjudged else 0


if __name__ == "__main__":
    sys.exit(main())
