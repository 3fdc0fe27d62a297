"""memory.queries: questions to the read side, and the results it answers with."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, TypeAdapter

from schemas import limits
from schemas.corrections import CorrectionRecord
from schemas.courses import Course
from schemas.fields import (
    WHOLE,
    ConceptName,
    Concepts,
    ConceptType,
    Context,
    Fraction,
    LocalMilliseconds,
    MemoryId,
    MemoryType,
    Message,
    Metadata,
    Milliseconds,
    QueryBase,
    QueryText,
    Session,
    Source,
    Speaker,
    Tag,
    Tags,
)
from schemas.filters import MetadataFilter
from schemas.maintenance import Job
from schemas.parameters import ParameterOverrides
from schemas.replies import ErrorReply
from schemas.selection import Conditions, Select

Status = Literal["active", "decayed", "deleted"]
RunStatus = Literal["running", "completed", "cancelled", "failed", "undone"]
Wait = Annotated[
    Literal["none", "visible"],
    Field(
        description="`visible`: answer when reads show the accesses it recorded, or with a "
        "`warning` that they do not in time."
    ),
]


_EXPIRES_AT = Field(None, description="From then on it counts as archived.")
_INCLUDE_METADATA = Field(False, description="Add the metadata of each memory.")


class Search(Conditions):
    """Ask what is remembered about something, here and now. Ranked by activation."""

    type: Literal["search"] = "search"
    query: QueryText
    top_k: Annotated[int, Field(ge=1, le=limits.TOP_K_MAX), WHOLE] = Field(
        7, description="At most so many results."
    )
    min_activation: Annotated[float, Field(ge=-1e6, le=1e6)] | None = Field(
        None, description="Replaces the retrieval threshold, in nats."
    )
    context: Context | None = None
    active_concepts: Concepts = Field([], description="Concepts that spread activation.")
    as_of: Milliseconds | None = Field(None, description="Answer as of this past moment.")
    utc_offset: Annotated[int, Field(ge=-1439, le=1439), WHOLE] = Field(
        0, description='Minutes that the asker\'s clock is ahead of UTC: it tells what "today" is.'
    )
    record_access: bool = Field(True, description="The memories it returns get stronger.")
    wait: Wait = "none"
    include_decayed: bool | None = Field(None, description="All or none; null: by a strong cue.")
    include_metadata: bool = _INCLUDE_METADATA
    noise: bool = Field(False, description="Add ACT-R's noise to each activation.")
    seed: Annotated[int, Field(ge=0, lt=2**63), WHOLE] | None = Field(
        None, description="The same seed gives the same noise."
    )
    explain: bool = Field(False, description="Add the parts of each activation.")
    collapse: bool = Field(
        True, description="Memories that say the same in nearly the same words count as one."
    )
    parameters: ParameterOverrides = Field(
        ParameterOverrides(), description="Parameters of the model, for this search only."
    )


class Recall(QueryBase):
    """Bring one memory back: it gets stronger."""

    type: Literal["recall"] = "recall"
    memory_id: MemoryId
    context: Context | None = None
    as_of: Milliseconds | None = Field(None, description="Answer as of this past moment.")
    record_access: bool = Field(True, description="The memories it returns get stronger.")
    wait: Wait = "none"
    explain: bool = False


class Inspect(QueryBase):
    """Everything about one memory, in any status, without touching it."""

    type: Literal["inspect"] = "inspect"
    memory_id: MemoryId
    as_of: Milliseconds | None = Field(None, description="Answer as of this past moment.")
    course: Annotated[int, Field(ge=0, le=limits.COURSE_POINTS_MAX), WHOLE] = Field(
        0, description="Add the course of its activation: about so many points, and when it fades."
    )


class ListMemories(QueryBase):
    """The memories of a namespace by activation, without touching them.

    `cursor` (from `next_cursor`) pages without repeats or gaps, as of its first page's moment.
    """

    type: Literal["list"] = "list"
    offset: Annotated[int, Field(ge=0, le=limits.LIST_OFFSET_MAX), WHOLE] = 0
    limit: Annotated[int, Field(ge=1, le=limits.LIST_LIMIT_MAX), WHOLE] = 50
    cursor: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="The last page's `next_cursor`."
    )
    status: Status | None = None
    memory_type: MemoryType | None = None
    tag: Tag | None = None
    filter: MetadataFilter | None = None
    session: Session | None = None
    speaker: Speaker | None = None
    include_metadata: bool = _INCLUDE_METADATA
    as_of: Milliseconds | None = Field(None, description="Answer as of this past moment.")


class Stats(QueryBase):
    """Counts by status and the mean activation of the active memories."""

    type: Literal["stats"] = "stats"


class ConceptQuery(QueryBase):
    """One concept and all relations at it, strongest first."""

    type: Literal["concept"] = "concept"
    name: ConceptName
    offset: Annotated[int, Field(ge=0, le=limits.LIST_OFFSET_MAX), WHOLE] = 0
    limit: Annotated[int, Field(ge=1, le=limits.LIST_OFFSET_MAX), WHOLE] | None = Field(
        None, description="At most so many relations; absent: all, if a record can hold them."
    )


class Spread(QueryBase):
    """Concepts near the active ones, by the strongest path."""

    type: Literal["spread"] = "spread"
    active_concepts: Concepts
    depth: Annotated[int, Field(ge=1, le=limits.SPREAD_DEPTH_MAX), WHOLE] = 2
    limit: Annotated[int, Field(ge=1, le=limits.SPREAD_LIMIT_MAX), WHOLE] = 10


class GraphExport(QueryBase):
    """Concepts and the relations among them."""

    type: Literal["graph_export"] = "graph_export"
    limit: Annotated[int, Field(ge=1, le=limits.EXPORT_LIMIT_MAX), WHOLE] = 200


class Runs(QueryBase):
    """The runs of maintenance, newest first."""

    type: Literal["runs"] = "runs"
    limit: Annotated[int, Field(ge=1, le=limits.LIST_LIMIT_MAX), WHOLE] = 50
    job: Job | None = None


class RunQuery(QueryBase):
    """One run of maintenance: how far it is, or what it did."""

    type: Literal["run"] = "run"
    run_id: UUID


class WorkingMemoryQuery(QueryBase):
    """Ask for the memories in focus now, without touching them."""

    type: Literal["working_memory"] = "working_memory"


class ParametersQuery(QueryBase):
    """The model's parameters that hold in a namespace."""

    type: Literal["parameters"] = "parameters"


