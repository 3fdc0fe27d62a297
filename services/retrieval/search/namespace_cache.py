"""The memories of the namespaces that are asked about, and how current each cache is."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from services.retrieval.ports import Place
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.plan import Bounds


@dataclass(slots=True)
class CachedNamespace:
    """A namespace's memories as of the cursor `revision`.

    `members`: all its memories, unless they are too many to be cached whole (None), and `unread`
    those of them whose rows are missing or have changed. `small`: whether few of them are not
    deleted, as far as it is known. `expected`: memories that are about to change, as their use has
    just been recorded, and at which offset.
    """

    columns: ColumnCache
    revision: int | None = None
    members: dict[str, None] | None = None
    unread: dict[str, None] = field(default_factory=dict)
    small: bool = False
    expected: dict[str, int] = field(default_factory=dict)

    def advance(self, cursor: int, changed: list[str], *, few: int) -> None:
        """Learn what has changed up to `cursor`; the first time, what there is (`few` at most)."""
        if self.revision is not None and cursor <= self.revision:
            return
        if self.revision is None and len(changed) < few:
            self.members = {}
        self.columns.stale(changed)
        if self.members is not None:
            self.members |= dict.fromkeys(changed)
            self.unread |= dict.fromkeys(changed)
            if len(self.members) >= few:
                self.members = None
                self.unread.clear()
        self.revision = cursor

    def put(self, records: Mapping[str, bytes | None], *, at: int) -> None:
        """Take records read at a cursor; None for one that is not there."""
        found = {name: record for name, record in records.items() if record is not None}
        # What was read before a change that another search knows of is good for us, not for others.
        fresh = self.revision is not None and at >= self.revision
        self.columns.put(found, at=at, fresh=fresh)

    def strike_read(self) -> None:
        """Take those that have been read off `unread`."""
        self.unread = dict.fromkeys(self.columns.missing(self.unread))

    def expect(self, names: Iterable[str], offset: int, *, most: int) -> None:
        """Note that these memories change at an offset; `most` are kept, the latest."""
        self.expected |= dict.fromkeys(names, offset)
        for name in list(islice(self.expected, max(0, len(self.expected) - most))):
            del self.expected[name]

    def strike_expected(self, names: Iterable[str], cursor: int) -> None:
        """Expect those of `names` no longer whose change came before a cursor."""
        for name in names:
            if self.expected.get(name, cursor) < cursor:
                del self.expected[name]


class NamespaceCache:
    """Cached namespaces by place; those that are asked about least lately are dropped."""

    def __init__(self, dimension: int, bounds: Bounds) -> None:
        self._dimension = dimension
        self._bounds = bounds
        self._cached: OrderedDict[Place, CachedNamespace] = OrderedDict()

    def of(self, place: Place) -> CachedNamespace:
        """A namespace as it is cached; empty at first."""
        if place not in self._cached:
            self._cached[place] = CachedNamespace(ColumnCache(self._dimension))
        self._cached.move_to_end(place)
        return self._cached[place]

    def forget(self, place: Place) -> None:
        """Begin anew, after Redis fell back."""
        self._cached.pop(place, None)

    def trim(self) -> None:
        """Drop whole namespaces until the rest is small enough."""
        rows = sum(cached.columns.room for cached in self._cached.values())
        while rows > self._bounds.rows or len(self._cached) > self._bounds.namespaces:
            _, dropped = self._cached.popitem(last=False)
            rows -= dropped.columns.room
