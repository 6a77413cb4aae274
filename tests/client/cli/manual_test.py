"""docs/cli.md is what the program says of itself: `jangada __manual >docs/cli.md` brings it up to date."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = sys.argv.pop(1)


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False)


class ManualTest(unittest.TestCase):
    def test_the_page_is_current(self):
        printed = run("__manual").stdout
        self.assertIn("## jangada topic", printed)
        self.assertEqual((ROOT / "docs" / "cli.md").read_text(), printed, "run: jangada __manual >docs/cli.md")

    def test_every_shape_in_the_page_is_json(self):
        page = (ROOT / "docs" / "cli.md").read_text()
        shapes = re.findall(r"With `-o json`:\n\n```\n(.*?)```", page, re.DOTALL)
        self.assertGreater(len(shapes), 20)
        for shape in shapes:
            for one in re.split(r"^#.*\n", shape, flags=re.MULTILINE):
                json.loads(one)

    def test_links_of_the_page_have_their_heading(self):
        page = (ROOT / "docs" / "cli.md").read_text()
        headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                    for line in page.splitlines() if line.startswith("#")}
        for anchor in re.findall(r"\]\(#([^)]+)\)", page):
            self.assertIn(anchor, headings)


if __name__ == "__main__":
    unittest.main()
