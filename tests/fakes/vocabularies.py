"""The vocabularies port in memory: names that ingest has learnt itself, and no read side."""

from collections import defaultdict
from collections.abc import Iterable

from services.ingest.vocabulary import Vocabulary


class MemoryVocabularies:
    """`Vocabularies` on a dict."""

    def __init__(self) -> None:
        self._known: defaultdict[str, Vocabulary] = defaultdict(Vocabulary)

    async def of(self, namespaces: Iterable[str]) -> dict[str, Vocabulary]:
        return {name: self._known[name] for name in namespaces}

    def learn(self, namespace: str, name: str, aliases: tuple[str, ...], offset: int) -> None:
        self._known[namespace].learn(name, aliases)
