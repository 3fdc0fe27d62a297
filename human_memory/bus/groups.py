"""Presence of a service: its consumer group has members, or not."""

from human_memory.bus.admin import administering
from human_memory.bus.services import group_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable

SECONDS_MAX = 5.0
_MEMBERS = 5  # in Kafka's description of a group


async def require_service(settings: KafkaSettings, service: str) -> None:
    """Return if someone of `service` reads the bus.

    A command to a service that nobody runs would be waited for until its deadline.

    Raises:
        Unavailable: nobody does, or Kafka does not answer.
    """
    group = group_of(settings, service)
    doing = f"looking for {service}"
    async with administering(settings, doing, seconds=SECONDS_MAX) as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    (described,) = answer.groups
    if not described[_MEMBERS]:
        raise Unavailable(
            f"no {service} service is running; start it with human-memory up, or "
            f"python -m services.run {service}"
        )
