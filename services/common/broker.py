"""FastStream's broker as all services use it: raw records in, nothing created by itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from prometheus_client import REGISTRY

from human_memory.bus.consumer import LogConsumer
from services.common.ownership import Ownership
from services.common.records import Records
from services.common.settings import ServiceSettings

_SASL = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}
# How long a poll waits for the first record.
POLL_MS = 500
# FastStream sleeps as long as its own poll time after each poll that found nothing.
PAUSE_MS = 1
# Longer than a batch takes to process, and no longer than a partition that is stopped may keep the
# others waiting, once.
PREFETCH_SECONDS = 2.0
_prometheus: list[KafkaPrometheusMiddleware] = []


class PatientConsumer(LogConsumer):
    """A consumer whose polls wait for the first record.

    FastStream's batch subscriber polls for `batch_timeout_ms` and, if there was nothing, sleeps as
    long again: a short time burns the processor while idle, a long one delays the next record by
    half of it. Waiting inside the poll costs nothing and ends with the record.

    While records lie unread aiokafka asks for those of the other partitions after .1 s, and as
    these are idle, the answer takes half a second, in which nobody can ask for more of the busy
    one: 64 searches in flight came to 99 a second, with half of a processor idle.
    """

    async def start(self) -> None:
        """As aiokafka's."""
        await super().start()
        self._fetcher._prefetch_backoff = PREFETCH_SECONDS  # there is no public way

    def subscribe(self, topics: Any = (), pattern: str | None = None, listener: Any = None) -> None:
        """As aiokafka's, whose listeners are not told whose partitions they hear of."""
        if isinstance(listener, Ownership):
            listener.consumer = self
        super().subscribe(topics=topics, pattern=pattern, listener=listener)

    async def getmany(
        self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None
    ) -> Any:
        """As the consumer's, with a `timeout_ms` of at least POLL_MS."""
        return await super().getmany(
            *partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records
        )


class MemoryBroker(KafkaBroker):
    """FastStream's broker with patient consumers."""

    async def _connect(self) -> Callable[..., LogConsumer]:
        await super()._connect()
        config = self.config.broker_config
        config.builder = partial(PatientConsumer, **config.builder.keywords)  # type: ignore[attr-defined] # it is a partial
        return config.builder


def make_broker(settings: ServiceSettings, *, service: str) -> KafkaBroker:
    """A broker that is not connected yet.

    Its handlers get raw records and its messages are never acknowledged by FastStream: what is
    committed when is each subscriber's own decision.
    """
    if not _prometheus:  # one registry per process, whatever services it runs
        _prometheus.append(KafkaPrometheusMiddleware(registry=REGISTRY, app_name="human-memory"))
    return MemoryBroker(
        settings.kafka,
        security=_security(settings),
        client_id=f"human-memory-{service}",
        allow_auto_create_topics=False,
        consumer_only=True,  # its own producer and admin client have no limits, and no use here
        # Handlers take records: the type they are annotated with is for the documents only.
        apply_types=False,
        parser=_raw_parser,
        decoder=_raw_decoder,
        middlewares=_prometheus,
        logger=None,
    )


async def _raw_parser(record: Any, _: Any) -> KafkaMessage:
    """FastStream's own parser fails on headers that are not UTF-8, and would skip the record."""
    # A subscriber has a tuple, TestKafkaBroker a list or, for its own answer, a single record.
    batch: Records = tuple(record) if isinstance(record, tuple | list) else (record,)
    return KafkaMessage(
        raw_message=batch,
        body=[each.value or b"" for each in batch],
        message_id=f"{batch[0].offset}-{batch[0].timestamp}",
        consumer=FAKE_CONSUMER,
    )


async def _raw_decoder(message: KafkaMessage, _: Any) -> Any:
    return message.raw_message


def _security(settings: ServiceSettings) -> BaseSecurity | None:
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    arguments = settings.connection_arguments()
    context = arguments.get("ssl_context")
    if not settings.kafka_security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=True)
    return _SASL[settings.kafka_sasl_mechanism](
        username=arguments["sasl_plain_username"],
        password=arguments["sasl_plain_password"],
        ssl_context=context,
        use_ssl=context is not None,
    )
