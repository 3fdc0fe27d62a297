"""Arguments that the client's methods take by name, beyond the published client's."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal, TypedDict

Moment = datetime | str

# By strategy of forgetting: the parameters that it reads.
STRATEGY_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "strategic_prune": ("goals",),
    "capacity_overflow": ("capacity",),
    "interference": ("memory_id",),
    "rif": ("retrieved",),
}


class Whose(TypedDict, total=False):
    """The memory a method is about, where it is not the client's own."""

    namespace: str | None


class Keyed(Whose, total=False):
    """The argument of a method that may be repeated under a key."""

    idempotency_key: str | None


class StoreMore(Keyed, total=False):
    """The arguments of `store` beyond the published client's, by name.

    `derived_from`: ids, or `{"memory_id": ..., "weight": ...}`. `emotion`: valence, arousal and
    salience.
    """

    tags: Sequence[str]
    metadata: Mapping[str, Any]
    concepts: Sequence[str]
    emotion: Mapping[str, float]
    session: str
    speaker: str
    pinned: bool
    expires_at: Moment
    occurred_at: Moment
    if_equal: Literal["add", "strengthen"]
    derived_from: Sequence[str | Mapping[str, Any]]


class TurnMore(Keyed, total=False):
    """The arguments of `add`, by name: what all messages of the turn have in common."""

    session: str
    context: str
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    occurred_at: Moment
    expires_at: Moment


class Conditions(TypedDict, total=False):
    """The memories that are meant, by name.

    `filter`: what the metadata must say, such as `{"kind": "invoice", "total": {"$gte": 100}}`.
    """

    types: Sequence[str]
    tags: Sequence[str]
    filter: Mapping[str, Any]
    session: str
    speaker: str
    since: Moment
    until: Moment


class SearchMore(Keyed, Conditions, total=False):
    """The arguments of `search` beyond the published client's, by name."""

    as_of: Moment
    utc_offset: int
    context: str
    active_concepts: Sequence[str]
    record_access: bool
    include_decayed: bool | None
    include_metadata: bool
    noise: bool
    seed: int
    explain: bool
    collapse: bool
    parameters: Mapping[str, float]


class RecallMore(Whose, total=False):
    """The arguments of `recall` beyond the published client's, by name."""

    context: str | None
    as_of: Moment
    record_access: bool
    explain: bool


class InspectMore(Whose, total=False):
    """The arguments of `inspect` beyond the published client's, by name.

    `course`: about so many points of its activation, from its creation until it fades.
    """

    as_of: Moment
    course: int


class UsedMore(Keyed, total=False):
    """The arguments of `used`, by name. `kind`: used, recall or rehearsal."""

    kind: str
    context: str | None
    occurred_at: Moment


class ReasonMore(Whose, total=False):
    """The arguments of `forget` and `restore`, by name. `reason`: for people who read the log."""

    reason: str


class CorrectMore(Keyed, total=False):
    """The arguments of `correct`, by name; what is absent stays as it is.

    `expires_at`: a moment to come, or "never". `reversed`: take the latest correction back.
    `reason`: for people who read the log.
    """

    tags: Sequence[str]
    metadata: Mapping[str, Any]
    expires_at: Moment
    reason: str
    reversed: bool


class MatchingMore(Keyed, Conditions, total=False):
    """The conditions of `forget_matching`, by name; `reason`: for people who read the log."""

    reason: str


class ListMore(Whose, total=False):
    """The filters of `list` and `page`, by name."""

    cursor: str
    status: str
    memory_type: str
    tag: str
    filter: Mapping[str, Any]
    session: str
    speaker: str
    include_metadata: bool
    as_of: Moment


class RunsMore(Whose, total=False):
    """The arguments of `runs`, by name."""

    job: str | None
    limit: int


class NamespacesMore(TypedDict, total=False):
    """The arguments of `namespaces`, by name."""

    prefix: str | None
    limit: int
    cursor: str | None


class LetterFilters(TypedDict, total=False):
    """The dead letters that a call is about, by name."""

    topic: str | None
    code: str | None
    service: str | None
    key: str | None
    contains: str | None
    since: Moment | None
    until: Moment | None


class LettersMore(LetterFilters, total=False):
    """The arguments of `dead_letters`, by name."""

    state: str | None


class ConceptMore(Keyed, total=False):
    """The arguments of `add_concept` beyond the published client's, by name."""

    aliases: Sequence[str]


class DeleteMore(Keyed, total=False):
    """The arguments of `delete_concept` and `delete_namespace`, by name. `reason`: for people who
    read the log."""

    reason: str


def unexpected(method: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for an argument that a method does not have."""
    # As in schemas.problems, which the client does not bring along.
    near = get_close_matches(name, list(known), n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return TypeError(f"{method} got an unexpected keyword argument {name!r}{meant}")
