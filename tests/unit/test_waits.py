"""No wait without a limit: clients of Kafka and Redis are made in one place, which sets it."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer

from human_memory.bus.consumer import LogConsumer
from services.common.broker import PatientConsumer, make_broker
from services.common.ownership import Ownership
from services.common.settings import ServiceSettings
from services.common.wiring import Service
from tests.unit.test_house_rules import PACKAGES, called_name, python_files

# Who makes a client bounds what it does; everybody else uses that.
MAKERS = {
    "AIOKafkaAdminClient": {"human_memory/bus/admin.py"},
    "AIOKafkaClient": {"human_memory/bus/probing.py"},
    "AIOKafkaConsumer": set(),  # LogConsumer is one
    "AIOKafkaProducer": {"human_memory/bus/producer.py"},
    "BlockingConnectionPool": set(),
    "ConnectionPool": set(),
    "LogConsumer": {"human_memory/bus/consuming.py"},
    "KafkaBroker": set(),  # MemoryBroker is one
    "MemoryBroker": {"services/common/broker.py"},
    "Redis": {"stack/redis_server.py"},
    "create_conn": set(),
    "from_pool": {"services/common/redis.py"},
    "from_url": {"services/common/redis.py", "human_memory/cli/status.py"},
}
# It waits for the next record, however long there is none.
NOT_USED = {"getone"}
# Waits that may last, and what ends them.
ENDED_OTHERWISE = {
    "human_memory/_client/kafka.py: self._end.wait()": "the client, when it is closed or collected",
    "human_memory/_client/kafka.py: asyncio.wait({starting})": "close(), which gives it up in time",
    "human_memory/_client/http.py: self._clients.get()": "nothing: it makes a client, or has it",
    "human_memory/bus/producer.py: asyncio.wait([future])": "the limit of the append",
    "human_memory/bus/reply_inbox.py: asyncio.wait([reader])": "it was cancelled",
    "human_memory/bus/reply_inbox.py: self._positioned.wait()": "the deadline of the request",
    "human_memory/local/supervisor.py: thread.join()": "the limits in which children are stopped",
    "services/gateway/event_feed.py: asyncio.wait([reader])": "it was cancelled",
    "services/gateway/event_feed.py: asyncio.wait(self._work)": "the limits of start and stop",
    "services/gateway/event_feed.py: self._events.get()": "the next event, or the end of them",
    "services/gateway/streams.py: parts.followers.closing.wait()": "the websocket's end",
    "services/run.py: asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)": "a stop",
    "services/run.py: stop.wait()": "a signal",
}
BOUNDS = ("asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for")


def product() -> Iterator[tuple[str, ast.Module]]:
    """The files of the product."""
    for path, tree in python_files().items():
        if path.startswith(tuple(f"{package}/" for package in PACKAGES)):
            yield path, tree


def calls_of(name: str) -> set[str]:
    """The files of the product that call something of that name."""
    return {
        path
        for path, tree in product()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == name
    }


def endless_waits(node: ast.AST, *, bounded: bool = False, awaited: bool = False) -> Iterator[str]:
    """Waits for an event, a task, a thread or a queue that nothing around them ends in time."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        bounded = False  # it runs later
    if isinstance(node, ast.AsyncWith):
        bounded |= any(_bounds(item.context_expr) for item in node.items)
    if isinstance(node, ast.Call):
        bounded |= _bounds(node)
        if not bounded and _waits(node, awaited=awaited):
            yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from endless_waits(child, bounded=bounded, awaited=isinstance(node, ast.Await))


def _bounds(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in BOUNDS


def _waits(call: ast.Call, *, awaited: bool) -> bool:
    if ast.unparse(call.func) == "asyncio.wait":
        return not any(keyword.arg == "timeout" for keyword in call.keywords)
    method = isinstance(call.func, ast.Attribute) and not (call.args or call.keywords)
    return method and called_name(call) in ("join", "wait", *(["get"] if awaited else []))


@pytest.mark.parametrize("client", MAKERS)
def test_clients_of_kafka_and_redis_are_made_in_one_place(client: str) -> None:
    assert calls_of(client) <= MAKERS[client]


@pytest.mark.parametrize("method", sorted(NOT_USED))
def test_methods_that_wait_for_ever_are_not_used(method: str) -> None:
    assert calls_of(method) == set()


def test_waits_for_tasks_and_events_end() -> None:
    found = {f"{path}: {wait}" for path, tree in product() for wait in endless_waits(tree)}

    assert found - ENDED_OTHERWISE.keys() == set(), "give it a timeout, or say here what ends it"
    assert ENDED_OTHERWISE.keys() - found == set(), "it is not there any more"


@pytest.mark.parametrize(
    ("source", "endless"),
    [
        ("await asyncio.wait([task])", True),
        ("await asyncio.wait([task], timeout=1)", False),
        ("await event.wait()", True),
        ("asyncio.create_task(event.wait())", True),
        ("await asyncio.wait_for(event.wait(), 1)", False),
        ("async with lock, asyncio.timeout(1):\n    await event.wait()", False),
        ("async with asyncio.timeout(1):\n    async def f(): await event.wait()", True),
        ("async with lock:\n    await event.wait()", True),
        ("event.wait(1)", False),
        ("thread.join()", True),
        ("queue.join()", True),
        ("thread.join(1)", False),
        ("', '.join(names)", False),
        ("await queue.get()", True),
        ("await cache.get(name)", False),
        ("variable.get()", False),
    ],
)
def test_wait_without_an_end_is_found(source: str, endless: bool) -> None:
    assert bool(list(endless_waits(ast.parse(source)))) is endless


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


async def test_broker_makes_no_clients_but_consumers() -> None:
    broker = make_broker(ServiceSettings(kafka="127.0.0.1:1"), service="ingest")

    await broker.connect()  # with Kafka away: those that FastStream makes for itself would fail

    assert cast("Any", broker.config.broker_config.builder).func is PatientConsumer
    await broker.stop()


def test_service_has_one_consumer_and_its_watch() -> None:
    service = Service("ingest", ServiceSettings())
    subscriber = service.broker.subscriber("one")
    service.reads(subscriber, _nothing, ownership=Ownership())

    with pytest.raises(AssertionError, match="one subscriber"):
        service.reads(service.broker.subscriber("two"), _nothing, ownership=Ownership())


async def _nothing(_: object) -> None:
    """A handler."""