class Namespaces(QueryBase):
    """The namespaces of the installation by name, each with its counts.

    Of all namespaces, whichever it is asked in.
    """

    type: Literal["namespaces"] = "namespaces"
    prefix: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="Only those that begin so."
    )
    limit: Annotated[int, Field(ge=1, le=limits.LIST_LIMIT_MAX), WHOLE] = 50
    cursor: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="The last page's `next_cursor`."
    )


class RebuildQuery(QueryBase):
    """Ask for the progress of a rebuild of the read side, if there is one."""

    type: Literal["rebuild"] = "rebuild"


class Ping(QueryBase):
    """An empty request: is anyone there, and how long does the way take?"""

    type: Literal["ping"] = "ping"


Query = Annotated[
    Search
    | Recall
    | Inspect
    | ListMemories
    | Select
    | Stats
    | ConceptQuery
    | Spread
    | GraphExport
    | Runs
    | RunQuery
    | WorkingMemoryQuery
    | ParametersQuery
    | Namespaces
    | RebuildQuery
    | Ping,
    Field(discriminator="type"),
]
QUERY: TypeAdapter[Query] = TypeAdapter(Query)


class Explanation(Message):
    """The parts of an activation, in nats; they add up to it."""

    base: float
    spreading: float
    match: float
    emotion: float
    adjustment: float
    noise: float


class TraceReason(Message):
    """One use of a memory, and how much of B is left of it (a fresh use has 1)."""

    accessed_at: Milliseconds
    kind: str
    strength: float


class Reasons(Message):
    """The reasons for an activation; everything in nats but where it says otherwise.

    `match` is the sum of similarity of meaning, `words`, `speaker`, `length`, `time`, `inherited`;
    `spreading` that of `concepts` and `neighbours`. The words count those of the neighbours too,
    which belong to `neighbours` in the sum.
    """

    retrieval_threshold: float
    retrieval_probability: float = Field(description="0 to 1, with noise as configured.")
    retrieval_latency_seconds: float = Field(description="As the model predicts it for people.")
    cosine: float = Field(description="Similarity of meaning, -1 to 1.")
    bm25: float = Field(description="Similarity of words, no unit.")
    words: dict[str, float] = Field(description="By term of the query.")
    speaker: float
    length: float
    time: float | None = Field(
        None, description="It is from when the question asks about; none if it names no time."
    )
    inherited: float = Field(0.0, description="Of the memories in `supersedes`, which match more.")
    supersedes: list[MemoryId] = Field([], description="Found as well, and out of date.")
    neighbours: float
    previous: MemoryId | None = None
    next: MemoryId | None = None
    concepts: dict[str, float] = Field(description="By active concept.")
    traces: list[TraceReason] = Field(description="The strongest, at most 10.")


