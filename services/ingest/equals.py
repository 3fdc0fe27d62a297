"""Equal memories: what is stored again can strengthen the memory that says it already."""

from collections import OrderedDict
from uuid import UUID

from schemas.inbox import Correct, Forget, InboxMessage, Store
from services.ingest.domain import Equal
from services.readside.documents import Said, said_by

# Between an append and the moment when reads show it lie some hundreds at most.
LATELY_MAX = 10_000


class Lately:
    """The memories stored, forgotten and corrected lately, which reads may not show yet."""

    def __init__(self) -> None:
        self._equal: OrderedDict[tuple[str, Said], Equal] = OrderedDict()
        self._said: dict[UUID, tuple[str, Said]] = {}
        self._gone: OrderedDict[UUID, None] = OrderedDict()

    def equal_of(self, store: Store, cause: UUID, shown: Equal | None) -> Equal | None:
        """The memory to strengthen: one stored lately, or as reads show it, but never itself."""
        lately = self._equal.get(_key(store))
        if lately is not None and lately.memory_id != cause:
            return lately
        is_there = shown is not None and shown.memory_id not in self._gone
        return shown if shown is not None and is_there and shown.memory_id != cause else None

    def stored(self, store: Store, equal: Equal) -> None:
        """A memory says this now."""
        self._equal[_key(store)] = equal
        self._said[equal.memory_id] = _key(store)
        while len(self._equal) > LATELY_MAX:
            _, oldest = self._equal.popitem(last=False)
            self._said.pop(oldest.memory_id, None)

    def changed(self, command: InboxMessage) -> None:
        """A memory is forgotten, or says something else."""
        if isinstance(command, Forget | Correct):
            self._equal.pop(self._said.pop(command.memory_id, ("", ())), None)
            self._gone[command.memory_id] = None
            while len(self._gone) > LATELY_MAX:
                self._gone.popitem(last=False)


def _key(store: Store) -> tuple[str, Said]:
    return store.namespace, said_by(store.content, store.speaker, store.memory_type)
