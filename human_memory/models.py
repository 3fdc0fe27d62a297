"""The client's results. Fields with a default are ours; the others are the published client's.

Times are RFC 3339 in UTC, as text.
"""

from typing import Any, Literal

from pydantic import BaseModel


class MemoryCreated(BaseModel):
    """A new memory, or with `strengthened` an equal one. Its activation is said to be 1.0."""

    memory_id: str
    activation: float
    created_at: str
    strengthened: bool | None = None


class BatchStored(BaseModel):
    """The new memories, in the order of the items."""

    results: list[MemoryCreated]


class Explanation(BaseModel):
    """The parts of an activation, in nats; they add up to it."""

    base: float
    spreading: float
    match: float
    emotion: float
    adjustment: float
    noise: float


class SearchResult(BaseModel):
    """A memory that a search found, ranked by `activation`; `similarity` is the cosine."""

    memory_id: str
    content: str
    activation: float
    similarity: float
    last_accessed: str
    access_count: int
    memory_type: str | None = None
    created_at: str | None = None
    status: str | None = None
    tags: list[str] = []
    session: str | None = None
    speaker: str | None = None
    superseded_by: str | None = None
    expires_at: str | None = None
    copies: int | None = None
    metadata: dict[str, Any] | None = None
    explanation: Explanation | None = None
    reasons: dict[str, Any] | None = None


class SearchReply(BaseModel):
    """The results of a search, best first. `warning`: its accesses are not visible yet, and why.

    `best_below`: of an empty answer, the best activation that was too low; none where nothing is
    stored that could be found.
    """

    results: list[SearchResult]
    count: int = 0
    best_below: float | None = None
    warning: str | None = None


class MemoryInfo(BaseModel):
    """A memory that was recalled; this access is counted in it. `warning`: as of a search."""

    memory_id: str
    content: str
    activation: float
    memory_type: str
    created_at: str
    last_accessed: str
    access_count: int
    explanation: Explanation | None = None
    warning: str | None = None


class AccessRecord(BaseModel):
    """One use of a memory."""

    accessed_at: str
    context: str | None = None
    kind: str | None = None


class SourceMemory(BaseModel):
    """A memory that another one was made from, and how much it contributed."""

    memory_id: str
    weight: float = 1.0


class CorrectionRecord(BaseModel):
    """A correction, and what the memory said before it; what is None was not changed.

    `expires_at` is "never" where it had no expiry.
    """

    corrected_at: str
    reason: str | None = None
    content: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    expires_at: str | None = None


class CoursePoint(BaseModel):
    """An activation at a moment."""

    at: str
    activation: float


class Course(BaseModel):
    """The course of a memory's activation; it fades below `fading_threshold`.

    Ahead, nothing happens to it but at most a use now. None: it never fades, or is not active.
    """

    fading_threshold: float
    fades_at: str | None = None
    fades_at_if_used: str | None = None
    past: list[CoursePoint] = []
    ahead: list[CoursePoint] = []
    ahead_if_used: list[CoursePoint] = []


class MemoryDetail(BaseModel):
    """Everything about a memory, its accesses newest first."""

    memory_id: str
    content: str
    memory_type: str
    created_at: str
    last_accessed: str
    access_count: int
    activation: float
    salience: float
    emotion_valence: float
    emotion_arousal: float
    decay_rate: float
    status: str
    access_history: list[AccessRecord]
    effective_decay_rate: float | None = None
    context: str | None = None
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    concepts: list[str] = []
    session: str | None = None
    speaker: str | None = None
    pinned: bool = False
    recorded_at: str | None = None
    expires_at: str | None = None
    superseded_by: str | None = None
    derived_from: list[SourceMemory] = []
    derivatives: list[str] = []
    corrections: list[CorrectionRecord] = []
    course: Course | None = None


class MemoryItem(BaseModel):
    """A row of a list; `content` is cut after 200 characters."""

    memory_id: str
    content: str
    memory_type: str
    activation: float
    salience: float
    status: str
    access_count: int
    created_at: str
    last_accessed: str
    tags: list[str] = []
    expires_at: str | None = None
    metadata: dict[str, Any] | None = None


class MemoryPage(BaseModel):
    """A page of a list. `next_cursor` asks for the next one; None on the last."""

    memories: list[MemoryItem]
    offset: int
    limit: int
    total: int
    next_cursor: str | None = None


class Stats(BaseModel):
    """Counts by status; the mean activation is that of the active ones."""

    total: int
    active: int
    decayed: int
    deleted: int
    avg_activation: float


class Relation(BaseModel):
    """A typed, weighted edge from `source` to `target`."""

    source: str
    target: str
    relation_type: str
    weight: float
    direction: str | None = None


class Concept(BaseModel):
    """A concept of the graph and the relations at it."""

    name: str
    type: str
    activation: float
    relationships: list[Relation] = []
    aliases: list[str] = []


