"""Reads of the live build that several services make alike.

All raise Unavailable while the read side cannot answer.
"""

from collections.abc import Sequence
from uuid import UUID

from services.readside.collections import RUNS
from services.readside.documents import (
    ATTRIBUTES,
    DOCUMENT,
    Attributes,
    Document,
    DocumentKey,
    Fields,
)
from services.readside.layout import Layout
from services.readside.live_build import Commands, LiveBuild
from services.readside.runs import Run, unpack_run

READ_AT_ONCE = 1_000


async def read_documents(
    build: LiveBuild, namespace: str, keys: Sequence[DocumentKey]
) -> list[Document | None]:
    """Documents in the order of their keys; None where there is none."""
    rows = await read_fields(build, namespace, keys, DOCUMENT)
    return [Document.of(fields) if fields[0] is not None else None for fields in rows]


async def read_attributes(
    build: LiveBuild, namespace: str, keys: Sequence[DocumentKey]
) -> list[Attributes | None]:
    """Attributes in the order of their keys; None where there is no document."""
    rows = await read_fields(build, namespace, keys, ATTRIBUTES)
    return [Attributes.of(fields) if fields[2] is not None else None for fields in rows]


async def read_fields(
    build: LiveBuild, namespace: str, keys: Sequence[DocumentKey], fields: Sequence[str]
) -> list[Fields]:
    """Some fields of documents, a thousand documents a round trip."""
    found: list[Fields] = []
    partition = build.partition(namespace)
    for start in range(0, len(keys), READ_AT_ONCE):
        some = keys[start : start + READ_AT_ONCE]

        def queue(layout: Layout, some: Sequence[DocumentKey] = some) -> Commands:
            return [
                ["HMGET", layout.document(status, namespace, memory_id), *fields]
                for memory_id, status in some
            ]

        _, replies = await build.read(partition, queue)
        found += replies
    return found


async def read_run(build: LiveBuild, namespace: str, run_id: UUID) -> tuple[int, Run | None]:
    """The cursor, and what the fold knows of a run; None if the namespace has not got it."""
    cursor, (packed,) = await build.read(
        build.partition(namespace),
        lambda layout: [["HGET", RUNS.key(layout, namespace), run_id.hex]],
    )
    return cursor, unpack_run(packed) if packed is not None else None