class Found(Message):
    """One memory of a search. `activation` ranked it, before the access this search caused."""

    memory_id: MemoryId
    content: str
    memory_type: MemoryType
    activation: float
    similarity: float
    created_at: LocalMilliseconds
    last_accessed: Milliseconds
    access_count: int
    status: Status
    tags: Tags
    session: Session | None = None
    speaker: Speaker | None = None
    superseded_by: MemoryId | None = Field(None, description="What a newer memory says instead.")
    expires_at: Milliseconds | None = _EXPIRES_AT
    copies: int | None = Field(None, description="So many say the same, if more than it.")
    metadata: Metadata | None = Field(None, description="With `include_metadata`.")
    explanation: Explanation | None = None
    reasons: Reasons | None = Field(None, description="With `explain`.")


class SearchResult(Message):
    results: list[Found]
    count: int
    best_below: float | None = Field(None, description="The best activation if all are too low.")


class RecallResult(Message):
    memory_id: MemoryId
    content: str
    activation: float
    memory_type: MemoryType
    created_at: LocalMilliseconds
    last_accessed: Milliseconds
    access_count: int
    explanation: Explanation | None = None


class AccessRecord(Message):
    accessed_at: Milliseconds
    kind: str
    context: str | None


class InspectResult(RecallResult):
    status: Status
    salience: Fraction
    emotion_valence: float
    emotion_arousal: Fraction
    decay_rate: float
    effective_decay_rate: float
    access_history: list[AccessRecord]
    context: str | None
    tags: Tags
    metadata: Metadata
    concepts: Concepts
    session: Session | None
    speaker: Speaker | None
    pinned: bool
    recorded_at: Milliseconds
    expires_at: Milliseconds | None = _EXPIRES_AT
    superseded_by: MemoryId | None = None
    derived_from: list[Source] = Field([], description="The memories it was made of.")
    derivatives: list[MemoryId] = Field(
        [], description="Memories that were made of it and are not deleted, at most 100."
    )
    corrections: list[CorrectionRecord] = Field(
        [], description="Those that hold, newest first; of more than 16 the oldest are in the log."
    )
    course: Course | None = Field(None, description="Where it was asked for.")


class Listed(Message):
    memory_id: MemoryId
    content: str
    memory_type: MemoryType
    activation: float
    salience: Fraction
    status: Status
    access_count: int
    created_at: LocalMilliseconds
    last_accessed: Milliseconds
    tags: Tags
    expires_at: Milliseconds | None = _EXPIRES_AT
    metadata: Metadata | None = Field(None, description="With `include_metadata`.")


class ListResult(Message):
    memories: list[Listed]
    offset: int
    limit: int
    total: int
    next_cursor: str | None


class StatsResult(Message):
    total: int
    active: int
    decayed: int
    deleted: int
    avg_activation: float


class ConceptNode(Message):
    """A concept, as the graph shows it."""

    name: ConceptName
    type: ConceptType
    activation: Fraction


class RelationEdge(Message):
    """A relation of two concepts, source and target as stored."""

    source: ConceptName
    target: ConceptName
    relation_type: str
    weight: Fraction


class RelationAt(RelationEdge):
    """A relation as one of its ends sees it; one from a concept to itself is `out`."""

    direction: Literal["out", "in"]


class ConceptResult(ConceptNode):
    """A concept and the relations at it, strongest first. `total`: all there are."""

    aliases: list[ConceptName]
    relationships: list[RelationAt]
    total: int


class Reached(Message):
    """A concept near the active ones; `path_weight` by the strongest path from each, 0 to 1."""

    name: ConceptName
    activation: Fraction
    path_weight: float


class SpreadResult(Message):
    results: list[Reached]


class GraphResult(Message):
    """The most active concepts, then the most connected, and the relations among them.

    `total`: all concepts.
    """

    nodes: list[ConceptNode]
    edges: list[RelationEdge]
    total: int


class RunSummary(Message):
    """`effects` counts what the read side has folded of the run, by kind of event.

    A run stands for one moment, so `completed_at` is `began_at`; `seconds` says how long it took.

    `error`: why it failed, if it did; also of one that was undone afterwards.
    """

    run_id: MemoryId
    job: str
    status: RunStatus
    began_at: Milliseconds
    completed_at: Milliseconds | None = None
    undone_at: Milliseconds | None = None
    phase: str | None = None
    done: int = 0
    total: int = 0
    effects: dict[str, int] = {}
    report: dict[str, JsonValue] = {}
    error: ErrorReply | None = None
    downscaling_nats: float | None = None
    seconds: float | None = Field(
        None, description="How long the attempt took that came to the end."
    )


class RunsResult(Message):
    runs: list[RunSummary]
    count: int


class InFocus(Message):
    memory_id: MemoryId
    content: str
    memory_type: MemoryType
    activation: float
    last_accessed: Milliseconds
    concepts: Concepts


class WorkingMemoryResult(Message):
    """Of the memories stored or used lately the most active, the most active first."""

    memories: list[InFocus]
    capacity: int
    window_seconds: float


class Pong(Message):
    version: str
