"""The examples do what they say: payments produced in one language are read in both, each once and in order, though
a node is killed while they run.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import workshop
from workshop import harness

EXAMPLES = workshop.ROOT / "docs" / "examples"
COUNT, PER_SECOND = 1500, 400
KILL_AFTER = 300  # payments that were read


class Reader:
    """A consumer that runs beside the test; what it has printed so far."""

    def __init__(self, command, folder, name):
        self.path = pathlib.Path(folder) / f"{name}.out"
        self.errors = pathlib.Path(folder) / f"{name}.err"
        with open(self.path, "wb") as out, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=errors)

    def lines(self):
        text = self.path.read_text()
        return text[:text.rfind("\n") + 1].splitlines()

    def finish(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"still running after {seconds} s, with {len(self.lines())} payments"

    def end(self):
        self.process.kill()
        self.process.wait()


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        workshop.build_outside(EXAMPLES / "cpp", cls.folder / "cpp")
        # Python gets the .proto files and grpcio, and nothing else of Jangada's.
        shutil.copytree(EXAMPLES / "python", cls.folder / "python", ignore=shutil.ignore_patterns("jangada", "__*"))
        workshop.run(cls.folder / "python" / "generate.sh", workshop.INSTALLED / "share" / "jangada" / "proto")
        cls.python = workshop.python_with_grpc()

    def program(self, language, name):
        if language == "cpp":
            return [self.folder / "cpp" / name]
        return [self.python, self.folder / "python" / f"{name}.py"]

    def check(self, lines):
        """Each payment once; offsets without holes; an account's payments in order."""
        numbers, offsets, last = [], collections.defaultdict(int), collections.defaultdict(lambda: -1)
        for line in lines:
            partition, offset, account, text = line.split(" ", 3)
            payment = json.loads(text)
            self.assertEqual(int(offset), offsets[partition], f"in partition {partition}")
            offsets[partition] += 1
            self.assertEqual(payment["account"], account)
            self.assertGreater(payment["id"], last[account], f"order of {account}")
            last[account] = payment["id"]
            numbers.append(payment["id"])
        self.assertEqual(sorted(numbers), list(range(COUNT)))

    def payments_flow(self, language):
        with workshop.three_nodes(self.folder / f"nodes-{language}") as cluster:
            producer = Reader(self.program(language, "payments_producer") + [cluster.addresses(), COUNT, PER_SECOND],
                              self.folder, f"{language}-producer")
            self.addCleanup(producer.end)
            readers = []
            for reading in ("cpp", "python"):
                readers.append(Reader(self.program(reading, "payments_consumer") + [cluster.addresses(), COUNT],
                                      self.folder, f"{language}-{reading}-consumer"))
                self.addCleanup(readers[-1].end)
            harness.wait_until(lambda: all(len(reader.lines()) >= KILL_AFTER for reader in readers), 60,
                               "the first payments")
            # The node that everybody asks first, and that leads a part of the topic.
            cluster.signal(1, harness.KILL)
            for process in [producer] + readers:
                ended = process.finish(60)
                self.assertEqual(ended, 0, process.path.name + ": " + process.errors.read_text())
            self.assertLess(KILL_AFTER, COUNT)
            self.assertIn(f"{COUNT} payments acknowledged", producer.path.read_text())
            for reader in readers:
                self.check(reader.lines())

    def test_payments_of_the_cpp_producer_reach_both_consumers_though_a_node_dies(self):
        self.payments_flow("cpp")

    def test_payments_of_the_python_producer_reach_both_consumers_though_a_node_dies(self):
        self.payments_flow("python")

    def test_the_python_example_puts_keys_where_kafkas_clients_do(self):
        hashes = workshop.run(self.python, "-c", "import jangada_client as j; "
                              "print([j.murmur2(k) for k in (b'21', b'foobar', b'a-little-bit-longer-string', b'abc')])",
                              cwd=self.folder / "python")
        signed = [value - 2**32 if value >= 2**31 else value for value in json.loads(hashes)]
        self.assertEqual(signed, [-973932308, -790332482, -1486304829, 479470107])


if __name__ == "__main__":
    unittest.main()
