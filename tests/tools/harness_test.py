"""The arithmetic of the measuring tools: a figure that is computed wrongly is worse than none."""

import itertools
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bench  # noqa: E402
import harness  # noqa: E402
import soak  # noqa: E402


class HarnessTest(unittest.TestCase):
    def test_percentile_is_the_nearest_rank(self):
        values = list(range(1, 51))
        self.assertEqual([harness.percentile(values, f) for f in (0.5, 0.9, 1.0)], [25, 45, 50])
        self.assertEqual(harness.percentile([7], 0.5), 7)

    def test_gaps_count_the_wait_before_the_first_and_after_the_last(self):
        self.assertEqual(soak.gaps([3.0, 3.25, 5.0], 0.0, 9.0), [3.0, 1.75, 4.0])
        self.assertEqual(soak.gaps([0.1 * i for i in range(100)], 0.0, 9.9), [])
        self.assertEqual(soak.gaps([], 0.0, 4.0), [4.0])

    def test_clients_share_every_line_once(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a.log").write_bytes(b"one\ntwo\n\nfour\nfive")
            (pathlib.Path(folder) / "b.log").write_bytes(b"six\n")
            sent = []
            for client, lines in ((0, 1), (1, 3), (2, 2)):
                share = list(itertools.islice(soak.endless(folder, client, 3), 2 * lines))
                self.assertEqual([key for key, _ in share[:lines]], [key for key, _ in share[lines:]])
                sent += share
            self.assertEqual({key for key, _ in sent}, {b"a.log:%d" % n for n in range(1, 6)} | {b"b.log:1"})
            self.assertEqual(len({value for _, value in sent}), len(sent), "no two values are equal")

    def test_cpu_of_a_bench_counts_for_what_was_sent(self):
        report = {"mb_per_s": 25.0, "requests_per_s": 400.0, "bytes": 500_000_000, "client_cpu_seconds": 1.0,
                  "latency_us": {"p50": 1500, "p99": 20_000, "p99.9": 100_000}}
        self.assertEqual(bench.row("run", report, 8.0).split(), ["run", "25.0", "400", "1.5", "20.0", "100.0", "16.0", "2.0"])

    def test_every_planned_fault_happens(self):
        faults = soak.plan_faults(random.Random(1), 20, 21)
        self.assertEqual((faults.count("kill"), faults.count("pause"), len(faults)), (20, 21, 41))


if __name__ == "__main__":
    unittest.main()
