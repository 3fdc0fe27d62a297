"""The tables of the namespaces that are asked about, and how current each is."""

from collections import OrderedDict
from dataclasses import dataclass, field

from services.retrieval.search.column_cache import Table

# About 3 kB each.
ROWS_MAX = 200_000
TABLES_MAX = 10_000
Key = tuple[int, int, str]  # partition, build version, namespace


@dataclass(slots=True)
class Held:
    """A table as of the cursor `revision`.

    `members`: all memories of the namespace, unless they are too many to be held whole (None), and
    `unread` those of them whose rows are missing or have changed. `small`: whether few of them are
    not deleted, as far as it is known. `expected`: memories that are about to change, as their use
    has just been recorded, and at which offset.
    """

    table: Table
    revision: int | None = None
    members: dict[str, None] | None = None
    unread: dict[str, None] = field(default_factory=dict)
    small: bool = False
    expected: dict[str, int] = field(default_factory=dict)

    def advance(self, cursor: int, changed: list[str], *, few: int) -> None:
        """Learn what has changed up to `cursor`; the first time, what there is (`few` at most)."""
        if self.revision is None and len(changed) < few:
            self.members = {}
        self.table.stale(changed)
        if self.members is not None:
            self.members |= dict.fromkeys(changed)
            self.unread |= dict.fromkeys(changed)
            if len(self.members) >= few:
                self.members = None
                self.unread.clear()
        self.revision = max(cursor, self.revision or 0)


class Tables:
    """Tables by namespace; those of the namespaces asked least lately are dropped."""

    def __init__(self, dimension: int, *, rows_max: int = ROWS_MAX) -> None:
        self._dimension = dimension
        self._rows_max = rows_max
        self._held: OrderedDict[Key, Held] = OrderedDict()

    def of(self, key: Key) -> Held:
        """The table of a namespace, empty at first."""
        if key not in self._held:
            self._held[key] = Held(Table(self._dimension))
        self._held.move_to_end(key)
        return self._held[key]

    def forget(self, key: Key) -> None:
        """Begin anew, after Redis fell back."""
        self._held.pop(key, None)

    def trim(self) -> None:
        """Drop whole namespaces until the rest is small enough."""
        rows = sum(held.table.room for held in self._held.values())
        while rows > self._rows_max or len(self._held) > TABLES_MAX:
            _, dropped = self._held.popitem(last=False)
            rows -= dropped.table.room
