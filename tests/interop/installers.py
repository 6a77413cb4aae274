"""How each client of clients/ is installed below build/interop, and how its program is run. The versions that are
tested stand here. An installer uses its language's own package manager, and what Debian ships of that."""

import json
import os
import pathlib
import re
import shutil
import subprocess

CLIENTS_FOLDER = pathlib.Path(__file__).resolve().parent / "clients"
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples"


class Impossible(Exception):
    """The client cannot be installed on this machine; the sentence says why."""


class Client:
    """`words` runs its program; `version` is that of the client library."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.words = []
        self.version = ""

    def source(self):
        return CLIENTS_FOLDER / self.name

    def features(self, features):
        """Those that the client has."""
        return [name for name in features
                if not name.startswith("tools-") and (name != "example" or self.example() is not None)]

    def example(self):
        """How its pair of docs/examples is played (see examples.py); None: it has none."""
        return None

    def run(self, *words, folder=None):
        if shutil.which(words[0]) is None:
            raise Impossible(f"there is no {words[0]} on this machine")
        done = subprocess.run(words, cwd=folder or self.folder, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Impossible(f"{' '.join(map(str, words[:3]))} failed: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    def install(self):
        self.folder.mkdir(parents=True, exist_ok=True)


class Kcat(Client):
    """Debian's kcat, which scripts/setup.sh installs. It knows no administration."""

    def features(self, features):
        return [name for name in super().features(features) if name not in ("create", "admin")]

    def install(self):
        super().install()
        said = self.run("kcat", "-V")
        self.version = re.search(r"Version ([0-9.]+)", said).group(1)
        self.words = [self.source() / "client.sh"]


class PythonClient(Client):
    """A venv with the packages of requirements.txt; the first line pins the client."""

    def install(self):
        super().install()
        requirements = self.source() / "requirements.txt"
        self.version = requirements.read_text().split("\n")[0].partition("==")[2]
        python = self.folder / "venv" / "bin" / "python"
        mark = self.folder / "installed.txt"
        if not mark.exists() or mark.read_text() != requirements.read_text():
            self.run("python3", "-m", "venv", "--clear", self.folder / "venv")
            self.run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
            mark.write_text(requirements.read_text())
        self.words = [python, self.source() / "client.py"]


class KafkaPython(PythonClient):
    """Its example's topic is made when the first payment comes."""

    def example(self):
        python, folder = str(self.folder / "venv" / "bin" / "python"), EXAMPLES / "kafka-python"
        return {"topic": "payments", "partitions": 0, "producer": [python, str(folder / "payments_producer.py")],
                "consumer": [python, str(folder / "payments_consumer.py")]}


class NodeClient(Client):
    """The dependencies of package.json; the first one is the client. It consumes in groups only."""

    def features(self, features):
        return [name for name in super().features(features) if name != "assignment"]

    def install(self):
        super().install()
        for name in ("package.json", "client.js"):
            shutil.copy(self.source() / name, self.folder)
        self.run("npm", "install", "--silent", "--no-audit", "--no-fund")
        self.version = next(iter(json.loads((self.source() / "package.json").read_text())["dependencies"].values()))
        self.words = ["node", self.folder / "client.js"]


class GoClient(Client):
    """A Go module; the first requirement of go.mod is the client."""

    def install(self):
        super().install()
        for path in self.source().iterdir():
            shutil.copy(path, self.folder)
        self.run("go", "build", "-mod=mod", "-o", "client", ".")
        required = (self.source() / "go.mod").read_text().partition("require")[2].split()
        self.version = next(word for word in required if word.startswith("v")).lstrip("v")
        self.words = [self.folder / "client"]


class RustClient(Client):
    """A crate; the first dependency of Cargo.toml is the client, and Cargo.lock pins all others. rdkafka brings
    librdkafka's source, and builds it with the C compiler that is there anyway."""

    def install(self):
        super().install()
        for path in self.source().iterdir():
            shutil.copy2(path, self.folder)  # with its time: only what changed is built again
        self.run("cargo", "build", "--quiet", "--release", "--locked", "--target-dir", "target")
        self.version = re.search(r'version = "=([0-9.]+)"', (self.source() / "Cargo.toml").read_text()).group(1)
        self.words = [self.folder / "target" / "release" / "client"]


class JavaClient(Client):
    """clients/java with one version of kafka-clients, which is the end of the client's name in PINNED."""

    PINNED = {"java-3.9": "3.9.1", "java-4": "4.1.0"}

    def source(self):
        return CLIENTS_FOLDER / "java"

    def install(self):
        super().install()
        self.version = self.PINNED[self.name]
        shutil.copy(self.source() / "pom.xml", self.folder)
        mark = self.folder / "installed.txt"
        if not mark.exists() or mark.read_text() != self.version:
            self.run("mvn", "-q", "-B", "dependency:copy-dependencies", f"-Dkafka.version={self.version}",
                     "-DoutputDirectory=lib")
            mark.write_text(self.version)
        self.run("javac", "-d", "classes", "-cp", "lib/*", self.source() / "Client.java")
        self.words = ["java", "-XX:TieredStopAtLevel=1", "-cp",
                      f"{self.folder}/classes{os.pathsep}{self.folder}/lib/*", "Client"]


    def example(self):
        java, folder = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{self.folder}/lib/*"], EXAMPLES / "kafka-java"
        return {"topic": "keyed-payments", "partitions": 3, "producer": [*java, str(folder / "PaymentsProducer.java")],
                "consumer": [*java, str(folder / "PaymentsConsumer.java")]}


class KafkaTools(Client):
    """Kafka's own command-line tools, which are no clients to write programs with."""

    PINNED = "4.3.0"

    def features(self, features):
        return [name for name in features if name.startswith("tools-")]

    def install(self):
        super().install()
        self.version = self.PINNED
        shutil.copy(self.source() / "pom.xml", self.folder)
        mark = self.folder / "installed.txt"
        if not mark.exists() or mark.read_text() != self.version:
            self.run("mvn", "-q", "-B", "dependency:copy-dependencies", f"-Dkafka.version={self.version}",
                     "-DoutputDirectory=lib")
            mark.write_text(self.version)
        self.words = ["env", f"KAFKA_LIB={self.folder}/lib", self.source() / "client.sh"]


CLIENTS = {
    "kcat": Kcat,
    "kafka-python": KafkaPython,
    "confluent-kafka": PythonClient,
    "kafkajs": NodeClient,
    "franz-go": GoClient,
    "sarama": GoClient,
    "rust-rdkafka": RustClient,
    "java-3.9": JavaClient,
    "java-4": JavaClient,
    "kafka-tools": KafkaTools,
}
