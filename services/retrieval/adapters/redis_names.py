"""The names that concepts have, by how they are called in a request."""

from collections.abc import Sequence

from services.readside.collections import NAMES
from services.readside.concepts import folded
from services.readside.live_build import LiveBuild


async def read_names(build: LiveBuild, namespace: str, said: Sequence[str]) -> list[str]:
    """The names of the concepts that are meant; as they were said, where there are none."""
    if not said:
        return []
    keys = [folded(each) for each in said]
    _, (names,) = await build.read(
        build.partition(namespace),
        lambda layout: [["HMGET", NAMES.key(layout, namespace), *keys]],
    )
    return [name.decode() if name else each for name, each in zip(names, said, strict=True)]
