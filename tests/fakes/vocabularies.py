"""The vocabularies port in memory. It passes the port's contract."""

from collections import defaultdict
from collections.abc import Iterable

from schemas.errors import Unavailable
from services.ingest.vocabulary import Vocabulary
from services.readside.collections import CLEARED, CONCEPTS, VOCABULARY
from tests.fakes.folded_side import FoldedSide


class FoldedVocabularies:
    """`Vocabularies` on a fold, and on what ingest has learnt itself."""

    def __init__(self, side: FoldedSide | None = None) -> None:
        self._side = side or FoldedSide()
        self._known: defaultdict[str, Vocabulary] = defaultdict(Vocabulary)
        self._ahead: defaultdict[str, dict[str, tuple[int, tuple[str, ...]]]] = defaultdict(dict)

    async def of(self, namespaces: Iterable[str]) -> dict[str, Vocabulary]:
        return {name: await self._of(name) for name in namespaces}

    def learn(self, namespace: str, name: str, aliases: tuple[str, ...], offset: int) -> None:
        self._known[namespace].learn(name, aliases)
        self._ahead[namespace][name] = (offset, aliases)

    async def _of(self, name: str) -> Vocabulary:
        try:
            held = await self._side.read(lambda: self._side.view.namespace(name))
        except Unavailable:
            return self._known[name]
        if self._side.cursor >= self._side.target:
            seen = max(held[each].get(None, -1) for each in (VOCABULARY, CLEARED))
            ahead = {n: each for n, each in self._ahead[name].items() if each[0] > seen}
            self._ahead[name], self._known[name] = ahead, Vocabulary()
            for concept, each in held[CONCEPTS].items():
                self._known[name].learn(concept, each.aliases)
            for concept, (_, aliases) in ahead.items():
                self._known[name].learn(concept, aliases)
        return self._known[name]
