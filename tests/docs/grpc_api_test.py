"""docs/grpc-api.md tells the truth: it has an example of every call in C++, Python and grpcurl, and each example runs.

The examples of one language share three nodes and run from the top of the page to its bottom. A `json` block is
what the `sh` block before it answers, field by field; "..." stands for any value, and fields may be left out. A `text`
block is what it prints.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import workshop

PAGE = workshop.ROOT / "docs" / "grpc-api.md"
PROJECT = """cmake_minimum_required(VERSION 3.16)
project(page CXX)
find_package(jangada 0.1 REQUIRED)
add_executable(page page.cc)
target_link_libraries(page PRIVATE jangada::client)
"""


# Calls that the C++ library does not make.
NOT_IN_THE_LIBRARY = {"Join", "FindCoordinator", "FetchOffsets"}


def blocks():
    """[(heading, language, code, the block that follows at once)]"""
    found, heading = [], ""
    pattern = r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w+)\n(?P<code>.*?)^```$"
    for match in re.finditer(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if match["heading"]:
            heading = match["heading"]
        else:
            found.append((heading, match["language"], match["code"]))
    following = found[1:] + [("", "", "")]
    return [(heading, language, code, after[1:]) for (heading, language, code), after in zip(found, following)]


def calls():
    """Every call of the API, as the .proto files define them."""
    found = []
    for name in ("log", "admin", "group"):
        found += re.findall(r"^  rpc (\w+)", (workshop.ROOT / "proto/jangada/v1" / f"{name}.proto").read_text(),
                            re.MULTILINE)
    return found


def agrees(shown, real):
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(key in real and agrees(value, real[key]) for key, value in shown.items())
    if isinstance(shown, list):
        return isinstance(real, list) and len(shown) == len(real) and all(map(agrees, shown, real))
    return shown == "..." or shown == real


def make_grpcurl():
    """Built by Go once, and kept beside the build."""
    folder = workshop.BUILD / "tools"
    subprocess.run([workshop.ROOT / "scripts" / "lib" / "grpcurl.sh", folder], check=True, timeout=280)
    return folder


class GrpcApiTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def of(self, language):
        return [block for block in blocks() if block[1] == language]

    def test_every_call_has_an_example_in_every_language(self):
        for language in ("cpp", "python", "sh"):
            headings = {call for heading, _, _, _ in self.of(language) for call in heading.split(", ")}
            self.assertEqual(set(calls()) - headings, NOT_IN_THE_LIBRARY if language == "cpp" else set(), language)

    def test_expectations_can_fail(self):
        self.assertTrue(agrees({"a": "...", "b": [1]}, {"a": 7, "b": [1], "c": 0}))
        self.assertFalse(agrees({"a": 1}, {"a": 2}))
        self.assertFalse(agrees({"a": "..."}, {}))
        self.assertFalse(agrees([1], [1, 2]))

    def test_the_cpp_examples_run(self):
        (_, _, opening, _), *examples = self.of("cpp")
        with workshop.three_nodes(self.folder / "nodes") as cluster:
            code = opening
            for number, (heading, _, text, _) in enumerate(examples):
                code += f"\n// {heading}\nstatic void Example{number}(const std::unique_ptr<Client>& client) {{\n{text}}}\n"
            code += "\nint main() {\n  const auto client = Connect();\n"
            for number, (heading, _, _, _) in enumerate(examples):
                code += f'  std::cerr << "{heading}\\n";\n  Example{number}(client);\n'
            (self.folder / "page.cc").write_text(workshop.with_ports_of(cluster, code + "}\n"))
            (self.folder / "CMakeLists.txt").write_text(PROJECT)
            # What an example makes to be looked at need not be used.
            workshop.build_outside(self.folder, self.folder / "build", "-Wno-unused-variable")
            workshop.run(self.folder / "build" / "page", timeout=60)

    def test_the_python_examples_run(self):
        generate = workshop.ROOT / "docs" / "examples" / "python" / "generate.sh"
        shutil.copy(generate, self.folder)
        workshop.run(self.folder / "generate.sh", workshop.INSTALLED / "share" / "jangada" / "proto")
        with workshop.three_nodes(self.folder / "nodes") as cluster:
            code = "".join(f"# {heading}\n{text}\n" for heading, _, text, _ in self.of("python"))
            (self.folder / "page.py").write_text(workshop.with_ports_of(cluster, code))
            workshop.run(workshop.python_with_grpc(), self.folder / "page.py", timeout=60)

    def test_the_grpcurl_examples_run_and_answer_what_the_page_shows(self):
        environment = dict(os.environ, PATH=f"{make_grpcurl()}:{os.environ['PATH']}")
        with workshop.three_nodes(self.folder / "nodes") as cluster:
            for heading, _, text, (kind, shown) in self.of("sh"):
                command = workshop.with_ports_of(cluster, text)
                answer = workshop.run("bash", "-euc", command, env=environment, timeout=60)
                if kind == "json":
                    self.assertTrue(agrees(json.loads(shown), json.loads(answer)), f"{heading}: {answer}")
                elif kind == "text":
                    self.assertEqual(answer, shown, heading)


if __name__ == "__main__":
    unittest.main()
