"""Phase 2, extract: what several episodes say becomes a fact."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import ValidationError

from cognition.base_level import IntArray
from cognition.clustering import ClusterRule, key_terms, medoid, mutual_clusters, nearest_elsewhere
from cognition.consolidation import fact_confidence
from cognition.language.lasting import lasting
from cognition.language.text import terms, words
from schemas.fields import Emotion, Source
from schemas.inbox import Concept, InboxMessage, Relation, Store
from schemas.jobs import ConsolidationJob
from services.maintenance.events import rehearsed_event, revived_event
from services.maintenance.phrasing import Nonsense, WordingFailed
from services.maintenance.similarity import Likeness
from services.maintenance.snapshot import FACT, SKILL, Gathered
from services.maintenance.work import Work
from services.readside.documents import Document
from services.readside.runs import RUN_METADATA

SEEDS_MAX, CLUSTERED_MAX, NEAREST = 2_000, 5_000, 10
SEEDS_AT_ONCE = 256
# A fact that says the same, or that comes of at least half of the same episodes, is the same.
SAME_COSINE, SAME_MEMBERS = 0.9, 0.5
CONFIDENCE_MIN = 0.5
KEY_TERMS = 5
EXTRACTION = "extraction"
WORD_CHARACTERS_MAX = 64
TOPICS = 2
CONCEPT_ACTIVATION = 0.5


@dataclass
class Extracted:
    """The results of the phase.

    `left`: facts of just these episodes, made or forgotten before. `unaided`: facts for which the
    language model found no usable words, so that an episode's own stand there.
    """

    facts: list[str] = field(default_factory=list)
    strengthened: int = 0
    unworded: int = 0
    left: int = 0
    unaided: int = 0
    error: str | None = None

    def leave(self, why: str | None = None) -> None:
        """A cluster stays without a fact; the first reason is told."""
        self.unworded += 1
        self.error = self.error or why


@dataclass(frozen=True)
class Worded:
    """A fact's sentence, None if there is none; who found it, and why not the language model.

    `row`: of the episode whose own words it is.
    """

    text: str | None
    by: str
    problem: str | None = None
    row: int | None = None


@dataclass(frozen=True)
class Cluster:
    """Rows of episodes that say the same, the one in the middle, and what they have in common.

    `occasions`: on which each was said, by row of the first episode there.
    """

    rows: list[int]
    middle: int
    terms: list[str]
    occasions: frozenset[int]

    @property
    def support(self) -> int:
        """The number of occasions on which it was said: repeats in one conversation count once."""
        return len(self.occasions)


async def extract(work: Work, gathered: Gathered, clusters: list[Cluster]) -> Extracted:
    """Store a fact for each cluster that has none, strengthen those that have."""
    done = Extracted()
    known = [int(i) for i in gathered.of_type(FACT)]
    likeness = Likeness(work.embedder)
    await likeness.learn([gathered.documents[fact].content for fact in known])
    for number, cluster in enumerate(clusters):
        work.check()
        nearest, cosine = await likeness.nearest(gathered.documents[cluster.middle].content)
        if cosine >= SAME_COSINE and nearest >= len(known):
            continue  # two clusters that say the same: the first one's fact stands for both
        fact = known[nearest] if cosine >= SAME_COSINE else _same_fact(gathered, cluster, known)
        if fact is not None:
            if _adds_to(gathered, cluster, fact):
                event = revived_event if gathered.faded[fact] else rehearsed_event
                await work.emit([event(work.run, gathered.ids[fact])])
                done.strengthened += 1
            continue
        there = await work.stored(fact_key(gathered, cluster))
        if there is not None and there.content is None:
            done.left += 1
            await likeness.learn([gathered.documents[cluster.middle].content])
            continue
        try:
            # What an earlier attempt at this run has stored keeps its words.
            worded = Worded(there.content, "") if there else await _worded(work, gathered, cluster)
        except WordingFailed as error:
            done.error = str(error)
            break
        if worded.text is None:
            done.leave()
            continue
        if worded.problem is not None:
            done.unaided += 1
            done.error = done.error or f"the language model answers nonsense: {worded.problem}"
        try:
            stored = there.memory_id if there else await _store(work, gathered, cluster, worded)
        except ValidationError:
            done.leave("a sentence was worded that no memory may hold")
            continue
        done.facts.append(stored)
        await likeness.learn([worded.text])
        await _relate(work, gathered, cluster)
        await work.progress("extract", done=number + 1, total=len(clusters), step=number + 1)
    return done


def clusters_of(gathered: Gathered, job: ConsolidationJob, *, now_ms: int) -> list[Cluster]:
    """Clusters with something recent in them, among the episodes near to what is recent."""
    episodes = gathered.of_type(FACT, SKILL, but=True)
    recent = gathered.recent(now_ms - round(1000 * job.window_seconds))
    seeds = _newest(gathered, episodes[recent[episodes]], SEEDS_MAX)
    if len(seeds) == 0:
        return []
    near = _with_neighbours(gathered, seeds, episodes)
    found = mutual_clusters(
        gathered.vectors[near].astype(np.float64),
        gathered.states["created_ms"][near] / 1000.0,
        occasion=gathered.occasion[near],
        rule=ClusterRule(neighbours=NEAREST, cosine_min=job.cosine_min),
    )
    said = {int(i): _named(terms(gathered.documents[i].content)) for i in near.tolist()}
    frequencies = Counter(term for each in said.values() for term in set(each))
    clusters = []
    for group in found:
        rows = [int(near[i]) for i in group]
        said_on = frozenset(gathered.occasion[rows].tolist())
        if not recent[rows].any() or fact_confidence(len(said_on), 0) <= CONFIDENCE_MIN:
            continue
        middle = rows[medoid(gathered.vectors[rows].astype(np.float64))]
        common = key_terms(
            [said[row] for row in rows],
            document_frequencies=frequencies,
            total=len(near),
            count=KEY_TERMS,
        )
        clusters.append(Cluster(rows, middle, common, said_on))
    return clusters


def fact_key(gathered: Gathered, cluster: Cluster) -> str:
    """The key of the fact of these episodes, whichever run stores it and however often."""
    members = "\x1f".join(sorted(gathered.ids[row] for row in cluster.rows))
    return f"fact:{hashlib.sha256(members.encode()).hexdigest()}"


async def _worded(work: Work, gathered: Gathered, cluster: Cluster) -> Worded:
    """The language model's sentence; without one, or where it makes no sense, an episode's own.

    Raises:
        WordingFailed: it does not answer now. Its sentence is worth waiting for.
    """
    problem = None
    if work.wording is not None:
        texts = [gathered.documents[row].content for row in cluster.rows]
        try:
            return Worded(await work.wording.fact(texts), work.wording.name)
        except Nonsense as error:
            problem = str(error)
    return _own_words(gathered, cluster, problem)


def _own_words(gathered: Gathered, cluster: Cluster, problem: str | None) -> Worded:
    """The sentence of the episode nearest to the middle that holds beyond its occasion.

    It has a term of what the episodes have in common; none if they only greet, ask or tell.
    """
    closeness = gathered.vectors[cluster.rows] @ gathered.vectors[cluster.middle]
    for at in np.argsort(-closeness, kind="stable").tolist():
        row = cluster.rows[at]
        text = lasting(gathered.documents[row].content)
        if text and (not cluster.terms or not set(cluster.terms).isdisjoint(terms(text))):
            return Worded(text, EXTRACTION, problem, row)
    return Worded(None, EXTRACTION, problem)


async def _store(work: Work, gathered: Gathered, cluster: Cluster, worded: Worded) -> str:
    assert worded.text is not None
    vectors = gathered.vectors[cluster.rows]
    centre = vectors.mean(axis=0)
    cosines = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    states = gathered.states[cluster.rows]
    told = cluster.rows if worded.row is None else [worded.row]
    speakers = {gathered.documents[row].speaker for row in told}
    concepts = Counter(name for row in cluster.rows for name in gathered.documents[row].concepts)
    command = Store(
        namespace=work.run.namespace,
        idempotency_key=fact_key(gathered, cluster),
        occurred_at=work.run.now_ms,
        content=worded.text,
        memory_type=FACT,
        tags=["consolidated"],
        metadata={
            RUN_METADATA: str(work.run.run_id),
            "support": cluster.support,
            "confidence": round(fact_confidence(cluster.support, 0), 3),
            "key_terms": list(cluster.terms),
            "worded_by": worded.by,
        },
        concepts=[name for name, count in concepts.items() if 2 * count >= len(cluster.rows)][:50],
        emotion=Emotion(
            valence=float(states["valence"].mean()),
            arousal=float(states["arousal"].mean()),
            salience=float(states["salience"].mean()),
        ),
        speaker=speakers.pop() if len(speakers) == 1 else None,
        derived_from=[
            Source(memory_id=UUID(gathered.ids[row]), weight=float(np.clip(cosine, 0.0, 1.0)))
            for row, cosine in zip(cluster.rows, cosines, strict=True)
        ],
    )
    return str((await _ask(work, command))["memory_id"])


async def _relate(work: Work, gathered: Gathered, cluster: Cluster) -> None:
    """The two topics of a fact become concepts, related by how often they go together."""
    topics = _topics(gathered, cluster)
    run, namespace = work.run.run_id, work.run.namespace
    # What an earlier attempt has added does not count: the relation may still be missing. Nor
    # does what another run has: it must stay when that one is undone.
    there = await work.side.concepts(namespace, topics)
    known = {name for name, of_runs in there.items() if not of_runs}
    for name in topics:
        if name not in known:  # another one's type and activation stay as they are
            await _ask(
                work,
                Concept(
                    namespace=namespace,
                    name=name,
                    concept_type="topic",
                    activation=CONCEPT_ACTIVATION,
                    idempotency_key=_key(str(run), "concept", name),
                    run_id=run,
                ),
            )
    if len(topics) == TOPICS and not known.issuperset(topics):
        both = sum(_says(gathered, row, cluster.terms[:TOPICS]) for row in cluster.rows)
        await _ask(
            work,
            Relation(
                namespace=namespace,
                source=topics[0],
                target=topics[1],
                relation_type="related_to",
                weight=both / len(cluster.rows),
                idempotency_key=_key(str(run), "relation", *topics),
                run_id=run,
            ),
        )


async def _ask(work: Work, command: InboxMessage) -> dict[str, Any]:
    result, position = await work.log.ask(command)
    work.position = position or work.position
    return result


def _topics(gathered: Gathered, cluster: Cluster) -> list[str]:
    """The first key terms as they are mostly written."""
    written: dict[str, Counter[str]] = {}
    for row in cluster.rows:
        for word in _named(words(gathered.documents[row].content)):
            of_word = terms(word)
            for term in of_word:
                # What is written without spaces is a sentence: of it, the term alone.
                label = term if len(of_word) > 2 else word
                written.setdefault(term, Counter())[label] += 1
    named = [written[term] for term in cluster.terms[:TOPICS] if term in written]
    return [min((-count, word) for word, count in forms.items())[1] for forms in named]


def _named(found: list[str]) -> list[str]:
    """Without numbers, keys, hashes and the like, which are no topic; some are too long for one."""
    return [word for word in found if len(word) <= WORD_CHARACTERS_MAX and not word.isnumeric()]


def _says(gathered: Gathered, row: int, wanted: list[str]) -> bool:
    return set(wanted) <= set(terms(gathered.documents[row].content))


def _same_fact(gathered: Gathered, cluster: Cluster, facts: list[int]) -> int | None:
    members = {gathered.ids[row] for row in cluster.rows}
    for fact in facts:
        sources = _sources(gathered.documents[fact])
        shared = len(members & sources) / max(1, len(sources))
        if shared >= SAME_MEMBERS:
            return fact
    return None


def _adds_to(gathered: Gathered, cluster: Cluster, fact: int) -> bool:
    """Only an occasion that the fact does not come of, nor was strengthened by, is evidence."""
    sources = _sources(gathered.documents[fact])
    occasion = gathered.occasion
    known = {int(occasion[row]) for row, name in enumerate(gathered.ids) if name in sources}
    return any(
        gathered.is_new_to(row, fact) and int(occasion[row]) not in known for row in cluster.rows
    )


def _sources(document: Document) -> set[str]:
    return {source["memory_id"] for source in document.derived_from}


def _newest(gathered: Gathered, rows: IntArray, count: int) -> IntArray:
    order = np.argsort(-gathered.states["created_ms"][rows], kind="stable")[:count]
    return np.sort(rows[order])


def _with_neighbours(gathered: Gathered, seeds: IntArray, episodes: IntArray) -> IntArray:
    """The seeds and the episodes of other occasions nearest to each, at most CLUSTERED_MAX."""
    if len(episodes) <= NEAREST + 1:
        return episodes
    near = set(seeds.tolist())
    occasion = gathered.occasion
    for start in range(0, len(seeds), SEEDS_AT_ONCE):
        if len(near) >= CLUSTERED_MAX:
            break
        some = seeds[start : start + SEEDS_AT_ONCE]
        cosines = gathered.vectors[some] @ gathered.vectors[episodes].T
        _, best = nearest_elsewhere(cosines, occasion[episodes], occasion[some], count=NEAREST)
        near |= set(episodes[best].tolist())
    return np.array(sorted(near), np.intp)


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
