"""What every script of the house promises: --help, and a sentence about a wrong option before any work is begun."""

import pathlib
import subprocess
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
# The others build what knows their options.
NAMES = ["bench.sh", "build.sh", "check.sh", "cluster.sh", "demo.sh", "fuzz.sh", "measure.sh", "setup.sh", "test.sh"]


def run(name, *words):
    return subprocess.run([SCRIPTS / name, *words], capture_output=True, text=True, timeout=60)


class ScriptsTest(unittest.TestCase):
    def test_a_wrong_option_is_named_and_refused(self):
        for name in NAMES:
            with self.subTest(name):
                result = run(name, "--no-such-option")
                self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
                self.assertRegex(result.stderr, rf"^{name}: --no-such-option is not .* Try .*--help\.\n$")
                self.assertEqual(result.stdout, "")

    def test_help_answers(self):
        for name in NAMES:
            with self.subTest(name):
                result = run(name, "--help")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"scripts/{name}", result.stdout)

    def test_test_sh_refuses_wrong_options_behind_a_preset_too(self):
        result = run("test.sh", "release", "-R", "base_test", "--no-such-option")
        self.assertEqual(result.returncode, 2, result.stdout)

    def test_fuzz_sh_refuses_an_unknown_target_with_the_list(self):
        known = run("fuzz.sh", "--list").stdout.split()
        self.assertIn("kafka_frame", known)
        result = run("fuzz.sh", "no_such_target", "--minutes", "1")
        self.assertEqual(result.returncode, 2, result.stdout)
        for name in known:
            self.assertIn(name, result.stderr)

    def test_fuzz_sh_refuses_a_time_that_is_none(self):
        for time in ["", "0", "-1", "many"]:
            with self.subTest(time):
                self.assertEqual(run("fuzz.sh", "codecs", "--minutes", time).returncode, 2)


if __name__ == "__main__":
    unittest.main()
