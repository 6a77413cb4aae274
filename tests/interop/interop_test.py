#!/usr/bin/env python3
"""The parts of scripts/interop.sh that need no client: the matrix, and what counts as a green run."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import installers  # noqa: E402
import interop  # noqa: E402
import matrix  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEATURES = {"one": "the first", "two": "the second"}


def column(version, one, two):
    return {"version": version, "results": {"one": one, "two": two}}


class MatrixTest(unittest.TestCase):
    def written(self, *runs):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text(f"before\n{matrix.BEGIN}\n{matrix.END}\nafter\n")
            for columns in runs:
                matrix.write(page, columns, FEATURES)
            return page.read_text()

    def test_a_failure_is_a_no_and_what_was_not_run_is_empty(self):
        text = self.written({"a": column("1.0", matrix.WORKS, "a sentence"),
                             "b": {"version": "2", "results": {"one": matrix.NOT_A_FEATURE}}})
        self.assertIn("| | a 1.0 | b 2 |\n", text)
        self.assertIn("| the first | yes | n/a |\n", text)
        self.assertIn("| the second | no |  |\n", text)
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))

    def test_a_run_replaces_its_own_columns_only(self):
        text = self.written({"a": column("1.0", "yes", "yes"), "b": column("2", "yes", "broken")},
                            {"a": column("1.1", "yes", "broken")})
        self.assertIn("| | a 1.1 | b 2 |\n", text)
        self.assertIn("| the first | yes | yes |\n", text)
        self.assertIn("| the second | no | no |\n", text)

    def test_the_columns_of_others_stay_as_they_are(self):
        text = self.written({"a": column("1.0", "yes", "broken"), "b": {"version": "2", "results": {"one": "yes"}}},
                            {"c": column("3", "n/a", "yes")})
        self.assertIn("| | a 1.0 | b 2 | c 3 |\n", text)
        self.assertIn("| the first | yes | yes | n/a |\n", text)
        self.assertIn("| the second | no |  | yes |\n", text)

    def test_the_page_of_the_project_has_a_place_for_it(self):
        matrix.read((ROOT / "docs" / "kafka-compatibility.md").read_text(), interop.FEATURES)

    def test_a_page_without_that_place_is_refused(self):
        with self.assertRaises(ValueError):
            matrix.read("nothing here", FEATURES)


class ClientsTest(unittest.TestCase):
    def test_every_client_has_its_program(self):
        for name, make in installers.CLIENTS.items():
            source = make(name, pathlib.Path("/nowhere")).source()
            self.assertTrue(any(source.glob("[cC]lient.*")), source)

    def test_a_client_that_cannot_be_installed_fails_the_run_unless_that_is_allowed(self):
        self.assertEqual(interop.verdict(passed=9, failed=0, skipped=0, allow_skip=False), 0)
        self.assertEqual(interop.verdict(passed=9, failed=0, skipped=1, allow_skip=False), 1)
        self.assertEqual(interop.verdict(passed=9, failed=0, skipped=1, allow_skip=True), 0)
        self.assertEqual(interop.verdict(passed=9, failed=1, skipped=0, allow_skip=True), 1)
        self.assertEqual(interop.verdict(passed=0, failed=0, skipped=1, allow_skip=True), 1, "nothing was tested")

    def test_a_mistyped_client_is_refused(self):
        with self.assertRaises(SystemExit) as refused:
            interop.parse(["kafka-pyhton"])
        self.assertEqual(refused.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
