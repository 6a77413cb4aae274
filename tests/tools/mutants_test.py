"""Seeded bugs: what a patch must say of itself, and that the table tells a killed one from a survivor, a bug that strikes
without faults from one that needs them, and the guilty from the innocent. The simulator is a script here."""

import argparse
import contextlib
import io
import os
import pathlib
import stat
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import mutant_trials  # noqa: E402
import mutants  # noqa: E402

GOOD = """Half of the voters commit.
rule: a majority commits

--- a/raft/quorum.cc
+++ b/raft/quorum.cc
@@ -1 +1 @@
-old
+Mutant("NAME") ? new : old
"""

# Fails as its mutants say: "late" with seed 3, "blunt" always, "hangs" and "crashes" as they are called.
SIM = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --seed) seed=$2; shift ;;
    --mutant) mutant=$2; shift ;;
    --no-faults) calm=yes ;;
  esac
  shift
done
fail() { echo "seed $seed: FAILED; 9 events"; echo "  commit-safety at 1.5 s: it went wrong"; exit 1; }
case "$mutant" in
  late) [ "$seed" != 3 ] || [ "$calm" ] || fail ;;
  blunt) fail ;;
  crashes) [ "$calm" ] || { echo "x.cc:1: CHECK failed: a < b" >&2; kill -ABRT $$; } ;;
  unknown) echo "no such option" >&2; exit 2 ;;
esac
[ "$seed" != "$GUILTY_SEED" ] || [ "$mutant" ] || fail
echo "seed $seed: good; 9 events"
[ -z "$mutant" ] || echo "  mutant $mutant: its place was come to $((seed % 2)) times"
"""


class PatchTest(unittest.TestCase):
    def mistake(self, text, name="NAME"):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"{name}.patch"
            path.write_text(text)
            return mutants.Mutant(path).mistake()

    def test_a_good_patch_is_taken(self):
        self.assertIsNone(self.mistake(GOOD))

    def test_a_patch_without_its_rule_is_refused(self):
        self.assertIn("rule:", self.mistake(GOOD.replace("rule:", "because")))

    def test_a_switch_of_another_name_is_refused(self):
        self.assertIn('Mutant("other")', self.mistake(GOOD, "other"))

    def test_a_change_of_the_tests_is_refused(self):
        self.assertIn("the product", self.mistake(GOOD.replace("raft/quorum.cc", "tests/sim/disk.cc")))

    def test_a_patch_that_does_not_apply_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            patch = pathlib.Path(folder) / "NAME.patch"
            patch.write_text(GOOD)
            (pathlib.Path(folder) / "raft").mkdir()
            (pathlib.Path(folder) / "raft/quorum.cc").write_text("something else\n")
            mistakes = mutants.apply_all([mutants.Mutant(patch)], folder)
        self.assertEqual(len(mistakes), 1)
        self.assertIn("NAME.patch does not apply", mistakes[0])


class FakeMutant:
    def __init__(self, name, survives="", theme=""):
        self.name = name
        self.survives = survives
        self.theme = theme


class TrialsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.sim = pathlib.Path(folder.name) / "sim"
        self.sim.write_text(SIM)
        self.sim.chmod(self.sim.stat().st_mode | stat.S_IXUSR)
        os.environ["GUILTY_SEED"] = "none"
        self.addCleanup(os.environ.pop, "GUILTY_SEED")

    def table(self, *listed):
        arguments = argparse.Namespace(sim=str(self.sim), jobs=2, first_seed=1, cpu_seconds=1000, max_seeds=6, calm_seeds=2)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = mutant_trials.run(list(listed), arguments)
        return status, out.getvalue()

    def line(self, text, name):
        return next(line for line in text.splitlines() if line.startswith(name + " "))

    def test_one_that_dies_late_is_counted_in_seeds(self):
        status, text = self.table(FakeMutant("late"))
        self.assertEqual(status, 0, text)
        self.assertTrue(self.line(text, "late").endswith("killed after 3 seeds"), text)
        self.assertIn("commit-safety", self.line(text, "late"))

    def test_a_survivor_needs_a_reason(self):
        status, text = self.table(FakeMutant("lives"))
        self.assertEqual(status, 1, text)
        self.assertTrue(self.line(text, "lives").endswith("SURVIVED"), text)
        self.assertIn("place reached in 3 of 6 seeds", self.line(text, "lives"))

    def test_of_twenty_one_may_survive_with_a_reason(self):
        listed = [FakeMutant("late") for _ in range(19)] + [FakeMutant("lives", "nothing shows it")]
        status, text = self.table(*listed)
        self.assertEqual(status, 0, text)
        self.assertIn("survivor lives: nothing shows it", text)

    def test_one_that_fails_without_faults_is_no_good_mutant(self):
        status, text = self.table(FakeMutant("blunt"))
        self.assertEqual(status, 1, text)
        self.assertIn("blunt fails seed 1 without any fault: commit-safety", text)

    def test_too_many_easy_ones_are_a_fault(self):
        status, text = self.table(FakeMutant("crashes"), FakeMutant("crashes"), FakeMutant("late"))
        self.assertEqual(status, 1, text)
        self.assertIn("more than a third died on their first seed", text)

    def test_a_failed_check_is_named(self):
        _, text = self.table(FakeMutant("crashes"))
        self.assertIn("CHECK", self.line(text, "crashes"))

    def test_a_seed_that_kills_the_unmutated_code_is_a_fault(self):
        os.environ["GUILTY_SEED"] = "3"
        status, text = self.table(FakeMutant("late"))
        self.assertEqual(status, 1, text)
        self.assertIn("the unmutated code fails seed 3", text)

    def test_a_program_that_knows_no_mutants_ends_the_trials(self):
        with self.assertRaisesRegex(SystemExit, "no such option"):
            self.table(FakeMutant("unknown"))


if __name__ == "__main__":
    unittest.main()
