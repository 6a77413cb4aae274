"""The command line against real nodes, as people and scripts use it: every command prints its table and its JSON, in the
shape that docs/cli.md shows; mistakes get their sentence and their exit code.

The tests of one class share a cluster; each makes topics of its own.
"""

import unittest

from cli_harness import PRINTED, SHAPES
from cli_one_node import OneNodeTest
from cli_three_nodes import ThreeNodesTest


class EveryCommandTest(unittest.TestCase):
    """Runs last."""

    def test_every_command_was_seen_to_print_its_table_and_its_json(self):
        for form, seen in PRINTED.items():
            self.assertEqual(set(SHAPES) - seen, set(), f"never run for its {form}")


def load_tests(loader, _, __):
    suite = unittest.TestSuite()
    for case in (OneNodeTest, ThreeNodesTest, EveryCommandTest):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
