#!/usr/bin/env python3
"""The parts of scripts/interop.sh that need no client: the matrix, and what counts as a green run."""

import itertools
import pathlib
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import examples  # noqa: E402
import installers  # noqa: E402
import interop  # noqa: E402
import matrix  # noqa: E402
import transcripts  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEATURES = {"one": "the first", "two": "the second"}


def column(version, one, two):
    return {"version": version, "results": {"one": one, "two": two}}


class TranscriptsTest(unittest.TestCase):
    def test_a_page_names_every_call_once_and_no_run_of_it(self):
        page = transcripts.page("### tools-topics\n$ kafka-topics --topic kafka-tools-tools-topics-4711 --list\n"
                                "kafka-tools-tools-topics-4711\t127.0.0.1:10092,127.0.0.1:10093\n### tools-perf\n$ more\n")
        self.assertIn("## tools-topics\n```\n$ kafka-topics --topic TOPIC --list\nTOPIC\tBOOTSTRAP\n```\n", page)
        self.assertIn("## tools-perf\n```\n$ more\n```\n", page)


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

    def test_a_client_that_is_skipped_keeps_nothing_of_an_earlier_run(self):
        text = self.written({"a": column("1.0", "yes", "yes"), "b": column("2", "yes", "yes")},
                            {"a": {"version": matrix.SKIPPED, "results": {}}})
        self.assertIn("| | a skipped | b 2 |\n", text)
        self.assertIn("| the first |  | yes |\n", text)

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


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        offsets = [itertools.count() for _ in range(3)]  # of three partitions
        self.good = [f"{account % 3}:{next(offsets[account % 3])} account-{account} payment-{number} and more"
                     for _ in range(2) for number in range(100) for account in [number % 10]]

    def refused(self, lines, sentence):
        with self.assertRaisesRegex(examples.Wrong, sentence):
            examples.judge(lines, 2)

    def test_what_the_producer_sent_twice_is_taken(self):
        examples.judge(self.good, 2)

    def test_a_payment_lost_is_seen(self):
        self.refused(self.good[:-1], "199 payments came instead of 200")
        self.refused(self.good[:-1] + self.good[-1:] * 2, "201 payments")

    def test_a_payment_that_comes_twice_instead_of_another_is_seen(self):
        self.refused(self.good[:-1] + [self.good[0]], "the offsets of partition")

    def test_an_account_out_of_order_is_seen(self):
        swapped = {"payment-10 ": "payment-20 ", "payment-20 ": "payment-10 "}
        lines = [next((line.replace(old, new) for old, new in swapped.items() if old in line), line)
                 for line in self.good]
        self.refused(lines, "account-0 is not in order")

    def test_an_account_in_two_partitions_is_seen(self):
        last = self.good.pop()
        self.refused(self.good + ["3:0 " + last.partition(" ")[2]], "account-9 is not in one partition")

    def test_a_line_that_is_no_payment_is_shown(self):
        self.refused(["Traceback"], "printed 'Traceback'")

    def test_a_busy_port_is_named(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            self.assertFalse(examples.cli_harness.is_free(port))
            usual = examples.cli_harness.PORTS
            examples.cli_harness.PORTS = (port,)
            try:
                self.assertEqual(examples.busy_ports(nodes=1), [port])
            finally:
                examples.cli_harness.PORTS = usual

    def test_the_files_that_are_played_are_those_of_the_docs(self):
        played = set()
        for name, make in installers.CLIENTS.items():
            if play := make(name, pathlib.Path("/nowhere")).example():
                self.assertIn("example", make(name, pathlib.Path("/nowhere")).features(interop.FEATURES))
                for role in ("producer", "consumer"):
                    path = pathlib.Path(play[role][-1])
                    played.add(path)
                    self.assertIn(play["topic"], path.read_text())
                    self.assertIn("localhost:9092", path.read_text())
        self.assertEqual(played, {path for folder in (ROOT / "docs" / "examples").glob("kafka-*")
                                  for path in folder.iterdir() if path.suffix in (".py", ".java")})


if __name__ == "__main__":
    unittest.main()
