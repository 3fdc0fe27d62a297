"""No wait on Kafka or Redis without a limit: clients are made in one place, which sets it."""

import ast
import inspect

import pytest
from aiokafka import AIOKafkaConsumer

from human_memory.bus.consumer import LogConsumer
from tests.unit.test_house_rules import PACKAGES, called_name, python_files

# Who makes a client bounds what it does; everybody else uses that.
MAKERS = {
    "AIOKafkaAdminClient": {"human_memory/bus/admin.py"},
    "AIOKafkaClient": {"human_memory/bus/probing.py"},
    "AIOKafkaConsumer": set(),  # LogConsumer is one
    "AIOKafkaProducer": {"human_memory/bus/producer.py"},
    "BlockingConnectionPool": set(),
    "ConnectionPool": set(),
    "Redis": {"stack/redis_server.py"},
    "create_conn": set(),
    "from_pool": {"services/common/redis.py"},
    "from_url": {"services/common/redis.py", "human_memory/cli/status.py"},
}
# It waits for the next record, however long there is none.
NOT_USED = {"getone"}


def calls_of(name: str) -> set[str]:
    """The files of the product that call something of that name."""
    return {
        path
        for path, tree in python_files().items()
        if path.startswith(tuple(f"{package}/" for package in PACKAGES))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == name
    }


@pytest.mark.parametrize("client", MAKERS)
def test_clients_of_kafka_and_redis_are_made_in_one_place(client: str) -> None:
    assert calls_of(client) <= MAKERS[client]


@pytest.mark.parametrize("method", sorted(NOT_USED))
def test_methods_that_wait_for_ever_are_not_used(method: str) -> None:
    assert calls_of(method) == set()


def test_all_that_a_consumer_asks_kafka_has_a_limit() -> None:
    asks = {
        name
        for name, method in inspect.getmembers(AIOKafkaConsumer, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }

    assert asks - NOT_USED <= set(vars(LogConsumer))


def test_every_consumer_of_a_group_is_watched() -> None:
    wired = [path for path in calls_of("subscriber") if path.startswith("services/")]

    for path in wired:
        source = ast.unparse(python_files()[path])
        assert source.count("broker.subscriber(") == source.count("service.reads("), path
    assert wired
