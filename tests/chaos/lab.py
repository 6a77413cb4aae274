"""The lab: real jangada-server processes, each in a namespace and on a disk of its own, and the workload that writes and
reads while nemeses (faults.py) strike. Whatever the lab made is gone after `close`, also after an exception.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

from disk import Disk
from network import CLIENTS, PROXY_BASE, PROXY_MARK, PEER_PORT, Network

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("JANGADA_BIN", ROOT / "build" / "release" / "bin"))
NAMESPACES = "jangada-lab"  # then the lab's process id
REPLICAS = 3
WORKLOADS = {"grpc": "chaos", "kafka": "chaos-kafka"}  # each with a topic of its own
FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
STEADY_TIMERS = BIN / "libsteady_timers.so"  # its opening says why
SERVE_SECONDS = 60
WHOLE_SECONDS = 120


class LabError(Exception):
    """The lab, or what runs in it, does not do what it must; the sentence says what."""


def remove_leftovers(folder):
    """What a lab that was killed could not take down itself: its namespaces, with whatever runs in them, and mounts."""
    for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines():
        name = line.split()[0]
        owner = name.removeprefix(NAMESPACES).partition("-")[0]
        if not name.startswith(NAMESPACES) or not owner.isdigit() or pathlib.Path(f"/proc/{owner}").exists():
            continue
        for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", name])
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[1]])


def retry(command, seconds=SERVE_SECONDS):
    """An election may be under way, or the last change not yet through."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return command()
        except LabError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class Node:
    def __init__(self, number, folder, disk):
        self.number = number
        self.folder = folder
        self.disk = disk
        self.process = None
        self.in_use = threading.Lock()  # by the fault that stops or starts it
        self.expected_end = False       # a fault ends it, or it must end by itself
        self.revived = False            # it ended by itself since its bytes were changed, and was started again
        self.clock = folder / "clock"
        self.clock.write_text("+0")

    @property
    def log(self):
        return self.folder / "log"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def last_line(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1] if lines else "(no line in its log)"


class Workload:
    """chaos_client or kafka_client, steered through its stdin; its progress is kept for the figures."""

    def __init__(self, name, words, history, errors):
        self.name = name
        self.history = history
        self.progress = []  # (monotonic s, sent, acked, failed, unknown, polled)
        self.notes = []     # what it says of itself, for people
        self.errors = open(errors, "wb")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "progress":
                numbers = [int(number) for number in rest.split()]
                self.progress.append((numbers[0] / 1000, *numbers[1:]))
            elif word == "note":
                self.notes.append(rest)

    def acked(self):
        return self.progress[-1][2] if self.progress else 0

    def tell_to_finish(self):
        try:
            self.process.stdin.write("finish\n")
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def finish(self, seconds):
        """Its exit code: 0 finished, 1 the cluster did not answer, 3 a consumer was given what no log can hold."""
        self.tell_to_finish()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 1
        self.thread.join(5)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()


