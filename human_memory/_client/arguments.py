"""Arguments that the client's methods take by name, beyond the published client's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

Moment = datetime | str


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
    occurred_at: Moment
    derived_from: Sequence[str | Mapping[str, Any]]


class SearchMore(Keyed, total=False):
    """The arguments of `search` beyond the published client's, by name."""

    types: Sequence[str]
    tags: Sequence[str]
    since: Moment
    until: Moment
    as_of: Moment
    context: str
    active_concepts: Sequence[str]
    record_access: bool
    include_decayed: bool
    include_metadata: bool
    noise: bool
    seed: int
    explain: bool
    parameters: Mapping[str, float]


class RecallMore(Whose, total=False):
    """The arguments of `recall` beyond the published client's, by name."""

    context: str | None
    as_of: Moment
    record_access: bool
    explain: bool


class InspectMore(Whose, total=False):
    """The arguments of `inspect` beyond the published client's, by name."""

    as_of: Moment


class UsedMore(Keyed, total=False):
    """The arguments of `used`, by name. `kind`: used, recall or rehearsal."""

    kind: str
    context: str | None
    occurred_at: Moment


class ReasonMore(Whose, total=False):
    """The arguments of `forget` and `restore`, by name. `reason`: for people who read the log."""

    reason: str


class ListMore(Whose, total=False):
    """The filters of `list` and `page`, by name."""

    cursor: str
    status: str
    memory_type: str
    tag: str
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
