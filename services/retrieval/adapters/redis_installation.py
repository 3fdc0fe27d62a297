"""Reads of the live builds of all partitions in Redis, and of a namespace's parameters."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from services.readside.collections import PARAMETERS, counted_now, reads_of_counts
from services.readside.layout import Control, Layout, Status, rebuilding_key
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import InForce, unpack_parameters
from services.retrieval.ports import BuildState, Position


class RedisInstallationReader:
    """`InstallationReader` on the live builds."""

    def __init__(self, build: LiveBuild, *, partitions: int) -> None:
        self._build = build
        self._partitions = range(partitions)

    async def parameters(self, namespace: str) -> tuple[Position, InForce]:
        partition = self._build.partition(namespace)
        cursor, (packed,) = await self._build.read(
            partition, lambda layout: [["GET", PARAMETERS.key(layout, namespace)]]
        )
        return position_of(partition, cursor), unpack_parameters(packed)

    async def namespaces(self) -> list[str]:
        found = await asyncio.gather(*map(self._named, self._partitions))
        return [name for some in found for name in some]

    async def counts(self, names: Sequence[str], now_ms: int) -> dict[str, dict[Status, int]]:
        by_partition: dict[int, list[str]] = defaultdict(list)
        for name in names:
            by_partition[self._build.partition(name)].append(name)
        counted = await asyncio.gather(
            *(self._counted(partition, some, now_ms) for partition, some in by_partition.items())
        )
        return {name: counts for some in counted for name, counts in some.items()}

    async def builds(self) -> list[BuildState]:
        return await asyncio.gather(*map(self._state, self._partitions))

    async def _named(self, partition: int) -> list[str]:
        _, (names,) = await self._build.read(
            partition, lambda layout: [["SMEMBERS", layout.namespaces]]
        )
        return [name.decode() for name in names]

    async def _counted(
        self, partition: int, names: list[str], now_ms: int
    ) -> dict[str, dict[Status, int]]:
        _, rows = await self._build.read(
            partition,
            lambda layout: [
                each for name in names for each in reads_of_counts(layout, name, now_ms)
            ],
            atomic=True,
        )
        return {
            name: counted_now(*row)
            for name, row in zip(names, zip(rows[::2], rows[1::2], strict=True), strict=True)
        }

    async def _state(self, partition: int) -> BuildState:
        def queue(layout: Layout) -> Commands:
            control = Control(layout.prefix, partition)
            return [
                ["GET", control.next],
                ["GET", control.target],
                ["EXISTS", rebuilding_key(layout.prefix)],
            ]

        folded, (mark, target, rebuilding) = await self._build.read(
            partition, queue, answering=False
        )
        version = self._build.version(partition)
        beside = None
        if mark is not None and (next_version := int(mark.split()[0])) != version:
            _, (events,) = await self._build.read(
                partition,
                lambda layout: [["GET", Layout(layout.prefix, next_version, partition).cursor]],
                answering=False,
            )
            beside = None if events is None else (next_version, int(events))
        return BuildState(
            partition=partition,
            version=version,
            folded=folded,
            target=int(target or 0),
            beside=beside,
            rebuilding=bool(rebuilding),
        )