class Lab:
    def __init__(self, folder, nodes, seed, faults, partitions=6, rate=500, workloads=tuple(WORKLOADS), say=print):
        self.folder = pathlib.Path(folder)
        self.seed = seed
        self.faults = faults
        self.partitions = partitions
        self.rate = rate
        self.say = say
        self.chance = random.Random(seed)
        self.network = None
        self.nodes = {}
        self.proxies = {}
        self.names = workloads
        self.workloads = []
        self.helpers = []  # processes that a fault may have left behind
        self.losing_data = threading.Lock()  # at most one node at a time has lost what was synced
        self.corrupted = None  # this node's damage may not all be found yet
        try:
            self._make(nodes)
        except BaseException:
            self.close()
            raise

    # ---- making ----

    def _make(self, count):
        remove_leftovers(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.network = Network(f"{NAMESPACES}{os.getpid()}", count)
        for number in range(1, count + 1):
            folder = self.folder / f"node-{number}"
            folder.mkdir()
            self.nodes[number] = Node(number, folder, Disk(folder))
        if "tcp" in self.faults:
            self._start_proxies()
        for number in self.nodes:
            self.start(number, wait=False)
        for number in self.nodes:
            self.wait_serving(number)
        # A node serves before it has heard of every other one.
        for topic in self.topics:
            retry(lambda topic=topic: self.run_command("topic", "create", topic, "--partitions", str(self.partitions),
                                                       "--replicas", str(REPLICAS)))
        for name in self.names:
            self.workloads.append(self._start_workload(name))

    def _start_workload(self, name):
        program, port, suffix = {"grpc": ("chaos_client", 7092, ""), "kafka": ("kafka_client", 9092, "-kafka")}[name]
        history = self.folder / f"history{suffix}.edn"
        return Workload(name, [*self.network.inside(CLIENTS), BIN / program, "-b", self.addresses(port),
                               "--topic", WORKLOADS[name], "--partitions", str(self.partitions), "--history", history,
                               "--rate", str(self.rate), "--seed", str(self.seed),
                               *(["--grpc", self.addresses()] if name == "kafka" else [])],
                        history, self.folder / f"workload{suffix}.errors")

    def _start_proxies(self):
        for number in self.nodes:
            routes = [f"{PROXY_BASE + peer}={self.network.address(peer)}:{PEER_PORT}"
                      for peer in self.nodes if peer != number]
            proxy = subprocess.Popen(
                [*self.network.inside(number), "python3", pathlib.Path(__file__).parent / "proxy.py",
                 "--mark", str(PROXY_MARK), "--seed", str(self.seed + number), *routes],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.folder / f"proxy-{number}.errors", "wb"),
                text=True)
            self.proxies[number] = proxy
            if proxy.stdout.readline() != "ready\n":
                raise LabError(f"the proxy of node {number} did not start")
        self.network.lead_through_proxies()

    @property
    def topics(self):
        return [WORKLOADS[name] for name in self.names]

    def acked(self):
        return sum(workload.acked() for workload in self.workloads)

    def address(self, number, port=7092):
        return f"{self.network.address(number)}:{port}"

    def addresses(self, port=7092):
        return ",".join(self.address(number, port) for number in self.nodes)

    # ---- nodes ----

    def start(self, number, wait=True):
        node = self.nodes[number]
        host = self.network.address(number)
        founders = ",".join(f"{peer}@{self.network.address(peer)}:{PEER_PORT}" for peer in self.nodes)
        settings = [f"data_dir={node.disk.data}", f"node.id={number}", f"cluster.founders={founders}",
                    f"grpc.listen={host}:7092", f"peer.listen={host}:{PEER_PORT}", f"kafka.listen={host}:9092",
                    f"http.listen={host}:8092", "storage.checkpoint_bytes=1048576",
                    # A group that begins anew must find the time for it between two faults.
                    "groups.initial_rebalance_delay_ms=500"]
        words = [word for setting in settings for word in ("--set", setting)]
        environment = dict(os.environ)
        if "clock" in self.faults:
            environment.update(LD_PRELOAD=f"{STEADY_TIMERS}:{FAKETIME}", FAKETIME_TIMESTAMP_FILE=str(node.clock),
                               FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_CACHE_DURATION="1")
        with open(node.log, "ab") as log:
            node.process = subprocess.Popen([*self.network.inside(number), BIN / "jangada-server", *words],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        node.expected_end = False
        if wait:
            self.wait_serving(number)

    def wait_serving(self, number, seconds=SERVE_SECONDS):
        """Until it answers clients and knows the controller."""
        deadline = time.monotonic() + seconds
        while True:
            node = self.nodes[number]
            if not node.running():
                if not self.revive_corrupted(number):
                    raise LabError(f"node {number} ended while starting: {node.last_line()}")
            result = self.run_command("--timeout", "2", "cluster", "status", node=number, check=False, timeout=10)
            if result.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise LabError(f"node {number} does not serve after {seconds} s: {result.stderr.strip()}")
            time.sleep(0.1)

    def revive_corrupted(self, number):
        """A node ends when it meets damage that it cannot go around, and its supervisor starts it again, once a fault."""
        node = self.nodes[number]
        if number != self.corrupted or node.revived:
            return False
        self.start(number, wait=False)
        node.revived = True
        return True

    def find_all_damage(self):
        """Damage that lies in what nobody has read yet is found by a start that checks all of the store, before another node
        loses anything: two copies of three may not be lost at once."""
        if self.corrupted is None:
            return
        number = self.corrupted
        self.kill(number)
        (self.nodes[number].disk.data / "log" / "suspect").touch()
        self.start(number)
        self.wait_whole()
        self.corrupted = None

    def signal(self, number, what):
        self.nodes[number].process.send_signal(what)

    def kill(self, number):
        node = self.nodes[number]
        node.expected_end = True
        if node.running():
            node.process.kill()
        node.process.wait()

    def stop(self, number, seconds=30):
        """SIGTERM, and waits for the clean end."""
        node = self.nodes[number]
        node.expected_end = True
        node.process.terminate()
        try:
            code = node.process.wait(seconds)
        except subprocess.TimeoutExpired:
            stacks = self.save_stacks(node)
            raise LabError(f"node {number} did not end within {seconds} s of SIGTERM{stacks}") from None
        if code != 0:
            raise LabError(f"node {number} ended with {code} after SIGTERM: {node.last_line()}")

    @staticmethod
    def save_stacks(node):
        """What every thread of a node that hangs is doing, beside its log; where there is gdb."""
        path = node.log.with_name("stacks")
        try:
            with open(path, "wb") as out:
                subprocess.run(["gdb", "-p", str(node.process.pid), "-batch", "-ex", "thread apply all backtrace 24"],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return f"; see {path}"

    def unexpected_ends(self):
        return [f"node {node.number} ended by itself with {node.process.poll()}: {node.last_line()}"
                for node in self.nodes.values()
                if not node.running() and not node.expected_end and not self.revive_corrupted(node.number)]

    def ended_workloads(self):
        return [f"{workload.name}: the workload ended before its time: see {workload.errors.name}"
                for workload in self.workloads if workload.process.poll() is not None]

    # ---- what the cluster says ----

    def run_command(self, *words, node=None, check=True, timeout=30):
        bootstrap = self.address(node) if node else self.addresses()
        result = subprocess.run([*self.network.inside(CLIENTS), BIN / "jangada", "-b", bootstrap, *words],
                                capture_output=True, text=True, timeout=timeout)
        if check and result.returncode != 0:
            raise LabError(f"jangada {' '.join(words)}: {result.stderr.strip()}")
        return result

    def why_not_whole(self):
        """Why not every replica has what its leader has, those of the consumer groups too; empty: they have."""
        try:
            result = self.run_command("--timeout", "2", "wait", "--caught-up", check=False)
        except subprocess.TimeoutExpired:
            return "no answer"
        return "" if result.returncode == 0 else result.stderr.strip() or "no answer"

    def wait_whole(self, seconds=WHOLE_SECONDS):
        deadline = time.monotonic() + seconds
        while why := self.why_not_whole():
            if self.corrupted is not None and not self.nodes[self.corrupted].running():
                self.revive_corrupted(self.corrupted)
            if time.monotonic() > deadline:
                raise LabError(f"the cluster is not whole {seconds} s after the faults ended: {why}")
            time.sleep(0.2)

    def tell_proxy(self, number, command):
        proxy = self.proxies[number]
        proxy.stdin.write(command + "\n")
        proxy.stdin.flush()
        if proxy.stdout.readline() != "done\n":
            raise LabError(f"the proxy of node {number} ended")

    # ---- the end ----

    def heal(self):
        """Whatever a fault may have left behind: everything connected, running, with room."""
        self.network.heal()
        for number in self.proxies:
            self.tell_proxy(number, "clear")
        for helper in self.helpers:
            if helper.poll() is None:
                helper.send_signal(signal.SIGINT)
                helper.wait()
        for number, node in self.nodes.items():
            node.clock.write_text("+0")
            node.disk.drain()
            if node.running():
                node.process.send_signal(signal.SIGCONT)
            elif node.expected_end:
                self.start(number, wait=False)

    def close(self):
        for workload in self.workloads:
            workload.close()
        processes = [node.process for node in self.nodes.values()] + self.helpers + list(self.proxies.values())
        for process in processes:
            if process is not None and process.poll() is None:
                process.kill()
        for process in processes:
            if process is not None:
                process.wait()
        for node in self.nodes.values():
            node.disk.close()
        if self.network is not None:
            self.network.close()
