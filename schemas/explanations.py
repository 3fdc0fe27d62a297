"""Reasons for the activation of a memory that a search has found."""

from pydantic import Field

from schemas.fields import MemoryId, Message, Milliseconds


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
