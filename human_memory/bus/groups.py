"""Whether a service is there at all: its consumer group has members, or not."""

from aiokafka.admin import AIOKafkaAdminClient

from human_memory.bus.errors import kafka_trouble
from human_memory.bus.services import group_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable

TIMEOUT_MS = 5_000
_MEMBERS = 5  # in Kafka's description of a group


async def require_service(settings: KafkaSettings, service: str) -> None:
    """Return if someone of `service` reads the bus.

    A command to a service that nobody runs would be waited for until its deadline.

    Raises:
        Unavailable: nobody does, or Kafka does not answer.
    """
    group = group_of(settings, service)
    admin = AIOKafkaAdminClient(**settings.connection_arguments(), request_timeout_ms=TIMEOUT_MS)
    with kafka_trouble(settings, f"looking for {service}"):
        try:
            await admin.start()
            (answer,) = await admin.describe_consumer_groups([group])
        finally:
            await admin.close()
    (described,) = answer.groups
    if not described[_MEMBERS]:
        raise Unavailable(
            f"no {service} service is running; start it with human-memory up, or "
            f"python -m services.run {service}"
        )
