"""FastStream's broker as all services use it: raw records in, nothing created by itself."""

from typing import Any

from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from prometheus_client import REGISTRY

from services.common.settings import ServiceSettings

_SASL = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}
_prometheus: list[KafkaPrometheusMiddleware] = []


def make_broker(settings: ServiceSettings, *, service: str) -> KafkaBroker:
    """A broker that is not connected yet.

    Its handlers get raw records and its messages are never acknowledged by FastStream: what is
    committed when is each subscriber's own decision.
    """
    if not _prometheus:  # one registry per process, whatever services it runs
        _prometheus.append(KafkaPrometheusMiddleware(registry=REGISTRY, app_name="human-memory"))
    return KafkaBroker(
        settings.kafka,
        security=_security(settings),
        client_id=f"human-memory-{service}",
        allow_auto_create_topics=False,
        # Handlers take records, not values converted to annotated types.
        apply_types=False,
        parser=_raw_parser,
        decoder=_raw_decoder,
        middlewares=_prometheus,
        logger=None,
    )


async def _raw_parser(record: Any, _: Any) -> KafkaMessage:
    """FastStream's own parser fails on headers that are not UTF-8, and would skip the record."""
    batch = record if isinstance(record, tuple) else (record,)
    bodies = [each.value or b"" for each in batch]
    return KafkaMessage(
        raw_message=record,
        body=bodies if isinstance(record, tuple) else bodies[0],
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
