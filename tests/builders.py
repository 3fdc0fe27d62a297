"""Messages with sensible defaults: a test names only what it is about."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from schemas.events import (
    AccessedMemory,
    AccessKind,
    ConceptDeleted,
    ConceptMerged,
    ConceptRemoved,
    ConceptRenamed,
    ConceptUpserted,
    Embedding,
    Event,
    MaintenanceCompleted,
    MaintenanceProgressed,
    MaintenanceUndone,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryCorrected,
    MemoryDecayed,
    MemoryForgotten,
    MemoryRestored,
    MemoryStored,
    MemorySuperseded,
    NamespaceDeleted,
    ParametersChanged,
    RelationRemoved,
    RelationUpserted,
)
from schemas.ids import derive
from schemas.inbox import (
    Access,
    Concept,
    Correct,
    DeleteNamespace,
    Forget,
    Relation,
    Restore,
    SetParameters,
    Store,
    Supersede,
)
from schemas.maintenance import RunJob
from schemas.queries import Inspect, ListMemories, Ping, Recall, Search, Stats

NAMESPACE = "acme/agent-7"
TIME_MS = 1_750_000_000_000
DIMENSION = 384
E = TypeVar("E", bound=Event)


def memory_id(name: str) -> UUID:
    """An id for the memory that a test calls `name`."""
    return derive("test", name)


def store(content: str = "Tea is at four.", **fields: Any) -> Store:
    """A `store` command."""
    return Store.model_validate({"namespace": NAMESPACE, "content": content} | fields)


def access(*memory_ids: UUID, **fields: Any) -> Access:
    """An `access` command for these memories, or for one."""
    ids = list(memory_ids) or [memory_id("m1")]
    return Access.model_validate({"namespace": NAMESPACE, "memory_ids": ids} | fields)


def forget(memory: UUID | None = None, **fields: Any) -> Forget:
    """A `forget` command."""
    return Forget.model_validate(_about(memory) | fields)


def restore(memory: UUID | None = None, **fields: Any) -> Restore:
    """A `restore` command."""
    return Restore.model_validate(_about(memory) | fields)


def concept(name: str = "tea", **fields: Any) -> Concept:
    """A `concept` command."""
    return Concept.model_validate({"namespace": NAMESPACE, "name": name} | fields)


def relation(source: str = "tea", target: str = "cup", **fields: Any) -> Relation:
    """A `relation` command."""
    ends = {"namespace": NAMESPACE, "source": source, "target": target}
    return Relation.model_validate(ends | {"relation_type": "served_in"} | fields)


def supersede(memory: UUID | None = None, **fields: Any) -> Supersede:
    """A `supersede` command."""
    return Supersede.model_validate(_about(memory) | {"superseded_by": memory_id("m2")} | fields)


def correct(memory: UUID | None = None, **fields: Any) -> Correct:
    """A `correct` command, of the content if nothing else is said."""
    return Correct.model_validate(_about(memory) | (fields or {"content": "Tea is at five."}))


def delete_namespace(**fields: Any) -> DeleteNamespace:
    """A `delete_namespace` command."""
    given = {"namespace": NAMESPACE, "confirm": NAMESPACE} | fields
    return DeleteNamespace.model_validate(given)


def parameters(**values: float) -> SetParameters:
    """A `parameters` command."""
    return SetParameters.model_validate({"namespace": NAMESPACE, "parameters": values})


def search(query: str = "When is tea?", **fields: Any) -> Search:
    """A `search` query."""
    return Search.model_validate({"namespace": NAMESPACE, "query": query} | fields)


def recall(memory: UUID | None = None, **fields: Any) -> Recall:
    """A `recall` query."""
    return Recall.model_validate(_about(memory) | fields)


def inspect(memory: UUID | None = None, **fields: Any) -> Inspect:
    """An `inspect` query."""
    return Inspect.model_validate(_about(memory) | fields)


def list_memories(**fields: Any) -> ListMemories:
    """A `list` query."""
    return ListMemories.model_validate({"namespace": NAMESPACE} | fields)


def stats(**fields: Any) -> Stats:
    """A `stats` query."""
    return Stats.model_validate({"namespace": NAMESPACE} | fields)


def ping(**fields: Any) -> Ping:
    """A `ping` query."""
    return Ping.model_validate({"namespace": NAMESPACE} | fields)


def run_job(job: str = "decay", **fields: Any) -> RunJob:
    """A maintenance command."""
    return RunJob.model_validate({"namespace": NAMESPACE, "job": job} | fields)


def embedding(vector: Sequence[float] = (1.0,), *, dimension: int = DIMENSION) -> Embedding:
    """An embedding that begins with `vector`; the rest is zeros."""
    numbers = [*vector, *[0.0] * (dimension - len(vector))]
    data = struct.pack(f"<{dimension}e", *numbers)
    return Embedding.model_validate(
        {"model": "test", "dimension": dimension, "data": base64.b64encode(data).decode()}
    )


def stored_event(
    memory: UUID | None = None,
    content: str = "Tea is at four.",
    *,
    vector: Sequence[float] = (1.0,),
    envelope: dict[str, Any] | None = None,
    **data: Any,
) -> MemoryStored:
    """A `memory.stored.v1`: `data` are its payload's fields, `envelope` those around it."""
    payload = {
        "content": content,
        "indexed_text": content,
        "memory_type": "episodic",
        "recorded_at": TIME_MS,
        "body_hash": "0" * 64,
        "embedding": embedding(vector),
    }
    return _event(MemoryStored, memory, payload | data, envelope)