class SpreadResult(BaseModel):
    """A concept near the active ones; `path_weight` is that of the strongest paths."""

    name: str
    activation: float
    path_weight: float


class GraphNode(BaseModel):
    """A concept without its relations."""

    name: str
    type: str
    activation: float


class Graph(BaseModel):
    """The most active concepts and the relations among them. `total` counts all concepts."""

    nodes: list[GraphNode]
    edges: list[Relation]
    total: int | None = None


class DecayReport(BaseModel):
    """The report of a decay run."""

    memories_processed: int
    memories_decayed: int


class ConsolidationReport(BaseModel):
    """The report of a consolidation. `complete` is False where it goes on in the background."""

    episodes_replayed: int
    facts_extracted: int
    memories_pruned: int
    memories_downscaled: int
    phase_4_compiled: int = 0
    complete: bool = True


class ForgetReport(BaseModel):
    """The number of memories that a forgetting strategy changed."""

    strategy: str
    memories_affected: int


class ForgottenMany(BaseModel):
    """The number of memories that were forgotten, or with `dry_run` would be."""

    count: int
    dry_run: bool = False


class Forgotten(BaseModel):
    """A memory that is gone; `restore` brings it back."""

    memory_id: str = ""
    deleted: bool


class Accepted(BaseModel):
    """A write that is in the log, and that reads show."""

    accepted: bool


class Restored(BaseModel):
    """A memory that is active again."""

    memory_id: str
    status: str
    activation: float
    access_count: int


class WorkingMemoryItem(BaseModel):
    """A memory in the current focus."""

    memory_id: str
    content: str
    activation: float
    last_accessed: str
    memory_type: str | None = None
    concepts: list[str] = []


class WorkingMemory(BaseModel):
    """The memories in focus, the strongest first."""

    memories: list[WorkingMemoryItem]
    capacity: int = 0
    window_seconds: float = 0.0


class Readiness(BaseModel):
    """The state of each part: `ok`, `error` or `timeout`."""

    checks: dict[str, str]
    status: Literal["ready", "degraded", "unavailable"] = "ready"


class Run(BaseModel):
    """A run of maintenance. `effects` counts what it did, by kind of event."""

    run_id: str
    job: str
    status: str
    began_at: str
    completed_at: str | None = None
    undone_at: str | None = None
    phase: str | None = None
    done: int = 0
    total: int = 0
    effects: dict[str, int] = {}
    report: dict[str, Any] = {}
    error: dict[str, Any] | None = None
    downscaling_nats: float | None = None
    seconds: float | None = None


class Runs(BaseModel):
    """Runs of maintenance, newest first."""

    runs: list[Run]
    count: int = 0


class RunReport(BaseModel):
    """The report of a run, in numbers. `complete` is False where it goes on in the background."""

    run_id: str
    job: str
    complete: bool
    cancelled: bool = False
    report: dict[str, Any] = {}


class NamespaceParameters(BaseModel):
    """The model's parameters of a namespace. `changed`: those that are not at their default."""

    parameters: dict[str, int | float]
    changed: list[str] = []


class NamespaceCounts(BaseModel):
    """A namespace, and its memories by status."""

    namespace: str
    total: int
    active: int
    decayed: int
    deleted: int


class Namespaces(BaseModel):
    """A page of the namespaces, by name."""

    namespaces: list[NamespaceCounts]
    total: int = 0
    next_cursor: str | None = None


class RebuildPartition(BaseModel):
    """A partition of the read side, and the build that is made beside the live one."""

    partition: int
    version: int
    folded: int
    target: int = 0
    next_version: int | None = None
    next_folded: int | None = None


class Rebuild(BaseModel):
    """The state of a rebuild of the read side: `folded` of `total` events."""

    running: bool
    folded: int
    total: int
    partitions: list[RebuildPartition] = []


class Refusal(BaseModel):
    """The reason for which a record became a dead letter, and where the record had been."""

    reason: str
    code: str
    service: str
    topic: str
    partition: int
    offset: int
    timestamp: str
    value_was_null: bool = False


class DeadLetter(BaseModel):
    """A record that could not be processed. `reason` is None if no service wrote it.

    `state`: waiting, sent_back, discarded, or returned: sent back and refused again, `returned_as`.
    """

    place: str
    topic: str
    partition: int
    offset: int
    recorded_at: str
    key: str | None = None
    headers: dict[str, str | None] = {}
    value: Any = None
    reason: Refusal | None = None
    state: str = "waiting"
    sent_to: str | None = None
    returned_as: str | None = None


class DeadLetters(BaseModel):
    """Dead letters, oldest first."""

    dead_letters: list[DeadLetter]


class SentBack(BaseModel):
    """A dead letter, and where it was sent again."""

    dead_letter: str
    sent_to: str


class Replayed(BaseModel):
    """The dead letters that were sent again; `left`: so many were not, as they had been before."""

    replayed: list[SentBack]
    left: int = 0


class Discarded(BaseModel):
    """The places of the dead letters that were discarded."""

    discarded: list[str]
