"""The closing count of scripts/test.sh: it sees failures, crashes and skips inside programs."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib" / "test_report.py"

GOOD = '<testcase name="a" classname="T" status="run"/>'
FAILED = '<testcase name="b" classname="T" status="run"><failure message="no"/></testcase>'
SKIPPED = '<testcase name="c" classname="T" status="run"><skipped message="x"><![CDATA[f.cc:1\n%s\n]]></skipped></testcase>'


class TestReportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = pathlib.Path(folder.name)
        self.entries = ""
        (self.results / "allowed.txt").write_text("# a comment\nneeds root\n")

    def program(self, name, status, *cases, text=None):
        """One entry of ctest, with GoogleTest's report if it wrote one."""
        self.entries += f'<testcase name="{name}" status="{status}"/>'
        if cases or text is not None:
            whole = f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
            (self.results / f"{name}.xml").write_text(whole if text is None else text)

    def report(self, ci=False):
        (self.results / "ctest.xml").write_text(f"<testsuite>{self.entries}</testsuite>")
        environment = {key: value for key, value in os.environ.items() if key != "CI"}
        if ci:
            environment["CI"] = "true"
        result = subprocess.run([sys.executable, REPORT, "--results", self.results, "--allowed-skips",
                                 self.results / "allowed.txt"], env=environment, capture_output=True, text=True)
        return result.returncode, (result.stdout.splitlines() or [""])[-1]

    def test_counts_single_tests_and_programs_without_a_report(self):
        self.program("one_test", "run", GOOD, GOOD)
        self.program("script_test", "run")
        self.assertEqual(self.report(), (0, "3 passed, 0 failed"))

    def test_failure_inside_a_program_is_counted_once(self):
        self.program("one_test", "fail", GOOD, FAILED)
        self.assertEqual(self.report(), (1, "1 passed, 1 failed"))

    def test_program_that_crashed_without_a_report_failed(self):
        self.program("one_test", "fail")
        self.program("two_test", "fail", text="<testsui")
        self.program("three_test", "fail", GOOD)
        self.assertEqual(self.report(), (1, "1 passed, 3 failed"))

    def test_program_that_did_not_run_fails_under_ci(self):
        self.program("one_test", "run", GOOD)
        self.program("two_test", "notrun")
        self.assertEqual(self.report(ci=True), (1, "1 passed, 1 failed"))

    def test_skip_fails_only_under_ci(self):
        self.program("one_test", "run", GOOD, SKIPPED % "no such device")
        self.assertEqual(self.report(), (0, "1 passed, 0 failed"))
        self.assertEqual(self.report(ci=True), (1, "1 passed, 1 failed"))

    def test_skip_for_a_listed_reason_is_no_failure(self):
        self.program("one_test", "run", GOOD, SKIPPED % "needs root, to mount a file system")
        self.assertEqual(self.report(ci=True), (0, "1 passed, 0 failed"))

    def test_nothing_run_is_no_success(self):
        self.assertEqual(self.report()[0], 1)


if __name__ == "__main__":
    unittest.main()
