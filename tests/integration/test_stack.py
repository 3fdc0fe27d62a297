"""The local stack: what starts, what survives, what is left behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from stack.errors import StackError, UnsupportedPlatform
from stack.jars import Jar, ensure, read_lock
from stack.local import LocalStack
from stack.platforms import Platform, require_support
from stack.processes import ProcessId, is_alive, wait_until
from stack.redis_server import executable

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TOPIC = "stack.test"
GONE_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A started stack for the tests that leave it as it is."""
    with stopped_at_the_end(LocalStack(tmp_path_factory.mktemp("running"))) as stack:
        stack.start()
        yield stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack of the test's own, not started."""
    with stopped_at_the_end(LocalStack(tmp_path / "data")) as own:
        yield own


@contextmanager
def stopped_at_the_end(stack: LocalStack) -> Iterator[LocalStack]:
    try:
        yield stack
    finally:
        stack.stop()


def processes(stack: LocalStack) -> list[ProcessId]:
    fields = json.loads((stack.data_dir / "stack.json").read_text())["processes"]
    return [ProcessId(**process) for process in fields.values()]


def pids(stack: LocalStack) -> tuple[int | None, int | None]:
    now = stack.status()
    return now.kafka.pid, now.redis.pid


def all_gone(left: list[ProcessId]) -> bool:
    return not any(is_alive(process) for process in left)


def redis_client(stack: LocalStack) -> Redis:
    return Redis.from_url(stack.redis)


