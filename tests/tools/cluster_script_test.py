"""scripts/cluster.sh with stand-ins for the programs: it keeps its promises about processes.

The stand-in server serves as soon as its file `serving` exists; the stand-in command line looks for it.
"""

import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "cluster.sh"

SERVER = """#!/usr/bin/env bash
for word in "$@"; do
  case "$word" in data_dir=*) data="${word#data_dir=}" ;; fail=*) echo "cannot start" >&2; exit 1 ;; esac
done
mkdir -p "$data"
printf '%s\\n' "$@" >"$data/arguments"
trap 'rm -f "$data/serving"; test ! -e "$data/crash" || echo "CHECK failed: here" >&2; exit 0' TERM
sleep 0.2
touch "$data/serving"
while true; do sleep 0.05; done
"""

CLIENT = """#!/usr/bin/env bash
port="${2##*:}"
test -e "$CLUSTER_DIR/node-$((port - 7091))/data/serving" || exit 1
for node in 1 2 3; do
  if test -e "$CLUSTER_DIR/node-$node/data/serving"; then echo "$node live"; else echo "$node DEAD"; fi
done
"""


class ClusterScriptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name) / "cluster"
        programs = pathlib.Path(folder.name) / "bin"
        programs.mkdir()
        for name, text in (("jangada-server", SERVER), ("jangada", CLIENT)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.environment = dict(os.environ, JANGADA_BIN=str(programs), CLUSTER_DIR=str(self.dir))
        self.addCleanup(self.end_nodes)

    def end_nodes(self):
        for node in range(1, 4):
            if self.state(node) != "stopped":
                self.run_script("kill", str(node))

    def run_script(self, *words):
        return subprocess.run([SCRIPT, *words, "--dir", self.dir], env=self.environment, text=True,
                              capture_output=True, timeout=60)

    def done(self, *words):
        result = self.run_script(*words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def refused(self, text, *words):
        result = self.run_script(*words)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(text, result.stderr)

    def state(self, node):
        for line in self.run_script("status").stdout.splitlines():
            if line.startswith(f"node {node} "):
                return line.split()[2]
        return "stopped"

    def pid(self, node):
        return int((self.dir / f"node-{node}" / "pid").read_text().split()[0])

    def test_start_returns_once_every_node_serves(self):
        self.done("start")
        for node in range(1, 4):
            self.assertTrue((self.dir / f"node-{node}/data/serving").exists())
            self.assertEqual(self.state(node), "running")

    def test_nodes_get_the_documented_ports_and_the_same_founders(self):
        self.done("start", "--nodes", "2", "--set", "raft.heartbeat_ms=50")
        arguments = (self.dir / "node-2/data/arguments").read_text().split("\n")
        for expected in ("node.id=2", "kafka.listen=127.0.0.1:9093", "grpc.listen=127.0.0.1:7093",
                         "peer.listen=127.0.0.1:6093", "http.listen=127.0.0.1:8093", "raft.heartbeat_ms=50",
                         "cluster.founders=1@127.0.0.1:6092,2@127.0.0.1:6093"):
            self.assertIn(expected, arguments)

    def test_kill_pause_resume_and_restart_reach_the_right_node(self):
        self.done("start")
        self.done("kill", "2")
        self.done("pause", "3")
        self.assertEqual([self.state(n) for n in (1, 2, 3)], ["running", "stopped", "paused"])
        self.done("resume", "3")
        (self.dir / "node-2/data/serving").unlink()
        self.done("restart", "2")
        self.assertTrue((self.dir / "node-2/data/serving").exists())
        self.assertEqual([self.state(n) for n in (1, 2, 3)], ["running"] * 3)
        self.refused("there are only 3 nodes", "kill", "4")

    def test_restart_replaces_a_running_process(self):
        self.done("start", "--nodes", "1")
        before = self.pid(1)
        self.done("restart", "1")
        self.assertNotEqual(self.pid(1), before)

    def test_stop_ends_paused_nodes_too(self):
        self.done("start", "--nodes", "2")
        self.done("pause", "2")
        self.done("stop")
        self.assertEqual([self.state(n) for n in (1, 2)], ["stopped"] * 2)
        self.done("stop")

    def test_node_that_crashes_while_stopping_is_reported(self):
        self.done("start", "--nodes", "2")
        (self.dir / "node-2/data/crash").touch()
        self.refused("node 2 crashed while stopping: CHECK failed", "stop")

    def test_start_again_keeps_what_runs_and_starts_the_rest(self):
        self.done("start")
        pids = [self.pid(n) for n in (1, 2, 3)]
        self.done("kill", "2")
        self.assertIn("1 of 3 nodes started", self.done("start"))
        self.assertEqual([self.pid(1), self.pid(3)], [pids[0], pids[2]])
        self.refused("holds a cluster of 3 nodes", "start", "--nodes", "5")

    def test_node_that_dies_while_starting_is_reported_with_its_last_words(self):
        self.refused("cannot start", "start", "--nodes", "1", "--set", "fail=1")

    def test_process_that_merely_has_a_stale_pid_is_left_alone(self):
        self.done("start", "--nodes", "1")
        self.done("kill", "1")
        stranger = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        (self.dir / "node-1/pid").write_text(f"{stranger.pid} 12345\n")
        self.assertEqual(self.state(1), "stopped")
        self.refused("does not run", "kill", "1")
        self.done("stop")
        self.assertIsNone(stranger.poll())

    def test_wipe_refuses_while_a_node_runs(self):
        self.done("start", "--nodes", "2")
        self.refused("node 1 runs", "wipe", "1")
        self.refused("runs; stop or kill it first", "wipe")
        self.done("kill", "1")
        self.done("wipe", "1")
        self.assertFalse((self.dir / "node-1/data").exists())
        self.assertTrue((self.dir / "node-2/data").exists())
        self.done("stop")
        self.done("wipe")
        self.assertFalse(self.dir.exists())

    def test_node_ended_from_outside_counts_as_stopped(self):
        self.done("start", "--nodes", "1")
        os.kill(self.pid(1), signal.SIGKILL)
        deadline = time.monotonic() + 5
        while self.state(1) != "stopped" and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.state(1), "stopped")


if __name__ == "__main__":
    unittest.main()
