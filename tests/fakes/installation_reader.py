"""The reads of a whole installation in memory. It passes the port's contract."""

from collections.abc import Sequence

from services.readside.layout import Status
from services.readside.parameters import InForce
from services.retrieval.ports import BuildState, Position
from tests.fakes.folded_side import FoldedSide, counts_of


class FoldedInstallationReader:
    """`InstallationReader` on the folds of some partitions; a namespace is where its memories are.

    One that has no memories counts as the first partition's.
    """

    def __init__(self, *sides: FoldedSide) -> None:
        self._sides = sides

    async def parameters(self, namespace: str) -> tuple[Position, InForce]:
        side = self._side(namespace)

        def known() -> tuple[Position, InForce]:
            parameters = side.view.namespace(namespace).parameters
            assert isinstance(parameters, InForce)
            return side.position, parameters

        return await side.read(known)

    async def namespaces(self) -> list[str]:
        return [name for side in self._sides for name in side.view.touched]

    async def counts(self, names: Sequence[str], now_ms: int) -> dict[str, dict[Status, int]]:
        return {name: counts_of(self._side(name).view, name, now_ms) for name in names}

    async def builds(self) -> list[BuildState]:
        is_rebuilt = any(side.beside is not None for side in self._sides)
        return [
            BuildState(
                partition=number,
                version=side.live,
                folded=side.cursor,
                target=side.target,
                beside=side.beside,
                rebuilding=is_rebuilt,
            )
            for number, side in enumerate(self._sides)
        ]

    def _side(self, namespace: str) -> FoldedSide:
        there = [side for side in self._sides if namespace in side.view.touched]
        return there[0] if there else self._sides[0]
