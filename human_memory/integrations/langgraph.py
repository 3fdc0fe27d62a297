"""LangGraph's long-term store on this memory: `graph.compile(store=HumanMemoryStore(address))`.

An item is a memory: its text is what the item's index fields say, its value is in the metadata. A
`put` to a key that exists forgets the old version. `search` ranks as the memory does, so what is
used often comes first; what has decayed is found no more by meaning, but still by its key. A search
with a query finds 100 items at most, those before its offset included.

Filters are those of LangGraph's own stores: equal values, inside of objects too, and `$eq`, `$ne`,
`$gt`, `$gte`, `$lt` and `$lte`. Others raise ValueError.
"""

import asyncio
import hashlib
import json
import operator
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    get_text_at_path,
    tokenize_path,
)

from human_memory._client import calls
from human_memory._client.arguments import ListMore, SearchMore, StoreMore
from human_memory._client.calls import Call
from human_memory._client.connecting import connect, connect_async
from human_memory.exceptions import HumanMemoryError, MemoryNotFound, ValidationError
from human_memory.models import MemoryDetail, MemoryItem, MemoryPage, SearchResult

Path = tuple[str, ...]
# Asks for a call's result and goes on with it: the same steps with and without asyncio.
Steps = Generator[Call[Any], Any, Any]
Row = MemoryItem | SearchResult