def accessed_event(
    *memory_ids: UUID,
    kind: AccessKind = "recall",
    envelope: dict[str, Any] | None = None,
    **data: Any,
) -> MemoryAccessed:
    """A `memory.accessed.v1` for these memories, or for one."""
    ids = memory_ids or (memory_id("m1"),)
    accesses = [AccessedMemory(memory_id=each, kind=kind) for each in ids]
    return _event(MemoryAccessed, derive("query"), {"accesses": accesses} | data, envelope)


def forgotten_event(
    memory: UUID | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MemoryForgotten:
    """A `memory.forgotten.v1`."""
    return _event(MemoryForgotten, memory, data, envelope)


def restored_event(
    memory: UUID | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MemoryRestored:
    """A `memory.restored.v1`."""
    return _event(MemoryRestored, memory, data, envelope)


def decayed_event(
    memory: UUID | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MemoryDecayed:
    """A `memory.decayed.v1` that saw one trace."""
    return _event(MemoryDecayed, memory, {"accesses_seen": 1} | data, envelope)


def adjusted_event(
    memory: UUID | None = None,
    nats: float = -0.5,
    *,
    envelope: dict[str, Any] | None = None,
    **data: Any,
) -> MemoryAdjusted:
    """A `memory.adjusted.v1`: a penalty, or with positive `nats` its reversal."""
    payload = {"nats": nats, "cause": "interference"}
    return _event(MemoryAdjusted, memory, payload | data, envelope)


def superseded_event(
    older: UUID, newer: UUID, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MemorySuperseded:
    """A `memory.superseded.v1`."""
    return _event(MemorySuperseded, older, {"superseded_by": newer} | data, envelope)


def corrected_event(
    memory: UUID, content: str | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MemoryCorrected:
    """A `memory.corrected.v1`; with a `content` also of the text, and what comes with it."""
    text = {}
    if content is not None:
        worked_out = {"concepts": [], "embedding": embedding([0.5, 1.0])}
        given = {name: data.pop(name) for name in worked_out.keys() & data.keys()}
        indexed = data.pop("indexed_text", f"[14 Nov 2023] {content}")
        text = {"text": worked_out | given | {"content": content, "indexed_text": indexed}}
    return _event(MemoryCorrected, memory, text | data, envelope)


def concept_event(
    name: str = "tea", *, envelope: dict[str, Any] | None = None, **data: Any
) -> ConceptUpserted:
    """A `concept.upserted.v1`."""
    payload = {"concept_type": "concept", "activation": 0.5}
    return _event(ConceptUpserted, name, payload | data, envelope)


def relation_event(
    source: str = "tea",
    target: str = "cup",
    *,
    envelope: dict[str, Any] | None = None,
    **data: Any,
) -> RelationUpserted:
    """A `relation.upserted.v1`."""
    payload = {"target": target, "relation_type": "served_in", "weight": 0.5}
    return _event(RelationUpserted, source, payload | data, envelope)


def concept_removed_event(
    name: str = "tea", run: UUID | None = None, *, envelope: dict[str, Any] | None = None
) -> ConceptRemoved:
    """A `concept.removed.v1`."""
    return _event(ConceptRemoved, name, {"run_id": run or derive("run")}, envelope)


def concept_renamed_event(
    name: str = "tea", new_name: str = "chai", *, envelope: dict[str, Any] | None = None
) -> ConceptRenamed:
    """A `concept.renamed.v1`."""
    return _event(ConceptRenamed, name, {"name": new_name}, envelope)


def concept_merged_event(
    name: str = "tea", into: str = "cup", *, envelope: dict[str, Any] | None = None
) -> ConceptMerged:
    """A `concept.merged.v1`."""
    return _event(ConceptMerged, name, {"into": into}, envelope)


def concept_deleted_event(
    name: str = "tea", *, envelope: dict[str, Any] | None = None
) -> ConceptDeleted:
    """A `concept.deleted.v1`."""
    return _event(ConceptDeleted, name, {}, envelope)


def relation_removed_event(
    source: str = "tea",
    target: str = "cup",
    *,
    envelope: dict[str, Any] | None = None,
    **data: Any,
) -> RelationRemoved:
    """A `relation.removed.v1`."""
    payload = {"target": target, "relation_type": "served_in", "run_id": derive("run")}
    return _event(RelationRemoved, source, payload | data, envelope)


def namespace_deleted_event(*, envelope: dict[str, Any] | None = None) -> NamespaceDeleted:
    """A `namespace.deleted.v1`."""
    namespace = (envelope or {}).get("namespace", NAMESPACE)
    return _event(NamespaceDeleted, namespace, {}, envelope)


def parameters_event(
    *, envelope: dict[str, Any] | None = None, **parameters: float
) -> ParametersChanged:
    """A `parameters.changed.v1`."""
    namespace = (envelope or {}).get("namespace", NAMESPACE)
    return _event(ParametersChanged, namespace, {"parameters": parameters}, envelope)


def completed_event(
    run: UUID | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MaintenanceCompleted:
    """A `maintenance.completed.v1`."""
    payload = {"job": "decay", "began_at": TIME_MS}
    return _event(MaintenanceCompleted, run or derive("run"), payload | data, envelope)


def progressed_event(
    run: UUID | None = None, *, envelope: dict[str, Any] | None = None, **data: Any
) -> MaintenanceProgressed:
    """A `maintenance.progressed.v1`."""
    payload = {"job": "decay", "began_at": TIME_MS, "phase": "decay"}
    return _event(MaintenanceProgressed, run or derive("run"), payload | data, envelope)


def undone_event(
    run: UUID | None = None, *, envelope: dict[str, Any] | None = None
) -> MaintenanceUndone:
    """A `maintenance.undone.v1`."""
    run_id = run or derive("run")
    return _event(MaintenanceUndone, run_id, {"run_id": run_id}, envelope)


def _about(memory: UUID | None) -> dict[str, Any]:
    return {"namespace": NAMESPACE, "memory_id": memory or memory_id("m1")}


def _event(
    model: type[E],
    subject: UUID | str | None,
    data: dict[str, Any],
    envelope: dict[str, Any] | None,
) -> E:
    subject_text = str(subject or memory_id("m1"))
    around = {
        "id": derive(model.__name__, subject_text, repr(data), repr(envelope)),
        "source": "test",
        "subject": subject_text,
        "time": TIME_MS,
        "namespace": NAMESPACE,
    }
    return model.model_validate(around | (envelope or {}) | {"data": data})
