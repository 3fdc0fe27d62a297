"""Questions about the installation as a whole, and about a namespace's parameters."""

import asyncio
from collections import defaultdict

from schemas.installation import (
    NamespaceCounts,
    NamespacesResult,
    ParametersResult,
    RebuildPartition,
    RebuildResult,
)
from schemas.parameters import Parameters
from schemas.queries import Namespaces, ParametersQuery, RebuildQuery
from schemas.replies import Reply
from services.readside.layout import STATUSES, Control, Layout, rebuilding_key
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import unpack_parameters

_DEFAULTS = Parameters()


class InstallationQueries:
    """Answers `parameters`, `namespaces` and `rebuild`."""

    def __init__(self, build: LiveBuild, *, partitions: int) -> None:
        self._build = build
        self._partitions = range(partitions)

    async def parameters(self, query: ParametersQuery) -> Reply:
        """What holds in a namespace, set or by default."""
        partition = self._build.partition(query.namespace)
        cursor, (packed,) = await self._build.read(
            partition, lambda layout: [["GET", layout.parameters(query.namespace)]]
        )
        given = unpack_parameters(packed).model_dump(include=set(Parameters.model_fields))
        changed = [name for name, value in given.items() if value != getattr(_DEFAULTS, name)]
        result = ParametersResult(parameters=Parameters(**given), changed=sorted(changed))
        return Reply(result=result.model_dump(mode="json"), position=position_of(partition, cursor))

    async def namespaces(self, query: Namespaces) -> Reply:
        """A page of all namespaces by name, with their counts."""
        named = await asyncio.gather(*map(self._named, self._partitions))
        names = sorted(
            name for some in named for name in some if name.startswith(query.prefix or "")
        )
        after = [name for name in names if query.cursor is None or name > query.cursor]
        page = after[: query.limit]
        by_partition: dict[int, list[str]] = defaultdict(list)
        for name in page:
            by_partition[self._build.partition(name)].append(name)
        counted = await asyncio.gather(
            *(self._counted(partition, some) for partition, some in by_partition.items())
        )
        counts = {each.namespace: each for some in counted for each in some}
        result = NamespacesResult(
            namespaces=[counts[name] for name in page],
            total=len(names),
            next_cursor=page[-1] if len(after) > len(page) else None,
        )
        return Reply(result=result.model_dump(mode="json"))

    async def rebuild(self, query: RebuildQuery) -> Reply:
        """How far the build is that is being made, of all partitions."""
        found = await asyncio.gather(*map(self._rebuilt, self._partitions))
        partitions = [each for each, _ in found]
        # What has been switched already is done; without a build beside, only a loss is made good.
        beside = any(each.next_folded is not None for each in partitions)
        goals = [each.folded if beside else each.target for each in partitions]
        done = [
            each.folded if each.next_folded is None else each.next_folded for each in partitions
        ]
        result = RebuildResult(
            running=any(running for _, running in found),
            folded=sum(map(min, done, goals)),
            total=sum(goals),
            partitions=partitions,
        )
        return Reply(result=result.model_dump(mode="json"))

    async def _named(self, partition: int) -> list[str]:
        _, (names,) = await self._build.read(
            partition, lambda layout: [["SMEMBERS", layout.namespaces]]
        )
        return [name.decode() for name in names]

    async def _counted(self, partition: int, names: list[str]) -> list[NamespaceCounts]:
        _, rows = await self._build.read(
            partition,
            lambda layout: [["HMGET", layout.counts(name), *STATUSES] for name in names],
        )
        return [
            NamespaceCounts(
                namespace=name,
                total=sum(int(count or 0) for count in row),
                **{status: int(count or 0) for status, count in zip(STATUSES, row, strict=True)},
            )
            for name, row in zip(names, rows, strict=True)
        ]

    async def _rebuilt(self, partition: int) -> tuple[RebuildPartition, bool]:
        def queue(layout: Layout) -> Commands:
            beside = Layout(layout.prefix, layout.version + 1, partition)
            control = Control(layout.prefix, partition)
            return [
                ["GET", beside.cursor],
                ["GET", control.target],
                ["EXISTS", rebuilding_key(layout.prefix)],
            ]

        folded, (beside, target, running) = await self._build.read(
            partition, queue, answering=False
        )
        version = self._build.version(partition)
        state = RebuildPartition(
            partition=partition,
            version=version,
            folded=folded,
            target=int(target or 0),
            next_version=None if beside is None else version + 1,
            next_folded=None if beside is None else int(beside),
        )
        return state, bool(running) or folded < state.target
