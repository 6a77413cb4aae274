"""Three nodes of Apache Kafka on this machine, in the way of harness.Cluster: each broker and controller, stock settings
but for the lines of tests/bench/kafka/server.properties. Every process is ended by its pid."""

import base64
import pathlib
import shutil
import signal
import subprocess
import uuid

import harness

TEMPLATES = harness.ROOT / "tests" / "bench" / "kafka"
VERSION = "4.3.0"
# What Kafka's own start script gives its brokers.
JVM = ["-Xms1G", "-Xmx1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]


def fetch(folder):
    """The jars, from Maven Central; kept for the next run."""
    jars = folder / f"kafka-{VERSION}"
    if not jars.exists():
        harness.say(f"fetching Kafka {VERSION} from Maven Central")
        fresh = folder / "fetching"
        shutil.rmtree(fresh, ignore_errors=True)
        subprocess.run(["mvn", "-q", "-B", "-f", TEMPLATES / "pom.xml", "dependency:copy-dependencies",
                        "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"], check=True, timeout=600)
        fresh.rename(jars)
    return jars


class Kafka:
    """Use as a context manager: it begins anew, and stops what it started."""

    nodes = 3

    def __init__(self, folder, jars, ports, sync):
        """`ports`: of nodes 1 to 3; their controllers are at 100 more. `sync`: before each acknowledgement."""
        self.folder = pathlib.Path(folder)
        self.jars = jars
        self.ports = ports
        self.sync = sync
        self.processes = {}

    def bootstrap(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for node in range(1, self.nodes + 1):
            self._properties(node).write_text(self._settings(node))
            self._java(node, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties(node)).wait(60)
        return self

    def __exit__(self, failure, *_):
        for process in self.processes.values():
            process.terminate()
        for node, process in self.processes.items():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                harness.say(f"Kafka's node {node} did not stop in time and is killed")
                process.kill()
                process.wait()
        if failure is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *nodes):
        for node in nodes or range(1, self.nodes + 1):
            self.processes[node] = self._java(node, "kafka.Kafka", self._properties(node), words=JVM)

    def kill(self, node):
        self.processes[node].send_signal(signal.SIGKILL)
        self.processes.pop(node).wait()

    def pids(self):
        return [process.pid for process in self.processes.values()]

    def syncs(self):
        return None  # not counted

    def _properties(self, node):
        return self.folder / f"server-{node}.properties"

    def _settings(self, node):
        voters = ",".join(f"{one}@127.0.0.1:{port + 100}" for one, port in enumerate(self.ports, 1))
        words = {"NODE": node, "VOTERS": voters, "PORT": self.ports[node - 1], "CONTROLLER_PORT": self.ports[node - 1] + 100,
                 "DATA": self.folder / f"data-{node}", "SYNC": "log.flush.interval.messages=1" if self.sync else ""}
        text = (TEMPLATES / "server.properties").read_text()
        for word, value in words.items():
            text = text.replace("{" + word + "}", str(value))
        return text

    def _java(self, node, main, *arguments, words=()):
        with open(self.folder / f"log-{node}", "ab") as log:
            return subprocess.Popen(["java", *words, "-cp", f"{self.jars}/*", main, *arguments], stdout=log, stderr=log)


class Jangada(harness.Cluster):
    """Ours, with the same verbs."""

    def __init__(self, folder, offset):
        super().__init__(folder, offset=offset)
        self.ports = [9091 + node + offset for node in range(1, self.nodes + 1)]

    def __enter__(self):
        if (self.folder / "cluster").exists():
            self.script("stop")
            self.script("wipe")
        return self

    def bootstrap(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, *nodes):
        for node in nodes:
            self.script("restart", str(node), "--no-wait")
        if not nodes:
            self.script("start", "--nodes", str(self.nodes), "--offset", str(self.offset), "--no-wait")

    def kill(self, node):
        self.signal(node, harness.KILL)

    def pids(self):
        return [self.pid(node) for node in range(1, self.nodes + 1)]

    def syncs(self):
        return self.metric("jangada_sync_duration_seconds_count")