NAMESPACE_DEFAULT = "langgraph"
MEMORY_TYPE, NAMESPACE_TYPE = "langgraph", "langgraph_ns"
_NAMESPACE_TAG, _INDEXED_TAG = "lg:namespace", "lg:indexed"
_NO_THRESHOLD = -1e6
_FOUND_MAX = 100
# So many values of 8 KiB, with all that is told beside them, fit into one answer.
_PAGE = 90
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class HumanMemoryStore(BaseStore):
    """A `BaseStore`; values are bounded by 8 KiB of JSON, namespaces by 28 labels."""

    def __init__(
        self,
        address: str = "http://localhost:8000",
        *,
        namespace: str = NAMESPACE_DEFAULT,
        timeout: float = 30.0,
        api_key: str | None = None,
    ) -> None:
        """`namespace`: of the memory, in which all of the store's own namespaces are."""
        given = {"namespace": namespace, "api_key": api_key}
        self._transport = connect(address, timeout, **given)
        self._async_transport = connect_async(address, timeout, **given)
        self._namespaces: set[Path] = set()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The results of some operations; reads see the store before the batch's writes."""
        plan, results = self._planned(list(ops))
        for at, steps in plan:
            results[at] = self._taken(steps)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`."""
        plan, results = self._planned(list(ops))
        for at, steps in plan:
            results[at] = await self._ataken(steps)
        return results

    def close(self) -> None:
        """Let go of the connections of the methods without asyncio."""
        self._transport.close()

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._async_transport.close()
        await asyncio.to_thread(self._transport.close)

    def _taken(self, steps: Steps) -> Any:
        try:
            call = next(steps)
            while True:
                try:
                    value = self._transport.send(call)
                except HumanMemoryError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(value)
        except StopIteration as done:
            return done.value

    async def _ataken(self, steps: Steps) -> Any:
        try:
            call = next(steps)
            while True:
                try:
                    value = await self._async_transport.send(call)
                except HumanMemoryError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(value)
        except StopIteration as done:
            return done.value

    def _planned(self, ops: Sequence[Op]) -> tuple[list[tuple[int, Steps]], list[Result]]:
        reads: list[tuple[int, Steps]] = []
        writes: dict[tuple[Path, str], tuple[int, Steps]] = {}
        for at, op in enumerate(ops):
            if isinstance(op, GetOp):
                reads.append((at, _get(op)))
            elif isinstance(op, SearchOp):
                _check(list((op.filter or {}).values()))
                reads.append((at, _search(op)))
            elif isinstance(op, ListNamespacesOp):
                reads.append((at, _list_namespaces(op)))
            elif isinstance(op, PutOp):
                # Of several for one key the last one counts.
                writes[op.namespace, op.key] = (at, self._put(op))
        return [*reads, *writes.values()], [None] * len(ops)

    def _put(self, op: PutOp) -> Steps:
        outdated: list[MemoryItem] = yield from _versions(op.namespace, op.key)
        if op.value is not None:
            if op.namespace not in self._namespaces:
                yield _marker(op.namespace)
                self._namespaces.add(op.namespace)
            created = _created_at(outdated[0]) if outdated else None
            yield _store(op, op.value, created)
            # Of all who put this key now the last to look sees every version; the newest stays.
            versions: list[MemoryItem] = yield from _versions(op.namespace, op.key)
            outdated = versions[1:]
        for version in outdated:
            with suppress(MemoryNotFound):  # somebody else has forgotten it
                yield calls.forget(version.memory_id, {})


def _get(op: GetOp) -> Steps:
    versions: list[MemoryItem] = yield from _versions(op.namespace, op.key)
    return _item(versions[0]) if versions else None


def _search(op: SearchOp) -> Steps:
    tag = _tag("p", op.namespace_prefix)
    wanted = op.offset + op.limit
    rows: list[Row]
    if op.query:
        top_k = _FOUND_MAX if op.filter else max(1, min(wanted + 1, _FOUND_MAX))
        rows = yield from _found(op.query, top_k, [tag, _INDEXED_TAG])
    else:
        rows = yield from _listed(tag)
        rows.sort(key=lambda row: (_moment(_created_at(row)), row.memory_id))
    filters = op.filter or {}
    items: dict[tuple[Path, str], SearchItem] = {}
    for row in rows:
        item = _item(row)
        if all(_matches(item.value.get(name), each) for name, each in filters.items()):
            # Two versions are found while one is replaced: the first is the better one.
            items.setdefault(
                (item.namespace, item.key),
                SearchItem(
                    item.namespace,
                    item.key,
                    item.value,
                    item.created_at,
                    item.updated_at,
                    getattr(row, "similarity", None),
                ),
            )
    return list(items.values())[op.offset : wanted]


def _found(query: str, top_k: int, tags: Sequence[str]) -> Steps:
    """Memories about something, with their metadata."""
    more: SearchMore = {
        "tags": tags,
        "types": [MEMORY_TYPE],
        "include_metadata": True,
        "collapse": False,  # two keys may have equal texts
    }
    try:
        found: list[SearchResult] = yield calls.search(query, top_k, _NO_THRESHOLD, more)
    except ValidationError:
        # Their texts and values together are more than one answer can hold.
        more["include_metadata"] = False
        found = yield calls.search(query, top_k, _NO_THRESHOLD, more)
        for row in found:
            with suppress(MemoryNotFound):  # somebody has deleted it since
                detail: MemoryDetail = yield calls.inspect(row.memory_id, {})
                row.metadata = detail.metadata
    return [row for row in found if row.metadata]


def _list_namespaces(op: ListNamespacesOp) -> Steps:
    rows: list[MemoryItem] = yield from _listed(_NAMESPACE_TAG)
    paths = [tuple((row.metadata or {})["namespace"]) for row in rows]
    conditions = op.match_conditions or ()
    matching = [path for path in paths if all(_path_matches(path, each) for each in conditions)]
    shown = sorted({path[: op.max_depth] for path in matching})
    return shown[op.offset : op.offset + op.limit]


def _versions(namespace: Path, key: str) -> Steps:
    """Versions that are not forgotten, newest first; several only while one is being replaced."""
    rows: list[MemoryItem] = yield from _listed(_tag("k", (*namespace, key)))
    return sorted(rows, key=lambda row: (_moment(row.created_at), row.memory_id), reverse=True)


def _listed(tag: str) -> Steps:
    rows: list[MemoryItem] = []
    for status in ("active", "decayed"):
        cursor: str | None = None
        while True:
            more: ListMore = {"tag": tag, "status": status, "include_metadata": True}
            if cursor is not None:
                more["cursor"] = cursor
            page: MemoryPage = yield calls.list_page(0, _PAGE, more)
            rows += page.memories
            cursor = page.next_cursor
            if cursor is None:
                break
    return rows


def _store(op: PutOp, value: Mapping[str, Any], created_at: str | None) -> Call[Any]:
    metadata: dict[str, Any] = {
        "namespace": list(op.namespace),
        "key": op.key,
        "value": dict(value),
    }
    if created_at is not None:
        metadata["created_at"] = created_at
    tags = [
        _tag("k", (*op.namespace, op.key)),
        *(_tag("p", op.namespace[:depth]) for depth in range(len(op.namespace) + 1)),
    ]
    if op.index is not False:
        tags.append(_INDEXED_TAG)
    more: StoreMore = {"tags": tags, "metadata": metadata}
    return calls.store(_text(op, value), MEMORY_TYPE, None, more)


def _marker(namespace: Path) -> Call[Any]:
    """A memory that says that a namespace exists: stored once, under its key, and kept for ever."""
    more: StoreMore = {
        "tags": [_NAMESPACE_TAG],
        "metadata": {"namespace": list(namespace)},
        "pinned": True,
        "idempotency_key": _tag("ns", namespace),
    }
    return calls.store(f"Namespace {' / '.join(namespace)}", NAMESPACE_TYPE, None, more)


def _text(op: PutOp, value: Mapping[str, Any]) -> str:
    paths = op.index or ["$"]
    texts = [
        text
        for path in paths
        for text in get_text_at_path(value, path if path == "$" else tokenize_path(path))
    ]
    return "\n".join(texts).strip() or op.key


def _item(row: Row) -> Item:
    metadata = row.metadata or {}
    return Item(
        value=metadata["value"],
        key=metadata["key"],
        namespace=tuple(metadata["namespace"]),
        created_at=_moment(_created_at(row)),
        updated_at=_moment(row.created_at),
    )


def _moment(time: str | None) -> datetime:
    return datetime.fromisoformat(str(time))


def _created_at(row: Row) -> str:
    return str((row.metadata or {}).get("created_at", row.created_at))


def _tag(kind: str, path: Path) -> str:
    """A label of a path, however long it is."""
    joined = chr(31).join(path)
    if joined.count(chr(31)) >= len(path) > 0:  # a label has one: what is joined is not clear
        joined = chr(31) + json.dumps(path)
    return f"lg:{kind}:{hashlib.sha256(joined.encode()).hexdigest()[:40]}"


def _matches(value: Any, wanted: Any) -> bool:
    """True if a value is as a filter wants it, as in LangGraph's own stores."""
    if _has_operators(wanted):
        return all(_compares(name, value, bound) for name, bound in wanted.items())
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            _matches(value.get(name), each) for name, each in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(wanted)
            and all(map(_matches, value, wanted))
        )
    return bool(value == wanted)


def _has_operators(wanted: Any) -> bool:
    return isinstance(wanted, dict) and any(str(name).startswith("$") for name in wanted)


def _compares(name: str, value: Any, bound: Any) -> bool:
    compare = _COMPARISONS[name]
    if name not in ("$eq", "$ne"):
        # Numbers, also where they are texts; else texts by their order, such as dates.
        with suppress(TypeError, ValueError):
            value, bound = float(value), float(bound)
    try:
        return compare(value, bound)
    except TypeError:
        return False  # of two kinds that don't compare, such as None and a number


def _check(wanted: Any) -> None:
    """Refuse a filter that no store of LangGraph knows, whether or not there is an item.

    Raises:
        ValueError: it has an operator that is unknown.
    """
    if _has_operators(wanted):
        for name in wanted.keys() - _COMPARISONS.keys():
            known = ", ".join(_COMPARISONS)
            raise ValueError(f"Unsupported operator: {name}; those of a filter are {known}")
        return
    for each in wanted.values() if isinstance(wanted, dict) else wanted or ():
        if isinstance(each, dict | list | tuple):
            _check(each)


def _path_matches(path: Path, condition: MatchCondition) -> bool:
    wanted = condition.path
    if len(path) < len(wanted):
        return False
    part = path[: len(wanted)] if condition.match_type == "prefix" else path[-len(wanted) :]
    return all(label in ("*", own) for label, own in zip(wanted, part, strict=True))
