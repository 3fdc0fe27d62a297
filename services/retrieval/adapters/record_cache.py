"""Decoded records, kept as long as Redis says that they have not changed.

Reading and decoding four hundred records costs more than all the rest of a search, and from one
search to the next a handful of them change. Each read of a namespace therefore asks Redis, beside
its own question, which memories changed since the last one; only those are read again. So answers
come from Redis as it is, never from an older state.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.retrieval.memories import Row

# About 2.5 kB each.
RECORDS_MAX = 200_000
Key = tuple[int, int, str]  # partition, build version, namespace


@dataclass(slots=True)
class NamespaceRecords:
    """What is known of a namespace as of the cursor `revision`.

    `members`: all its memories, as long as they are so few that they are always read whole.
    """

    revision: int | None = None
    members: dict[str, None] | None = None
    rows: dict[str, Row] = field(default_factory=dict)

    def advance(self, cursor: int, changed: Iterable[str]) -> None:
        """Forget what has changed up to `cursor`."""
        for name in changed:
            self.rows.pop(name, None)
            if self.members is not None:
                self.members[name] = None
        self.revision = max(cursor, self.revision or 0)

    def keep(self, cursor: int, found: dict[str, Row]) -> None:
        """Keep rows that were read at `cursor`, unless something may have changed since."""
        if self.revision is not None and cursor >= self.revision:
            self.rows |= found


class RecordCache:
    """Records by namespace; those of the namespaces asked least lately are dropped."""

    def __init__(self, records_max: int = RECORDS_MAX) -> None:
        self._records_max = records_max
        self._namespaces: OrderedDict[Key, NamespaceRecords] = OrderedDict()

    def namespace(self, key: Key) -> NamespaceRecords:
        """The records of a namespace, nothing at first."""
        records = self._namespaces.setdefault(key, NamespaceRecords())
        self._namespaces.move_to_end(key)
        return records

    def forget(self, key: Key) -> None:
        """Begin anew, after Redis fell back."""
        self._namespaces.pop(key, None)

    def trim(self) -> None:
        """Drop whole namespaces until the rest is small enough."""
        held = sum(len(each.rows) for each in self._namespaces.values())
        while held > self._records_max and self._namespaces:
            _, dropped = self._namespaces.popitem(last=False)
            held -= len(dropped.rows)
