"""Reads what ctest and GoogleTest wrote and says how many single tests passed, failed and were skipped.

ctest knows whole programs; a program that skipped one test still counts as passed there. This tool looks
inside: with CI=true a skip is a failure unless its reason contains a line of the list of allowed skips.
"""

import argparse
import os
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def read_ctest(path):
    """ctest's entries: name -> "run", "fail", or "notrun"."""
    if not path.exists():
        return {}
    return {case.get("name"): case.get("status") for case in ElementTree.parse(path).iter("testcase")}


def read_gtest(path):
    """(passed, names of failed, [(name, reason)] of skipped) of one GoogleTest report."""
    passed, failed, skipped = 0, [], []
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        reason = case.find("skipped")
        if case.find("failure") is not None:
            failed.append(name)
        elif reason is not None:
            skipped.append((name, (reason.text or reason.get("message") or "").strip()))
        elif case.get("status") == "run":
            passed += 1
    return passed, failed, skipped


def read_allowed(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def collect(results):
    """Sums up every program: GoogleTest's own report where there is a good one, else ctest's word."""
    passed, failed, skipped = 0, [], []
    for name, status in sorted(read_ctest(results / "ctest.xml").items()):
        report = results / f"{name}.xml"
        inside = ([], [], [])
        if report.exists():
            try:
                inside = read_gtest(report)
            except ElementTree.ParseError:
                pass  # it died while writing; ctest knows that it failed
            else:
                passed += inside[0]
                failed += inside[1]
                skipped += inside[2]
        if status in ("fail", "disabled") and not inside[1]:
            failed.append(name)
        elif status == "notrun":
            skipped.append((name, "ctest did not run it"))
        elif status == "run" and not report.exists():
            passed += 1
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--allowed-skips", type=pathlib.Path, required=True)
    options = parser.parse_args()

    passed, failed, skipped = collect(options.results)
    allowed = read_allowed(options.allowed_skips)
    strict = os.environ.get("CI") == "true"
    for name in failed:
        print(f"failed: {name}")
    for name, reason in skipped:
        known = any(line in reason for line in allowed)
        print(f"skipped: {name}: {reason.splitlines()[-1] if reason else 'no reason given'}"
              f"{'' if known else ' (not on the list tests/allowed-skips.txt)'}")
        if strict and not known:
            failed.append(name)
    if passed + len(failed) == 0:
        print("no test ran", file=sys.stderr)
        return 1
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
