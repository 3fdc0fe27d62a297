"""The parts that endpoints work with, from the start of the gateway to its end."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from human_memory.bus.bus import Bus
from services.gateway.event_feed import Followers
from services.gateway.idempotency_cache import KeptReplies
from services.gateway.readiness import Probes
from services.gateway.settings import GatewaySettings
from services.gateway.shared_stats import SharedStats


@dataclass(frozen=True)
class Parts:
    """One of each, connected."""

    settings: GatewaySettings
    bus: Bus
    kept: KeptReplies
    followers: Followers
    stats: SharedStats
    probes: Probes


async def parts_of(connection: HTTPConnection) -> Parts:
    """A dependency: the parts of the gateway that serves a request."""
    return cast("Parts", connection.app.state.parts)
