"""Reconsolidation: of what a search brings up, a newer statement may put an older out of date.

Recalled memories are open to revision (Nader, 2003, Trends in Neurosciences 26:65); here it is also
the moment when both statements are at hand, and only those that matter are looked at.
"""

from collections.abc import Mapping
from itertools import islice

from cognition.language.supersession import COSINE_MIN, Statement, supersedes
from services.readside.columns import Memories
from services.readside.documents import Document
from services.readside.layout import NOBODY, unpack_changes
from services.retrieval.search.ranking import Ranking

# Of one search: later results hardly matter, and pairs grow with the square.
COMPARED_MAX = 20


def successions(ranking: Ranking, documents: Mapping[int, Document]) -> dict[int, int]:
    """Successions among the memories found: the newer that puts an older out of date, by older.

    `documents`: what they say, the best first.
    """
    found = list(islice(documents, COMPARED_MAX))
    said = [
        Statement(document.content, document.speaker, document.created_ms)
        for document in islice(documents.values(), COMPARED_MAX)
    ]
    cosines = ranking.candidates.columns.cosines_between(ranking.candidates.rows[found])
    newest_first = sorted(range(len(said)), key=lambda at: -said[at].time_ms)
    successors: dict[int, int] = {}
    for older, i in enumerate(found):
        if ranking.memories.states["superseded_ms"][i] or _taken_back(ranking.memories, i):
            continue
        for newer in newest_first:
            cosine = float(cosines[older, newer])
            if cosine >= COSINE_MIN and supersedes(said[older], said[newer], cosine=cosine):
                successors[i] = found[newer]
                break
    return successors


def _taken_back(memories: Memories, i: int) -> bool:
    """True if somebody has said that a memory is not out of date: that is not judged again."""
    changes = unpack_changes(memories.changes[i])
    return any(change.what == "superseded" and change.other == NOBODY for change in changes)
