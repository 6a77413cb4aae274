"""What `cmake --install` leaves behind is complete, no more than was meant, and enough for somebody else's project."""

import pathlib
import re
import shutil
import tempfile
import unittest

import workshop

HEADERS = sorted(path.name for path in (workshop.ROOT / "include" / "jangada").glob("*.h"))
OTHERS = {
    "bin/jangada", "bin/jangada-server", "share/jangada/jangada.yaml", "share/jangada/jangada-server.service",
    "share/jangada/proto/jangada/v1/common.proto", "share/jangada/proto/jangada/v1/log.proto",
    "share/jangada/proto/jangada/v1/admin.proto", "share/jangada/proto/jangada/v1/group.proto",
    "share/bash-completion/completions/jangada"}
PACKAGE = {"jangada-config.cmake", "jangada-config-version.cmake", "jangada-targets.cmake",
           "jangada-targets-relwithdebinfo.cmake", "jangada-targets-debug.cmake"}


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(workshop.INSTALLED, ignore_errors=True)
        workshop.run("cmake", "--install", workshop.BUILD, "--prefix", workshop.INSTALLED)

    def installed(self):
        return {path.relative_to(workshop.INSTALLED).as_posix()
                for path in workshop.INSTALLED.rglob("*") if path.is_file()}

    def test_it_is_what_was_meant_and_no_more(self):
        library = {path for path in self.installed() if path.startswith("lib")}
        rest = self.installed() - library - {f"include/jangada/{header}" for header in HEADERS}
        self.assertEqual(rest, OTHERS)
        self.assertEqual({path.rpartition("/")[2] for path in library} - PACKAGE, {"libjangada.a"})

    def test_public_headers_bring_in_nothing_but_the_standard_library(self):
        with tempfile.TemporaryDirectory() as folder:
            everything = pathlib.Path(folder) / "everything.cc"
            everything.write_text("".join(f"#include <jangada/{header}>\n" for header in HEADERS))
            text = workshop.run("c++", "-std=c++20", "-E", "-I", workshop.INSTALLED / "include", everything)
        files = set(re.findall(r'^# \d+ "(/[^"]+)"', text, re.MULTILINE)) - {str(everything)}
        foreign = {file for file in files if re.search(r"grpc|google|absl|rocksdb|boost|spdlog|asio", file)}
        self.assertEqual(foreign, set())
        ours = {pathlib.Path(file).name for file in files if "jangada" in file}
        self.assertEqual(ours, set(HEADERS))

    def test_the_installed_program_takes_the_installed_configuration(self):
        server = workshop.INSTALLED / "bin" / "jangada-server"
        self.assertRegex(workshop.run(server, "--version"), r"^\d+\.\d+\.\d+$")
        config = workshop.INSTALLED / "share" / "jangada" / "jangada.yaml"
        self.assertIn("127.0.0.1:7092", workshop.run(server, "--config", config, "--print-config"))

    def test_the_installed_completion_is_what_the_program_prints(self):
        script = (workshop.INSTALLED / "share" / "bash-completion" / "completions" / "jangada").read_text()
        self.assertEqual(script, workshop.run(workshop.INSTALLED / "bin" / "jangada", "completion", "bash"))
        self.assertIn("complete -F _jangada jangada", script)

    def test_the_configuration_that_the_operators_page_shows_is_valid(self):
        page = (workshop.ROOT / "docs" / "operating.md").read_text()
        shown = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        nodes = [text for text in shown if text.startswith("data_dir:")]
        self.assertEqual(len(nodes), 1)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "jangada.yaml"
            config.write_text(nodes[0])
            printed = workshop.run(workshop.INSTALLED / "bin" / "jangada-server", "--config", config, "--print-config")
        self.assertIn("advertised: 10.0.0.1:7092", printed)


if __name__ == "__main__":
    unittest.main()
