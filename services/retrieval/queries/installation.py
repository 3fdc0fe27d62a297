"""Queries about the installation as a whole, and about a namespace's parameters."""

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
from services.retrieval.ports import InstallationReader

_DEFAULTS = Parameters()


class InstallationQueries:
    """Answers `parameters`, `namespaces` and `rebuild`."""

    def __init__(self, reader: InstallationReader) -> None:
        self._reader = reader

    async def parameters(self, query: ParametersQuery) -> Reply:
        """Answer with the parameters in force in a namespace, set or by default."""
        position, held = await self._reader.parameters(query.namespace)
        values = held.model_dump(include=set(Parameters.model_fields))
        changed = sorted(name for name in values if values[name] != getattr(_DEFAULTS, name))
        result = ParametersResult(parameters=Parameters(**values), changed=changed)
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def namespaces(self, query: Namespaces, now_ms: int) -> Reply:
        """A page of all namespaces by name, with their counts."""
        prefix, cursor = query.prefix or "", query.cursor or ""
        names = sorted(name for name in await self._reader.namespaces() if name.startswith(prefix))
        after = [name for name in names if name > cursor]
        page = after[: query.limit]
        counts = await self._reader.counts(page, now_ms)
        result = NamespacesResult(
            namespaces=[
                NamespaceCounts(namespace=name, total=sum(counts[name].values()), **counts[name])
                for name in page
            ],
            total=len(names),
            next_cursor=page[-1] if len(after) > len(page) else None,
        )
        return Reply(result=result.model_dump(mode="json"))

    async def rebuild(self, _: RebuildQuery) -> Reply:
        """Answer with the progress of the build that is being made, of all partitions."""
        builds = await self._reader.builds()
        # What has been switched already is done; without a build beside, only a loss is made good.
        beside = any(each.beside is not None for each in builds)
        goals = [each.folded if beside else each.target for each in builds]
        done = [each.folded if each.beside is None else each.beside[1] for each in builds]
        result = RebuildResult(
            running=any(each.rebuilding or each.folded < each.target for each in builds),
            folded=sum(map(min, done, goals)),
            total=sum(goals),
            partitions=[
                RebuildPartition(
                    partition=each.partition,
                    version=each.version,
                    folded=each.folded,
                    target=each.target,
                    next_version=each.beside and each.beside[0],
                    next_folded=each.beside and each.beside[1],
                )
                for each in builds
            ],
        )
        return Reply(result=result.model_dump(mode="json"))
