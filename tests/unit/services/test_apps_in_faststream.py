"""The services as FastStream's own tools see them: its documents, its broker for tests."""

from typing import Any

import pytest
from faststream.asgi import AsgiFastStream
from faststream.kafka import KafkaBroker, TestKafkaBroker
from prometheus_client import REGISTRY

from schemas.catalogue import GUIDES
from schemas.codec import encode
from schemas.generate import SERVICES, specification_of
from schemas.queries import Ping
from schemas.topics import EVENTS, INBOX, MAINTENANCE, QUERIES, Topic
from services.ingest.app import build as build_ingest
from services.ingest.settings import IngestSettings
from services.maintenance.app import build as build_maintenance
from services.maintenance.settings import MaintenanceSettings
from services.projection.app import build as build_projection
from services.projection.settings import ProjectionSettings
from services.retrieval.app import build as build_retrieval
from services.retrieval.settings import RetrievalSettings
from tests.builders import NAMESPACE
from tests.polling import eventually

READS = {"ingest": INBOX, "projection": EVENTS, "retrieval": QUERIES, "maintenance": MAINTENANCE}
NOT_UTF8 = b"\xff{"


@pytest.mark.parametrize("service", SERVICES)
def test_document_of_a_service_has_every_message_it_reads(service: str) -> None:
    (guide,) = (each for each in GUIDES if each.topic is READS[service])
    models = {name.rpartition("/")[2] for name in references_of(guide.union.json_schema())}

    document = specification_of(service)

    assert models
    assert models <= document["components"]["schemas"].keys()


def references_of(schema: dict[str, Any]) -> list[str]:
    """The messages that a union is of."""
    return [each["$ref"] for each in schema["oneOf"]]


def apps() -> list[Any]:
    """Each service that reads the bus, and what it reads."""
    return [
        pytest.param(build_ingest(IngestSettings()), INBOX, id="ingest"),
        pytest.param(build_projection(ProjectionSettings()), EVENTS, id="projection"),
        pytest.param(build_retrieval(RetrievalSettings()), QUERIES, id="retrieval"),
        pytest.param(build_maintenance(MaintenanceSettings()), MAINTENANCE, id="maintenance"),
    ]


@pytest.mark.parametrize(("app", "topic"), apps())
async def test_broker_for_tests_gives_a_handler_records_as_they_were_sent(
    app: AsgiFastStream, topic: Topic
) -> None:
    broker = broker_of(app)
    (subscriber,) = broker.subscribers
    async with TestKafkaBroker(broker):
        await broker.publish(NOT_UTF8, topic.name, key=b"acme", headers={"wait": "visible"})

        ((records,), _) = subscriber.calls[0].handler.mock.call_args

    (record,) = records
    assert (record.topic, record.key, record.value) == (topic.name, b"acme", NOT_UTF8)
    assert dict(record.headers)["wait"] == b"visible"


def broker_of(app: AsgiFastStream) -> KafkaBroker:
    """The one that reads the bus."""
    (broker,) = app.brokers
    assert isinstance(broker, KafkaBroker)
    return broker


async def test_broker_for_tests_has_a_query_answered() -> None:
    app = build_retrieval(RetrievalSettings())
    answered = pings()

    async with TestKafkaBroker(broker_of(app)) as broker:
        await broker.publish(encode(Ping(namespace=NAMESPACE)), QUERIES.name)
        await eventually(lambda: pings() > answered, seconds=20)

    assert pings() == answered + 1


def pings() -> float:
    """How many were answered in this process."""
    return REGISTRY.get_sample_value("human_memory_query_seconds_count", {"type": "ping"}) or 0.0
