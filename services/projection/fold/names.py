"""The names of concepts in the fold: which concept is meant, in whatever case it is written.

A concept is called by the first spelling that the log has of its name, or by the one that it was
given since. Names that it had before mean it as well.
"""

from collections.abc import Iterable

import orjson

from schemas.events import MemoryEvent
from services.projection.fold.documents import packed_concepts
from services.projection.fold.view import Ref, View
from services.readside.collections import LINKS, NAMES
from services.readside.concepts import folded
from services.readside.corrections import linked_by
from services.readside.layout import Change, Parts
from services.readside.terms import concepts_of


def name_of(view: View, namespace: str, said: str) -> str:
    """The name of the concept that is meant; the one that was said, where there is none."""
    return view.namespace(namespace)[NAMES].get(folded(said)) or said


def meant(view: View, namespace: str, said: Iterable[str]) -> list[str]:
    """The names of the concepts that are meant, each once; from now on they are names of some."""
    names: dict[str, None] = {}
    for each in said:
        name = name_of(view, namespace, each)
        call(view, namespace, each, name)  # before the next: it may be the same in another spelling
        names[name] = None
    return list(names)


def call(view: View, namespace: str, said: str, name: str) -> None:
    """From here on a name means the concept of this name, or none if that is empty."""
    key = folded(said)
    if view.namespace(namespace)[NAMES].get(key) != name:
        view.put(NAMES, namespace, key, name)


def renamed(view: View, namespace: str, more: bytes) -> bytes:
    """The `more` of a document with the names that its concepts have now."""
    fields = orjson.loads(more)
    names = view.namespace(namespace)[NAMES]
    now = (names.get(folded(each), each) for each in fields["concepts"])
    concepts = [name for name in dict.fromkeys(now) if name]
    if concepts == fields["concepts"]:
        return more
    return orjson.dumps(fields | {"concepts": concepts}, option=orjson.OPT_SORT_KEYS)


def settle(view: View, ref: Ref, event: MemoryEvent) -> bool:
    """Link a memory to what its concepts are called now; False if that is what it has."""
    memory = view.memories[ref]
    assert memory.document is not None
    more = renamed(view, ref[0], memory.document["more"])
    if more == memory.document["more"]:
        return False
    memory.document["more"] = more
    before, after = {*concepts_of(memory.parts.concepts)}, {*linked_by(more)}
    if memory.state.status != "deleted":
        view.add(LINKS, ref[0], dict.fromkeys(before - after, -1))
        view.add(LINKS, ref[0], dict.fromkeys(after - before, 1))
    memory.unlinked = (memory.unlinked | (before - after)) - after
    old = memory.parts
    concepts = packed_concepts(orjson.loads(more)["concepts"])
    memory.parts = Parts(old.vector, old.terms, concepts, old.traces)
    # By this the caches of searches see that its concepts are others.
    memory.state.changes.append(Change(event.time, "corrected", other=event.id.bytes))
    return True
