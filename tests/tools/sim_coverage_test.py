"""The count of reached lines: by a program of ten lines, whose unreached ones are known."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import sim_coverage  # noqa: E402

CODE = """int Twice(int number) {
  if (number < 0) {
    return 0;
  }
  return 2 * number;
}
int Never() {
  return 1;
}
"""


class CoverageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name).resolve()
        self.build = root / "build"
        for name in ("raft", "client", "build"):
            (root / name).mkdir()
        (root / "raft/twice.cc").write_text(CODE)
        (root / "client/main.cc").write_text("int Twice(int);\nint main() { return Twice(4) == 8 ? 0 : 1; }\n")
        for name in ("raft/twice.cc", "client/main.cc"):
            subprocess.run(["g++", "--coverage", "-c", f"../{name}", "-o", pathlib.Path(name).stem + ".o"],
                           cwd=self.build, check=True)
        subprocess.run(["g++", "--coverage", "twice.o", "main.o", "-o", "program"], cwd=self.build, check=True)
        self.addCleanup(setattr, sim_coverage, "ROOT", sim_coverage.ROOT)
        sim_coverage.ROOT = root

    def report(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            share = sim_coverage.report(sim_coverage.gather(self.build), missed=True)
        return share, out.getvalue()

    def test_lines_are_counted_in_the_folders_asked_for(self):
        subprocess.run([self.build / "program"], check=True)
        share, text = self.report()
        self.assertIn("raft/twice.cc: 3 of 6; not 3, 7-8", text)
        self.assertAlmostEqual(share, 0.5)
        self.assertNotIn("client", text)

    def test_what_never_ran_counts_as_not_reached(self):
        share, text = self.report()
        self.assertEqual(share, 0)
        self.assertIn("0 of 6 lines", text)


if __name__ == "__main__":
    unittest.main()
