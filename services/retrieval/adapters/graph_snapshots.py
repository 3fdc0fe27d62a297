"""Snapshots of graphs: a file for each namespace, which may be deleted at any time."""

import hashlib
import os
from pathlib import Path
from typing import Any

import orjson
import structlog

from services.readside.concepts import Concept
from services.retrieval.graph.cached_graph import CachedGraph

log = structlog.get_logger(__name__)
# Of the file; one of another format is not read.
FORMAT = 1


class FileSnapshots:
    """`GraphSnapshots` under a folder; without one nothing is kept."""

    def __init__(self, folder: Path | None, prefix: str) -> None:
        """`prefix`: of the installation, as several may share a folder."""
        self._folder = folder
        self._prefix = prefix

    def file(self, namespace: str) -> Path | None:
        """The file of a namespace's snapshot."""
        if self._folder is None:
            return None
        name = hashlib.sha256(f"{self._prefix}\0{namespace}".encode()).hexdigest()
        return self._folder / f"{name[:32]}.json"

    def load(self, namespace: str) -> CachedGraph:
        file = self.file(namespace)
        if file is None or not file.exists():
            return CachedGraph()
        try:
            digest, _, payload = file.read_bytes().partition(b"\n")
            if hashlib.sha256(payload).hexdigest().encode() != digest:
                raise ValueError("the checksum does not fit")
            return _unpacked(orjson.loads(payload), namespace)
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("snapshot of a graph not read", file=str(file), error=repr(error))
            return CachedGraph()

    def save(self, namespace: str, graph: CachedGraph) -> None:
        file = self.file(namespace)
        if file is None:
            return
        payload = _packed(graph, namespace)
        digest = hashlib.sha256(payload).hexdigest().encode()
        temporary = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as out:
                out.write(digest + b"\n" + payload)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(file)
        except OSError as error:
            # It saves time after a restart, no more.
            log.warning("snapshot of a graph not saved", file=str(file), error=repr(error))
        else:
            graph.saved = graph.cursor

    def drop(self, namespace: str) -> None:
        file = self.file(namespace)
        try:
            if file is not None:
                file.unlink(missing_ok=True)
        except OSError as error:
            # It is looked through when it is read.
            log.warning("snapshot of a graph not deleted", file=str(file), error=repr(error))


def _packed(graph: CachedGraph, namespace: str) -> bytes:
    return orjson.dumps(
        {
            "format": FORMAT,
            "namespace": namespace,
            "version": graph.version,
            "cursor": graph.cursor,
            "mark": graph.mark,
            "concepts": [
                (name, each.concept_type, each.activation, each.aliases, each.former)
                for name, each in graph.concepts().items()
            ],
            "relations": [(*relation, weight) for relation, weight in graph.relations().items()],
        }
    )


def _unpacked(saved: dict[str, Any], namespace: str) -> CachedGraph:
    if saved["format"] != FORMAT or saved["namespace"] != namespace:
        raise ValueError("a snapshot of another format or namespace")
    mark, cursor = saved["mark"], saved["cursor"]
    graph = CachedGraph(
        version=saved["version"],
        cursor=cursor,
        mark=(mark[0], mark[1]) if mark else None,
        changed=cursor,
        saved=cursor,
    )
    graph.put(
        {
            name: Concept(kind, level, *map(tuple, names))
            for name, kind, level, *names in saved["concepts"]
        },
        {(source, kind, target): w for source, kind, target, w in saved["relations"]},
    )
    return graph
