"""Presence of a service: its consumer group has members, or not."""

from collections.abc import Sequence

from human_memory.bus.admin import administering
from human_memory.bus.services import group_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable

SECONDS_MAX = 5.0
_MEMBERS = 5  # in Kafka's description of a group


async def members_of(settings: KafkaSettings, services: Sequence[str]) -> list[int]:
    """The number of those that read the bus for each service now.

    Raises:
        Unavailable: Kafka does not answer.
    """
    doing = f"looking for {', '.join(services)}"
    async with administering(settings, doing, seconds=SECONDS_MAX) as admin:
        counts = []
        for service in services:
            # One at a time: aiokafka leaves a part of each description unread (0.14, version 3).
            (answer,) = await admin.describe_consumer_groups([group_of(settings, service)])
            (described,) = answer.groups
            counts.append(len(described[_MEMBERS]))
    return counts


async def require_service(settings: KafkaSettings, service: str) -> None:
    """Return if someone of `service` reads the bus.

    A command to a service that nobody runs would be waited for until its deadline.

    Raises:
        Unavailable: nobody does, or Kafka does not answer.
    """
    (members,) = await members_of(settings, [service])
    if not members:
        raise Unavailable(
            f"no {service} service is running; start it with human-memory up, or "
            f"python -m services.run {service}"
        )