async def create_topic(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        reply = await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        assert [code for _, code, _ in reply.topic_errors] == [0]
    finally:
        await admin.close()


async def append(address: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, value)
    finally:
        await producer.stop()


async def first_value(address: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        await consumer.seek_to_beginning()
        value: bytes | None = (await consumer.getone()).value
        return value
    finally:
        await consumer.stop()


def test_stack_started_from_nothing_answers_with_the_versions_it_names(
    running: LocalStack,
) -> None:
    now = running.status()

    assert now.healthy
    assert running.kafka == f"127.0.0.1:{now.kafka.port}"
    assert now.kafka.version == "4.1.0"
    with redis_client(running) as client:
        assert client.info("server")["redis_version"] == now.redis.version
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.execute_command("FT.CONFIG", "GET", "ON_TIMEOUT") == {b"ON_TIMEOUT": b"fail"}


def test_start_of_a_healthy_stack_leaves_its_processes(running: LocalStack) -> None:
    before = pids(running)

    running.start()

    assert pids(running) == before


def test_second_stack_on_the_same_folder_uses_what_runs(running: LocalStack) -> None:
    second = LocalStack(running.data_dir)

    second.start()

    assert (second.kafka, second.redis) == (running.kafka, running.redis)
    assert pids(second) == pids(running)


def test_nothing_dead_means_nothing_restarted(running: LocalStack) -> None:
    assert running.restart_dead() == []


def test_restart_keeps_ports_topic_record_and_key(stack: LocalStack) -> None:
    stack.start()
    addresses = (stack.kafka, stack.redis)
    asyncio.run(create_topic(stack.kafka))
    asyncio.run(append(stack.kafka, b"kept"))
    with redis_client(stack) as client:
        client.set("key", b"kept")
    stack.stop()

    stack.start()

    assert (stack.kafka, stack.redis) == addresses
    assert asyncio.run(first_value(stack.kafka)) == b"kept"
    with redis_client(stack) as client:
        assert client.get("key") == b"kept"


def test_components_killed_are_restarted_with_their_data(stack: LocalStack) -> None:
    stack.start()
    asyncio.run(create_topic(stack.kafka))
    asyncio.run(append(stack.kafka, b"kept"))
    with redis_client(stack) as client:
        client.set("key", b"kept")
        client.save()
    stack.kill_kafka()
    stack.kill_redis()

    restarted = stack.restart_dead()

    assert restarted == ["kafka", "redis"]
    assert asyncio.run(first_value(stack.kafka)) == b"kept"
    with redis_client(stack) as client:
        assert client.get("key") == b"kept"


def test_component_that_was_stopped_stays_stopped(stack: LocalStack) -> None:
    stack.start_redis()
    stack.stop_redis()

    restarted = stack.restart_dead()

    assert restarted == []
    assert not stack.status().redis.running


def test_killed_starter_leaves_no_process(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "data")
    command = [sys.executable, "-m", "stack", "up", "--data", str(stack.data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith(b"kafka ")
        assert stack.status().healthy
        started = processes(stack)

        starter.kill()

    assert wait_until(lambda: all_gone(started), timeout_s=GONE_WITHIN_S)


def test_another_process_stops_what_this_one_started(stack: LocalStack) -> None:
    stack.start()
    started = processes(stack)
    command = [sys.executable, "-m", "stack", "down", "--data", str(stack.data_dir)]

    subprocess.run(command, cwd=ROOT, check=True)

    assert len(started) == 2
    assert all_gone(started)
    assert stack.restart_dead() == []


def test_stop_of_what_never_started_does_nothing(stack: LocalStack) -> None:
    stack.stop()

    assert not stack.status().kafka.running


def test_process_outlives_the_thread_that_started_it(stack: LocalStack) -> None:
    # The kernel ties the death signal to the thread that forked, so a child of this thread would
    # get it when the thread is gone.
    starter = threading.Thread(target=stack.start_redis)
    starter.start()
    thread = Path(f"/proc/self/task/{starter.native_id}")

    starter.join()

    (started,) = processes(stack)
    assert wait_until(lambda: not thread.exists(), timeout_s=10)
    assert not wait_until(lambda: not is_alive(started), timeout_s=1)


def test_concurrent_starts_make_one_process(stack: LocalStack) -> None:
    others = [stack, LocalStack(stack.data_dir), LocalStack(stack.data_dir)]

    with ThreadPoolExecutor() as pool:
        list(pool.map(LocalStack.start_redis, others))

    log = stack.log_file("redis").read_text()
    assert log.count("Ready to accept connections") == 1


def test_recycled_pid_in_a_stale_state_file_is_not_killed(stack: LocalStack) -> None:
    stack.start_redis()
    stack.kill_redis()
    with subprocess.Popen(["sleep", "600"]) as foreign:
        try:
            state_file = stack.data_dir / "stack.json"
            state = json.loads(state_file.read_text())
            state["processes"]["redis"]["pid"] = foreign.pid
            state_file.write_text(json.dumps(state))

            stack.stop()

            assert foreign.poll() is None
        finally:
            foreign.kill()


def test_broken_state_file_is_no_obstacle(stack: LocalStack) -> None:
    stack.data_dir.mkdir()
    (stack.data_dir / "stack.json").write_text('{"ports": {"kaf')

    stack.start_redis()

    assert stack.status().redis.healthy


def test_remembered_port_that_another_program_took_is_replaced(stack: LocalStack) -> None:
    stack.start_redis()
    port = stack.status().redis.port
    assert port is not None
    stack.stop_redis()
    with socket.create_server(("127.0.0.1", port)):
        stack.start_redis()

        assert stack.status().redis.healthy
        assert stack.status().redis.port != port


def test_given_port_that_another_program_took_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        stack = LocalStack(tmp_path / "data", redis_port=port)

        with pytest.raises(StackError, match=f"port {port} was asked for redis"):
            stack.start_redis()


def test_component_that_ends_at_once_is_reported_with_its_log(stack: LocalStack) -> None:
    save = stack.data_dir / "redis" / "dump.rdb"
    save.parent.mkdir(parents=True)
    save.write_bytes(b"not a save of Redis")

    with pytest.raises(StackError, match=r"redis was started and ended at once") as caught:
        stack.start_redis()

    assert str(stack.log_file("redis")) in str(caught.value)
    assert "Wrong signature" in str(caught.value)


def test_old_java_in_java_home_is_refused(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))

    with pytest.raises(StackError, match="is Java 11; Kafka needs 17 or later"):
        stack.start_kafka()


def test_jar_with_another_hash_than_the_lock_is_refused(tmp_path: Path) -> None:
    jar = Jar("org.example:tool:1.0", sha256(b"what was locked").hexdigest())

    def fetch_changed(_: Jar, scratch: Path) -> Path:
        path = scratch / "tool.jar"
        path.write_bytes(b"what came")
        return path

    with pytest.raises(StackError, match=r"org\.example:tool:1\.0: the file that came has sha256"):
        ensure([jar], tmp_path, report=print, fetch=fetch_changed)

    assert list((tmp_path / "jars").iterdir()) == []


def test_damaged_jar_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    content = b"what was locked"
    jar = Jar("org.example:tool:1.0", sha256(content).hexdigest())
    damaged = tmp_path / "jars" / jar.file_name
    damaged.parent.mkdir()
    damaged.write_bytes(content[:-1])

    def fetch(_: Jar, scratch: Path) -> Path:
        path = scratch / "tool.jar"
        path.write_bytes(content)
        return path

    (path,) = ensure([jar], tmp_path, report=print, fetch=fetch)

    assert path == damaged
    assert path.read_bytes() == content


def test_program_installed_without_its_executable_bit_is_copied_with_it(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "redis-server"
    installed.parent.mkdir()
    installed.write_text("#!/bin/sh\nexit 7\n")
    installed.chmod(0o444)

    program = executable(installed, tmp_path / "cache")

    assert subprocess.run([program], check=False).returncode == 7
    assert executable(installed, tmp_path / "cache") == program


def test_lock_names_each_artifact_once_with_a_sha256() -> None:
    jars = read_lock()

    assert len({jar.coordinate.rpartition(":")[0] for jar in jars}) == len(jars)
    assert {len(bytes.fromhex(jar.sha256)) for jar in jars} == {32}
    assert any(jar.coordinate == "org.apache.kafka:kafka_2.13:4.1.0" for jar in jars)


@pytest.mark.parametrize(
    "platform",
    [Platform("darwin", "arm64"), Platform("linux", "aarch64"), Platform("win32", "AMD64")],
)
def test_platform_without_programs_is_named_and_pointed_elsewhere(platform: Platform) -> None:
    with pytest.raises(UnsupportedPlatform) as caught:
        require_support(platform)

    message = str(caught.value)
    assert f"{platform.system} {platform.machine}" in message
    assert "docker compose up" in message
    assert "HUMAN_MEMORY_KAFKA" in message


def test_up_stops_both_on_sigterm(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "data")
    command = [sys.executable, "-m", "stack", "up", "--data", str(stack.data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith(b"kafka ")
        started = processes(stack)

        os.kill(starter.pid, signal.SIGTERM)
        starter.wait()

    assert starter.returncode == 0
    assert all_gone(started)
