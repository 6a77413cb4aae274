"""What the tests of the docs share: where Jangada is installed, projects outside of its tree, Python that knows
gRPC, three nodes on free ports.
"""

import os
import pathlib
import random
import re
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("JANGADA_BUILD", ROOT / "build" / "release"))
INSTALLED = pathlib.Path(os.environ.get("JANGADA_INSTALLED", BUILD / "installed"))
os.environ.setdefault("JANGADA_BIN", str(INSTALLED / "bin"))

sys.path.insert(0, str(ROOT / "tests" / "tools"))
import harness  # noqa: E402  (reads JANGADA_BIN)


def run(*words, timeout=250, **options):
    """The output of a command that must succeed."""
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def build_outside(source, build, more_flags=""):
    """Builds a CMake project of somebody else's, which finds what is installed."""
    run("cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={INSTALLED}",
        "-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror {more_flags}")
    run("cmake", "--build", build)


def python_with_grpc():
    """Debian's packages are for Debian's Python, which need not be the first in PATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import grpc, google.protobuf"], capture_output=True).returncode == 0:
            return python
    raise AssertionError("no Python here knows grpc; scripts/setup.sh installs python3-grpcio and python3-protobuf")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def three_nodes(folder):
    """Nodes 1 to 3 of the installed program, on ports that nobody uses, below those that the system hands out."""
    for offset in random.sample(range(10_000, 22_000), 100):
        if all(is_free(base + node + offset) for base in (6091, 7091, 8091, 9091) for node in (1, 2, 3)):
            return harness.Cluster(folder, nodes=3, offset=offset)
    raise AssertionError("no ports are free")


def with_ports_of(cluster, text):
    """The addresses that the docs use become those of the cluster."""
    return re.sub(r"127\.0\.0\.1:709([234])", lambda match: cluster.address(int(match.group(1)) - 1), text)
