"""Tests of the chaos lab: its parts, and one short run on real processes. argv[1] is the folder of the programs.

The run needs root, namespaces and loop devices; where they are not to be had this ends with 77, which ctest calls skipped.
"""

import collections
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BIN = sys.argv.pop(1) if len(sys.argv) > 1 else str(HERE.parents[1] / "build" / "release" / "bin")
os.environ["JANGADA_BIN"] = BIN
sys.path.insert(0, str(HERE))

import chaos  # noqa: E402
import timeline  # noqa: E402
from lab import FAKETIME, STEADY_TIMERS  # noqa: E402
from network import CLIENTS, Network  # noqa: E402

SKIPPED = 77


def can_make_namespaces():
    name = f"jangada-probe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made


class PartsTest(unittest.TestCase):
    def test_an_unknown_class_of_faults_is_refused(self):
        with self.assertRaises(SystemExit) as ended, open(os.devnull, "w") as nowhere:
            sys.stderr, before = nowhere, sys.stderr
            try:
                chaos.parse_arguments(["--faults", "kill,earthquake"])
            finally:
                sys.stderr = before
        self.assertEqual(ended.exception.code, 2)

    def test_every_word_of_the_help_is_a_fault(self):
        self.assertEqual(chaos.parse_arguments([]).faults, list(chaos.FAULTS))
        for word in (*chaos.OVERLAPPING, *chaos.ALONE):
            self.assertIn(word, chaos.FAULTS)
        self.assertFalse(chaos.stands_alone("membership", 5))
        self.assertTrue(chaos.stands_alone("membership", 3), "it takes a node away")
        self.assertTrue(chaos.stands_alone("corrupt", 5))

    def test_both_workloads_run_unless_one_is_named(self):
        self.assertEqual(chaos.parse_arguments([]).workloads, ("grpc", "kafka"))
        self.assertEqual(chaos.parse_arguments(["--workload", "kafka"]).workloads, ("kafka",))

    def test_a_workload_that_proves_nothing_fails_the_run(self):
        Said = collections.namedtuple("Said", "name acked")
        workloads = [Said("grpc", lambda: 5000), Said("kafka", lambda: 4000)]
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(chaos.conclude(True, [], workloads, 7), 0)
            self.assertEqual(chaos.conclude(True, chaos.too_few(workloads), workloads, 7), 0)
            self.assertEqual(chaos.conclude(False, [], workloads, 7), 1)
            few = [workloads[0], Said("kafka", lambda: 999)]
            self.assertEqual(chaos.conclude(True, chaos.too_few(few), few, 7), 1)
        self.assertIn("verdict: no anomaly in 9000 acknowledged records (grpc 5000, kafka 4000) under 7 faults",
                      said.getvalue())
        self.assertIn("problem: kafka: only 999 acknowledgements", said.getvalue())

    def test_the_longest_silence_begins_within_the_fault(self):
        #            at, sent, acked, ...
        progress = [(0.0, 1, 1), (0.1, 2, 2), (1.1, 3, 3), (1.2, 4, 4), (4.2, 5, 5)]
        self.assertAlmostEqual(chaos.longest_silence(progress, 0.0, 0.5), 1.0)
        self.assertAlmostEqual(chaos.longest_silence(progress, 1.15, 2.0), 3.0)

    def test_a_cut_between_two_sets_has_both_directions(self):
        self.assertEqual(Network.between([1], [2, CLIENTS]), {(1, 2), (2, 1), (1, CLIENTS), (CLIENTS, 1)})

    def test_the_picture_shows_every_fault(self):
        progress = [(0.0, 0, 0), (1.0, 9, 5), (2.0, 9, 9)]
        text = timeline.picture({"grpc": progress, "kafka": progress}, [("kill", 0.5, 1.5), ("tcp", 1.0, 2.0)],
                                0.0, 2.0, "<title>")
        self.assertEqual(text.count("<rect"), 1 + 2 * 2)
        self.assertEqual(text.count("<polyline"), 2)
        self.assertIn("&lt;title&gt;", text)
        self.assertEqual(timeline.rates([(0.5, 0, 3), (1.5, 0, 10)], 0.0, 2.0), [3, 7, 0])


class MovedClockTest(unittest.TestCase):
    # A timer of the monotonic clock that is due at once, set as Asio does it.
    SCRIPT = """
import ctypes, select
libc = ctypes.CDLL(None)
timer = libc.timerfd_create(1, 0)
libc.timerfd_settime(timer, 1, (ctypes.c_long * 4)(0, 0, 0, 1), None)
print("fired" if select.select([timer], [], [], 5)[0] else "never")
"""

    def test_a_timer_that_is_due_fires_while_the_wall_clock_is_moved(self):
        environment = dict(os.environ, LD_PRELOAD=f"{STEADY_TIMERS}:{FAKETIME}", FAKETIME="@2020-01-01 00:00:00",
                           FAKETIME_DONT_FAKE_MONOTONIC="1")
        result = subprocess.run([sys.executable, "-c", self.SCRIPT], env=environment, capture_output=True, text=True,
                                timeout=60)
        self.assertEqual(result.stdout, "fired\n", result.stderr)


class RunTest(unittest.TestCase):
    def test_a_short_run_loses_nothing_and_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [sys.executable, HERE / "chaos.py", "--minutes", "0.4", "--seed", "1", "--faults",
                 "kill,pause,partition,power,corrupt", "--dir", pathlib.Path(folder) / "run"],
                capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertRegex(result.stdout.splitlines()[-1],
                             r"^verdict: no anomaly in \d+ acknowledged records \(grpc \d+, kafka \d+\) under \d+ faults$")
            mounts = pathlib.Path("/proc/mounts").read_text()
            self.assertNotIn(folder, mounts)


if __name__ == "__main__":
    if os.geteuid() != 0 or not can_make_namespaces():
        print("needs root, network namespaces and loop devices")
        sys.exit(SKIPPED)
    unittest.main()
