"""Replies that are held back until reads show what they tell of."""

from collections.abc import Callable

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from schemas.replies import Reply, error_reply
from services.common.background import Background
from services.common.envelope import Envelope, Replier, ReplyAddress
from services.readside.visibility import Waits

DRAIN_SECONDS_MAX = 5.0


class VisibleReplies:
    """Sends replies later, beside the batches: none of them waits for the fold."""

    def __init__(self, replier: Replier, waits: Waits, *, now_ms: Callable[[], int]) -> None:
        self._replier = replier
        self._waits = waits
        self._now_ms = now_ms
        self._background = Background()

    def deadline(self, envelope: Envelope) -> Deadline | None:
        """The deadline of a reply that is to be held back; raises Rejected for odd headers."""
        return envelope.deadline(self._now_ms()) if envelope.waits else None

    def send(self, address: ReplyAddress, reply: Reply, deadline: Deadline) -> None:
        """Send the reply to a write once it is visible, or before the deadline that it is not."""
        self._background.start(self._send(address, reply, deadline))

    async def drain(self) -> None:
        """Wait for what is under way, a few seconds at most."""
        await self._background.drain(DRAIN_SECONDS_MAX)

    async def _send(self, address: ReplyAddress, reply: Reply, deadline: Deadline) -> None:
        assert reply.position is not None
        try:
            await self._waits.visible(reply.position, deadline)
        except Unavailable as error:
            reply = error_reply(error)
        await self._replier.send([(address, reply)])
