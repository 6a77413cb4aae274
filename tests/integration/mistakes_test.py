"""Answers to mistakes: whatever is wrong gets one sentence that says what is wrong and what to do, and the cluster goes
on. A test for each kind; after each of them three nodes take a record and give back every record that they ever took.

Two kinds have their tests elsewhere, because they need more than this: a full disk (disk_test.cc), and a node that has
the data of another cluster (refusal_test.cc).
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import cli_harness
from cli_harness import Cli, CliTest, harness

PORTS = {"kafka": 9091, "gRPC": 7091, "peer": 6091, "HTTP": 8091}  # of node 0, if there were one
NOBODY = 65534


def crc32c(data):
    """Castagnoli's, bit by bit: for the few bytes of a data folder's meta."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmRSS of {pid}")


class MistakesTest(CliTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.cluster = cls.enterClassContext(cli_harness.make_cluster(folder.name, 3))
        cls.cli = Cli(cls.cluster.addresses())
        created = cls.cli.run("topic", "create", "alive", "--replicas", "3")
        assert created.code == 0, created
        cls.taken = []

    def setUp(self):
        self.addCleanup(self.expect_the_cluster_to_serve)

    def expect_the_cluster_to_serve(self):
        """It takes a record, and has every one that it took."""
        self.taken.append(f"after {self.id()}")
        self.table("produce", "alive", data=self.taken[-1] + "\n")
        self.assertEqual(self.table("consume", "alive").splitlines(), self.taken)
        self.table("wait", "--caught-up")

    def port(self, door, node):
        return PORTS[door] + node + self.cluster.offset

    # ---- words ----

    def test_an_unknown_command(self):
        self.refused(2, "there is no command 'jangada topci'; did you mean 'topic'?", "topci", "list")

    def test_an_unknown_topic(self):
        for words in (("consume",), ("topic", "describe"), ("offsets",), ("topic", "delete"), ("partition", "list")):
            self.refused(3, "there is no topic 'alvie'; did you mean 'alive'?", *words, "alvie")
        self.refused(3, "there is no topic 'alvie'; did you mean 'alive'?", "produce", "alvie", data="x\n")

    def test_a_bad_topic_name(self):
        for name in ("a/b", "..", ".", "ümlaut", "a b"):
            self.refused(2, "is not allowed: use letters, digits, '.', '_' and '-'", "topic", "create", name)
        self.refused(2, "has 250 characters: at most 249 are allowed", "topic", "create", "x" * 250)
        self.refused(2, "the topic's name is missing", "topic", "create", "")
        self.table("topic create", "x" * 249)

    def test_no_partitions_and_fewer_partitions(self):
        self.refused(2, "--partitions must be a whole number from 1 on, not '0'", "topic", "create", "t", "--partitions", "0")
        self.refused(2, "the new number must be greater", "topic", "alter", "alive", "--partitions", "1")

    def test_more_replicas_than_nodes(self):
        self.refused(2, "4 replicas need as many nodes, but only 3 are up: ask for fewer replicas or start more nodes",
                     "topic", "create", "t", "--replicas", "4")

    def test_a_topic_that_exists(self):
        self.refused(5, "topic 'alive' already exists; choose another name", "topic", "create", "alive")

    def test_an_offset_out_of_range(self):
        end = len(self.taken)
        self.refused(5, f"holds offsets 0 to {end}; {end + 1} is not among them; begin at one of them",
                     "consume", "alive", "--from", str(end + 1))

    def test_a_record_too_large(self):
        for size, text in ((1 << 20, "raise the topic's max.message.bytes"), (17 << 20, "more than a request of")):
            error = self.refused(5, text, "produce", "alive", data="x" * (size + 1000))
            self.assertIn("0 of the 1 records sent were acknowledged", error["message"])

    def test_an_unknown_or_impossible_setting_of_a_topic(self):
        self.refused(2, "there are: cleanup.policy,", "topic", "alter", "alive", "--set", "retention.mss=5")
        self.refused(2, "must be a number of milliseconds", "topic", "alter", "alive", "--set", "retention.ms=long")
        self.refused(2, "set at most 2", "topic", "alter", "alive", "--set", "min.insync.replicas=3")
        self.refused(2, "set at most 2", "topic", "create", "never", "--replicas", "3", "--config", "min.insync.replicas=3")

    # ---- addresses and deadlines ----

    def test_an_unreachable_bootstrap(self):
        ran = Cli("127.0.0.1:1").run("topic", "list", "--timeout", "500ms")
        self.assertEqual(ran.code, 4, ran)
        self.assertIn("can't be reached (Connection refused); start it, or name others with -b", ran.err)

    def test_the_port_of_another_door_in_place_of_grpc(self):
        for door, text in (("kafka", "is it a node's gRPC port"), ("HTTP", "is it a node's gRPC port"),
                           ("peer", "is it a Jangada node's gRPC port")):
            ran = Cli(f"127.0.0.1:{self.port(door, 1)}").run("topic", "list", "--timeout", "1")
            self.assertIn(ran.code, (4, 5), ran)
            self.assertIn(text, ran.err)

    def test_a_deadline_too_short(self):
        self.refused(4, "did not answer in time; give it longer with --timeout", "topic", "list", "--timeout", "1ms")
        ran = self.cli.run("produce", "alive", "--timeout", "1ms", data="")
        self.assertIn(ran.code, (0, 4), ran)  # nothing was sent

    # ---- strangers at the doors ----

    def test_garbage_on_every_port(self):
        seed = random.randrange(1 << 32)
        noise = random.Random(seed)
        pieces = [noise.randbytes(1 << 16), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + noise.randbytes(4096), b"\x00\x00\x00\x08\x00\x03", b"\x7f\xff\xff\xff",
                  b"\x00" * 4096, b"quit\n"]
        before = {node: resident_mib(self.cluster.pid(node)) for node in (1, 2, 3)}
        open_ones = []
        try:
            for door in PORTS:
                for node in (1, 2, 3):
                    for piece in pieces * 5:
                        stranger = socket.create_connection(("127.0.0.1", self.port(door, node)), timeout=10)
                        open_ones.append(stranger)
                        try:
                            stranger.sendall(piece)
                        except OSError:
                            pass  # refused already
            self.expect_the_cluster_to_serve()
        finally:
            for one in open_ones:
                one.close()
        for node, mib in before.items():
            self.assertLess(resident_mib(self.cluster.pid(node)), mib + 100, f"node {node}; noise {seed}")

    def test_http_on_every_port_that_is_not_for_it(self):
        sentences = {"gRPC": f"Kafka clients go to 127.0.0.1:{self.port('kafka', 1)}, browsers and probes to "
                             f"http://127.0.0.1:{self.port('HTTP', 1)}",
                     "peer": "this port is for the other nodes of a Jangada cluster; gRPC clients go to",
                     "kafka": ""}  # closed, and a line in the log
        for door, sentence in sentences.items():
            with socket.create_connection(("127.0.0.1", self.port(door, 1)), timeout=10) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b""
                while piece := stranger.recv(4096):  # it is closed
                    answer += piece
                self.assertEqual(answer.startswith(b"HTTP/1.1 400 "), sentence != "", door)
                self.assertIn(sentence, answer.decode())
        log = (self.cluster.folder / "node-1" / "log").read_text()
        self.assertIn("it looks like HTTP; this port speaks Kafka's protocol", log)

    def test_clients_that_stop_reading(self):
        """Twenty of them want 32 MiB each; the node keeps what it may read ahead for them, and serves the others."""
        name = self.topic(replicas=3)
        self.table("bench produce", name, "--records", "32768", "--record-bytes", "1KiB", "--warmup", "0")
        before = {node: resident_mib(self.cluster.pid(node)) for node in (1, 2, 3)}
        readers = [self.cli.start("consume", name, "--timeout", "60") for _ in range(20)]
        try:
            for reader in readers:
                self.assertTrue(reader.stdout.readline())  # it is under way; from here on it stands still
                reader.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            for _ in range(10):
                self.expect_the_cluster_to_serve()
            self.assertLess(time.monotonic() - started, 30)
            for node, mib in before.items():
                self.assertLess(resident_mib(self.cluster.pid(node)), mib + 200, f"node {node}")
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()

    # ---- a node that can't start ----

    def ends(self, *settings, user=None):
        """Starts a fourth node with these settings, which must end by itself; what it said."""
        ports = iter(range(4, 8))
        words = [f"--set={door.lower()}.listen=127.0.0.1:{PORTS[door] + next(ports) + self.cluster.offset}" for door in PORTS]
        words += [f"--set={setting}" for setting in (f"data_dir={self.folder / 'fourth'}", *settings)]
        done = subprocess.run([harness.BIN / "jangada-server", *words], capture_output=True, text=True, timeout=30,
                              check=False, user=user)
        said = done.stdout + done.stderr
        self.assertNotIn(done.returncode, (0, 134, 139), said)
        return said

    def test_a_busy_port(self):
        for door in PORTS:
            busy = self.port(door, 1)
            said = self.ends(f"{door.lower()}.listen=127.0.0.1:{busy}")
            self.assertIn(str(busy), said)
            self.assertIn("in use", said.lower())

    def test_an_unreadable_data_folder(self):
        file = self.folder / "a-file"
        file.write_text("no folder")
        self.assertIn("check its owner and permissions", self.ends(f"data_dir={file}"))
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        self.folder.chmod(0o755)
        if os.geteuid() != 0:
            closed.chmod(0)
        said = self.ends(f"data_dir={closed}", user=NOBODY if os.geteuid() == 0 else None)
        self.assertIn(f"data_dir {closed} cannot be used (Permission denied); check its owner and permissions", said)

    def test_a_data_folder_from_the_future(self):
        theirs = self.cluster.folder / "node-3" / "data"
        future = self.folder / "future"
        future.mkdir()
        meta = (theirs / "meta").read_bytes()
        magic, body = meta[:8], struct.pack(">I", 7_000_000) + meta[16:]
        (future / "meta").write_bytes(magic + struct.pack(">I", crc32c(body)) + body)
        said = self.ends(f"data_dir={future}", "node.id=3")
        self.assertIn("has format version 7000000, and this program knows only", said)
        self.assertIn("start a newer jangada-server on it", said)
        self.assertEqual((future / "meta").read_bytes()[12:], body, "it is left as it was")

    def test_unknown_and_contradictory_configuration(self):
        self.assertIn("data_dir", self.ends("data_dri=/nowhere"))
        self.assertIn("kafka.max_connections", self.ends("kafka.max_connections=many"))
        said = self.ends("raft.heartbeat_ms=500", "raft.election_timeout_ms=600")
        self.assertIn("raft.election_timeout_ms", said)
        said = self.ends("node.id=4", f"cluster.founders=1@127.0.0.1:{self.port('peer', 1)}")
        self.assertIn("cluster.join", said)
        config = self.folder / "wrong.yaml"
        config.write_text("grpc:\n  lisen: 127.0.0.1:7\n")
        done = subprocess.run([harness.BIN / "jangada-server", "--config", config], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertNotEqual(done.returncode, 0, done)
        self.assertEqual(done.stderr, "grpc.lisen: there is no such option; did you mean grpc.listen?\n")

    def test_the_data_of_another_node_and_of_nobody(self):
        copy = self.folder / "copy"
        copy.mkdir()
        shutil.copy(self.cluster.folder / "node-1" / "data" / "meta", copy / "meta")
        self.assertIn("node.id", self.ends(f"data_dir={copy}", "node.id=4"))
        (copy / "meta").write_bytes(b"jangada\n garbage")
        self.assertIn("is damaged; restore it from a copy", self.ends(f"data_dir={copy}", "node.id=4"))

    # ---- the cluster from the inside ----

    def test_nodes_that_are_none(self):
        self.refused(5, "node 1 is already a member", "node", "add", "1")
        self.refused(3, "there is no node 9", "node", "remove", "9")
        self.refused(3, "the cluster has no node 9; `jangada cluster nodes` lists them", "log-level", "--node", "9")
        self.refused(2, "node 9 is no voter of this group; name a voter", "partition", "transfer-leader", "alive", "0", "9")
        self.refused(3, "has no partition 9", "partition", "move", "alive", "9", "--replicas", "1")


if __name__ == "__main__":
    unittest.main()
