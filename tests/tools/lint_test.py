"""scripts/lib/lint.py with a stand-in for clang-tidy: nothing that it finds, or cannot judge, goes by unsaid."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib" / "lint.py"

TIDY = """#!/usr/bin/env bash
file="${@: -1}"
grep -q cmake_pch "$3/compile_commands.json" && { echo "not a valid precompiled PCH file" >&2; exit 1; }
case "$file" in
  good*) echo "29336 warnings generated." >&2 ;;
  header*) printf '/x/base/a.h:7:3: error: explicit it [google]\\n  A(B b)\\n  ^\\n'; exit 1 ;;
  warn*) printf '/x/%s:1:2: warning: slow [performance]\\n' "$file" ;;
  crash*) printf 'Stack dump:\\n12 warnings generated.\\n' >&2; exit 139 ;;
  hang*) exec sleep 60 ;;
esac
"""


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "clang-tidy").write_text(TIDY)
        (self.folder / "clang-tidy").chmod(0o755)
        command = "c++ -O2 -Winvalid-pch -include /b/server/cmake_pch.hxx -o a.o -c a.cc"
        (self.folder / "compile_commands.json").write_text(
            json.dumps([{"directory": "/b", "command": command, "file": "a.cc"}]))

    def lint(self, *files, seconds=30, path=None):
        environment = dict(os.environ, PATH=path or f"{self.folder}:{os.environ['PATH']}")
        return subprocess.run([sys.executable, SCRIPT, "--build", self.folder, "--seconds", str(seconds), *files],
                              env=environment, text=True, capture_output=True, timeout=60)

    def test_good_files_pass_and_their_counts_are_not_printed(self):
        result = self.lint("good1.cc", "good2.cc")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, "2 files linted: 0 findings, 0 files not judged\n")

    def test_a_finding_in_a_header_is_printed_once_with_its_lines(self):
        result = self.lint("header1.cc", "header2.cc", "good.cc")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.count("error: explicit it"), 1)
        self.assertIn("  A(B b)\n  ^\n", result.stdout)
        self.assertIn("3 files linted: 1 findings", result.stdout)

    def test_a_warning_fails_even_where_clang_tidy_does_not(self):
        self.assertEqual(self.lint("warn.cc").returncode, 1)

    def test_a_file_that_clang_tidy_cannot_read_fails_with_its_words(self):
        result = self.lint("crash.cc", "good.cc")
        self.assertEqual(result.returncode, 1)
        self.assertIn("crash.cc: not judged: clang-tidy ended with 139\nStack dump:\n", result.stdout)
        self.assertNotIn("warnings generated", result.stdout)

    def test_a_file_that_takes_too_long_is_named(self):
        result = self.lint("hang.cc", "good.cc", seconds=1)
        self.assertEqual(result.returncode, 1)
        self.assertIn("hang.cc: not judged: clang-tidy did not end within 1 s", result.stdout)

    def test_no_clang_tidy_fails_with_what_to_do(self):
        result = self.lint("good.cc", path=str(self.folder / "empty"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("scripts/setup.sh --lint", result.stdout)


if __name__ == "__main__":
    unittest.main()
