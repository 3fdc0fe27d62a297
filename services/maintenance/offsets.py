"""Offsets that may be committed while commands end in another order than they came."""

from collections import defaultdict

from aiokafka import TopicPartition


class Offsets:
    """Offsets taken up and not done yet, by partition."""

    def __init__(self) -> None:
        self._pending: defaultdict[TopicPartition, set[int]] = defaultdict(set)
        self._next: dict[TopicPartition, int] = {}

    def clear(self) -> None:
        """The partitions have moved."""
        self._pending.clear()
        self._next.clear()

    def take(self, tp: TopicPartition, offset: int) -> bool:
        """Take a record up; False if that has been done."""
        if offset < self._next.get(tp, 0):
            return False
        self._pending[tp].add(offset)
        self._next[tp] = offset + 1
        return True

    def done(self, tp: TopicPartition, offset: int) -> dict[TopicPartition, int]:
        """A record is done; what may be committed now: nothing before it is pending."""
        pending = self._pending[tp]
        pending.discard(offset)
        return {tp: min(pending, default=self._next.get(tp, offset + 1))}
