"""Equal memories: what is stored again can strengthen the memory that says it already."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from schemas.inbox import Correct, DeleteNamespace, Forget, InboxMessage, Restore, Store
from services.ingest.domain import Equal
from services.readside.documents import Said, said_by

# Between an append and the moment when reads show it lie some hundreds, and a second at most. After
# a minute reads decide alone: they know what maintenance and other members of the group have done.
LATELY_MAX = 10_000
LATELY_SECONDS = 60.0
Ref = tuple[str, UUID]
K = TypeVar("K")
V = TypeVar("V")


class _Recent(Generic[K, V]):
    """A dict that forgets what is old, and the oldest of too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def get(self, key: K) -> V | None:
        value, at = self._held.get(key, (None, 0.0))
        return value if self._clock() - at < LATELY_SECONDS else None

    def put(self, key: K, value: V) -> None:
        self._held.pop(key, None)
        self._held[key] = (value, self._clock())
        if len(self._held) > LATELY_MAX:
            self._held.popitem(last=False)

    def drop(self, key: K) -> None:
        self._held.pop(key, None)

    def drop_all(self, are_meant: Callable[[K], bool]) -> None:
        for key in [each for each in self._held if are_meant(each)]:
            del self._held[key]


class Lately:
    """The memories stored, forgotten and corrected lately, and the namespaces deleted, which reads
    may not show yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._equal: _Recent[tuple[str, Said], Equal] = _Recent(clock)
        self._said: _Recent[Ref, tuple[str, Said]] = _Recent(clock)
        self._gone: _Recent[Ref, bool] = _Recent(clock)
        self._emptied: _Recent[str, bool] = _Recent(clock)

    def equal_of(self, store: Store, cause: UUID, shown: Equal | None) -> Equal | None:
        """The memory to strengthen: one stored lately, or as reads show it, but never itself."""
        for equal in (self._equal.get(_key(store)), shown):
            if equal is None or equal.memory_id == cause:
                continue
            if not self._is_gone((store.namespace, equal.memory_id)):
                return equal
        return None

    def _is_gone(self, ref: Ref) -> bool:
        # Of what is in a namespace that was deleted lately, only what was stored since is there.
        return bool(self._gone.get(ref) or (self._emptied.get(ref[0]) and not self._said.get(ref)))

    def stored(self, store: Store, equal: Equal) -> None:
        """A memory says this now."""
        self._equal.put(_key(store), equal)
        self._said.put((store.namespace, equal.memory_id), _key(store))

    def changed(self, command: InboxMessage) -> None:
        """A memory is forgotten or brought back, says something else, or may expire; or all go."""
        if isinstance(command, DeleteNamespace):
            self._emptied.put(command.namespace, True)
            self._equal.drop_all(lambda key: key[0] == command.namespace)
            self._said.drop_all(lambda ref: ref[0] == command.namespace)
        if isinstance(command, Restore):
            self._gone.drop((command.namespace, command.memory_id))
        if isinstance(command, Forget) or (isinstance(command, Correct) and _is_another(command)):
            ref = (command.namespace, command.memory_id)
            self._gone.put(ref, True)
            if (said := self._said.get(ref)) is not None:
                self._equal.drop(said)


def _is_another(command: Correct) -> bool:
    return command.reversed or (command.content, command.expires_at) != (None, None)


def _key(store: Store) -> tuple[str, Said]:
    return store.namespace, said_by(store.content, store.speaker, store.memory_type)
