"""The real Kafka and Redis that tests run against: given, in containers, or the local stack."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.local import LocalStack

KAFKA_IMAGE = "apache/kafka:4.1.0"
REDIS_IMAGE = "redis:8"


@dataclass(frozen=True)
class Engines:
    """Where they are: `kafka` as host:port, `redis` as URL."""

    kafka: str
    redis: str


@contextmanager
def engines(data_dir: Path) -> Iterator[Engines]:
    """Addresses from the environment; else containers; else the local stack in `data_dir`."""
    kafka = os.environ.get("HUMAN_MEMORY_TEST_KAFKA")
    redis = os.environ.get("HUMAN_MEMORY_TEST_REDIS")
    if (kafka is None) != (redis is None):
        raise RuntimeError("set both HUMAN_MEMORY_TEST_KAFKA and HUMAN_MEMORY_TEST_REDIS, or none")
    if kafka and redis:
        yield Engines(kafka, redis)
    elif _docker_answers():
        with _containers() as running:
            yield running
    else:
        with _local_stack(data_dir) as running:
            yield running


@contextmanager
def _local_stack(data_dir: Path) -> Iterator[Engines]:
    stack = LocalStack(data_dir)
    try:
        stack.start()
        yield Engines(stack.kafka, stack.redis)
    finally:
        stack.stop()


def _docker_answers() -> bool:
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@contextmanager
def _containers() -> Iterator[Engines]:
    # Not run where it was written: there was no Docker engine.
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = _free_port()
    kafka = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in _kafka_environment(port).items():
        kafka = kafka.with_env(name, value)
    kafka = kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    redis = DockerContainer(REDIS_IMAGE).with_exposed_ports(6379)
    redis = redis.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
    with kafka, redis:
        host, redis_port = redis.get_container_host_ip(), redis.get_exposed_port(6379)
        yield Engines(f"127.0.0.1:{port}", f"redis://{host}:{redis_port}/0")


def _kafka_environment(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:29093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_COORDINATOR_APPEND_LINGER_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
