"""scripts/lib/compile.sh: a precompiled header that ccache gives back was made of this checkout's text."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib" / "compile.sh"


@unittest.skipUnless(shutil.which("ccache"), "there is no ccache, so nothing is compiled through it")
class CompileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def precompile(self, checkout, name):
        """Precompiles, as CMake does, a header that defines type `name`; then compiles what needs it."""
        home = self.folder / checkout
        home.mkdir(exist_ok=True)
        (home / "types.h").write_text(f"struct {name} {{}};\n")
        (home / "pch.hxx").write_text('#include "types.h"\n')
        (home / "pch.cxx").write_text("")
        (home / "user.cc").write_text(f"{name} value;\n")
        # As scripts/build.sh has it.
        environment = dict(os.environ, CCACHE_DIR=str(self.folder / "cache"), CCACHE_BASEDIR=str(home),
                           CCACHE_NOHASHDIR="1",
                           CCACHE_SLOPPINESS="pch_defines,time_macros,include_file_mtime,include_file_ctime")
        header = str(home / "pch.hxx")
        for arguments in (["-x", "c++-header", "-include", header, "-o", "pch.hxx.gch", "-c", str(home / "pch.cxx")],
                          ["-include", header, "-o", "user.o", "-c", str(home / "user.cc")]):
            done = subprocess.run([SCRIPT, "g++", *arguments], cwd=home, env=environment, text=True,
                                  capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_two_checkouts_that_change_one_header_differently_get_each_their_own(self):
        for checkout in ("a", "b"):
            self.precompile(checkout, "Old")
        self.precompile("a", "OfA")
        self.precompile("b", "OfB")


if __name__ == "__main__":
    unittest.main()
