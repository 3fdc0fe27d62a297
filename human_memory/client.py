"""The client, in the module where the published one has it."""

import builtins
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from human_memory._client import calls
from human_memory._client.arguments import (
    ConceptMore,
    CorrectMore,
    DeleteMore,
    InspectMore,
    Keyed,
    LetterFilters,
    LettersMore,
    ListMore,
    MatchingMore,
    NamespacesMore,
    ReasonMore,
    RecallMore,
    RunsMore,
    SearchMore,
    StoreMore,
    TurnMore,
    UsedMore,
)
from human_memory._client.calls import BATCH_SIZE_DEFAULT, Call
from human_memory._client.connecting import connect
from human_memory._client.guessing import guessing
from human_memory._client.turns import turn_items
from human_memory.models import (
    Concept,
    ConsolidationReport,
    DeadLetter,
    DecayReport,
    ForgetReport,
    Graph,
    MemoryCreated,
    MemoryDetail,
    MemoryInfo,
    MemoryItem,
    MemoryPage,
    NamespaceParameters,
    Namespaces,
    Rebuild,
    Relation,
    Restored,
    Run,
    RunReport,
    SearchResult,
    SentBack,
    SpreadResult,
    Stats,
    WorkingMemoryItem,
)

T = TypeVar("T")


@guessing
class Memory:
    """A memory for an agent, over `http://`, `https://` or, without a gateway, `kafka://host:port`.

    Every write is answered when reads show it. Use it as `with Memory(...) as memory:`,
    or call `close()` in the end. `namespace` tells memories apart; a method may name another one.

    Every method raises `HumanMemoryError` or one of its subclasses, and `TypeError` for a call that
    is none: an argument that is unknown, or that JSON can't carry.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8000",
        timeout: float = 30.0,
        *,
        namespace: str | None = None,
        api_key: str | None = None,
    ) -> None:
        """Connect with the first call, and anew in a forked process.

        `timeout`: the seconds that a call may take, with all it waits for and all its tries, and
        that `close()` may. None and infinity mean the longest that a service works on a call, ten
        minutes.
        """
        self._transport = connect(base_url, timeout, namespace=namespace, api_key=api_key)

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def store(
        self,
        content: str,
        memory_type: str = "episodic",
        context: str | None = None,
        **more: Unpack[StoreMore],
    ) -> MemoryCreated:
        """Store a new memory. With an `idempotency_key` a second time it is the same memory."""
        return self._send(calls.store(content, memory_type, context, more))

    def store_batch(
        self,
        items: Iterable[Mapping[str, Any]],
        *,
        progress: Callable[[int], None] | None = None,
        batch_size: int = BATCH_SIZE_DEFAULT,
        idempotency_key: str | None = None,
        namespace: str | None = None,
    ) -> builtins.list[MemoryCreated]:
        """Store many memories, each given as the arguments of `store`; all in one namespace.

        `progress` hears how many are stored, after each batch. With an `idempotency_key`, what a
        failure has left out is completed by a second call with the same items.
        """
        stored: builtins.list[MemoryCreated] = []
        answer: builtins.list[MemoryCreated]
        for number, batch in enumerate(calls.batches(items, batch_size)):
            key = None if idempotency_key is None else f"{idempotency_key}/{number}"
            whose: Keyed = {"idempotency_key": key, "namespace": namespace}
            call = calls.store_batch(batch, whose)
            answer = self._send(call)
            stored += answer
            if progress is not None:
                progress(len(stored))
        return stored

    def add(
        self, messages: Iterable[Mapping[str, Any]], **more: Unpack[TurnMore]
    ) -> builtins.list[MemoryCreated]:
        """Store a turn of a conversation: `{"role": ..., "content": ...}`, with a `name` if known.

        Each message with a text is a memory; those of system and tools are passed over. All are of
        one `session`, in their order.
        """
        return self.store_batch(
            turn_items(messages, more),
            idempotency_key=more.get("idempotency_key"),
            namespace=more.get("namespace"),
        )

    def search(
        self,
        query: str,
        top_k: int = 7,
        min_activation: float | None = None,
        **more: Unpack[SearchMore],
    ) -> builtins.list[SearchResult]:
        """Memories about something, ranked by activation; what it returns gets stronger."""
        return self._send(calls.search(query, top_k, min_activation, more))

    def recall(self, memory_id: str, **more: Unpack[RecallMore]) -> MemoryInfo:
        """A memory by its id; it gets stronger."""
        return self._send(calls.recall(memory_id, more))

    def used(self, memory_ids: Iterable[str], **more: Unpack[UsedMore]) -> None:
        """Say that memories were of use, for example in an answer; they get stronger."""
        return self._send(calls.used(builtins.list(memory_ids), more))

    def forget(self, memory_id: str, **more: Unpack[ReasonMore]) -> bool:
        """Soft-delete a memory; `restore` undoes it."""
        return self._send(calls.forget(memory_id, more))

    def forget_matching(
        self,
        *,
        all: bool = False,  # noqa: A002 the contract's name
        dry_run: bool = False,
        **more: Unpack[MatchingMore],
    ) -> int:
        """Forget all that meet conditions, or `all` of the namespace; how many those are."""
        return self._send(calls.forget_matching(all, dry_run, more))

    def restore(self, memory_id: str, **more: Unpack[ReasonMore]) -> Restored:
        """Bring back a memory that decayed or was forgotten."""
        return self._send(calls.restore(memory_id, more))

    def supersede(
        self,
        memory_id: str,
        superseded_by: str,
        *,
        reversed: bool = False,  # noqa: A002 the contract's name
        **more: Unpack[Keyed],
    ) -> None:
        """Say that a newer memory holds instead of an older one; `reversed` takes it back."""
        return self._send(calls.supersede(memory_id, superseded_by, reversed, more))

    def correct(
        self, memory_id: str, content: str | None = None, **more: Unpack[CorrectMore]
    ) -> MemoryDetail:
        """Correct what a memory says; its id and its uses stay. `reversed` takes it back."""
        return self._send(calls.correct(memory_id, content, more))

    def inspect(self, memory_id: str, **more: Unpack[InspectMore]) -> MemoryDetail:
        """Everything about a memory, in any status, without touching it."""
        return self._send(calls.inspect(memory_id, more))

    def list(
        self, offset: int = 0, limit: int = 50, **more: Unpack[ListMore]
    ) -> builtins.list[MemoryItem]:
        """Memories of all statuses by activation, without touching them."""
        return self._send(calls.list_items(offset, limit, more))

    def page(self, offset: int = 0, limit: int = 50, **more: Unpack[ListMore]) -> MemoryPage:
        """As `list`, with the total and a cursor that goes on without repeats or gaps."""
        return self._send(calls.list_page(offset, limit, more))

    def working_memory(self, *, namespace: str | None = None) -> builtins.list[WorkingMemoryItem]:
        """Return the memories in focus now, the strongest first."""
        return self._send(calls.working_memory({"namespace": namespace}))

    def add_concept(
        self,
        name: str,
        type: str = "concept",  # noqa: A002 the published client's name
        activation: float = 0.8,
        **more: Unpack[ConceptMore],
    ) -> Concept:
        """Create a concept of the graph, or overwrite its type and activation."""
        return self._send(calls.add_concept(name, type, activation, more))

    def get_concept(self, name: str, *, namespace: str | None = None) -> Concept:
        """A concept and all relations at it."""
        return self._send(calls.get_concept(name, {"namespace": namespace}))

    def rename_concept(self, name: str, new_name: str, **more: Unpack[Keyed]) -> Concept:
        """Give a concept another name. The old one still means it, in texts and in calls.

        Raises:
            ValidationFailed: another concept has that name; merge it into that one instead.
        """
        return self._send(calls.rename_concept(name, new_name, more))

    def merge_concept(self, name: str, into: str, **more: Unpack[Keyed]) -> Concept:
        """Make a concept one with another, which stays and takes over memories and relations."""
        return self._send(calls.merge_concept(name, into, more))

    def delete_concept(self, name: str, **more: Unpack[DeleteMore]) -> None:
        """Delete a concept, its relations and its links to memories. The memories stay."""
        return self._send(calls.delete_concept(name, more))

    def add_relation(
        self,
        source: str,
        target: str,
        relation_type: str,
        weight: float = 1.0,
        **more: Unpack[Keyed],
    ) -> Relation:
        """Create a typed relation of two concepts, or overwrite its weight."""
        relation = {
            "source": source,
            "target": target,
            "relation_type": relation_type,
            "weight": weight,
        }
        return self._send(calls.add_relation(relation, more))

    def spread(
        self,
        concepts: builtins.list[str],
        depth: int = 2,
        limit: int = 10,
        *,
        namespace: str | None = None,
    ) -> builtins.list[SpreadResult]:
        """Concepts near the given ones, by the strongest paths."""
        return self._send(calls.spread(concepts, depth, limit, {"namespace": namespace}))

    def export_graph(self, limit: int = 200, *, namespace: str | None = None) -> Graph:
        """Concepts and the relations among them."""
        return self._send(calls.export_graph(limit, {"namespace": namespace}))

    def decay(self, *, namespace: str | None = None) -> DecayReport:
        """Archive what has faded below the threshold. Also happens by itself."""
        return self._send(calls.decay({"namespace": namespace}))

    def consolidate(self, *, namespace: str | None = None) -> ConsolidationReport:
        """Replay, extract, prune, compile: what sleep does. Also happens by itself."""
        return self._send(calls.consolidate({"namespace": namespace}))

    def forget_strategy(self, strategy: str, **params: object) -> ForgetReport:
        """Forget on purpose: strategic_prune, capacity_overflow, interference or rif.

        `namespace`, if it is among `params`, says whose memory, as in the other methods.
        """
        return self._send(calls.forget_strategy(strategy, params))

    def start_run(
        self,
        job: str,
        parameters: Mapping[str, Any] | None = None,
        **more: Unpack[Keyed],
    ) -> RunReport:
        """Run a job of maintenance now: decay, consolidation, capacity, strategic_prune, ..."""
        return self._send(calls.start_run(job, parameters or {}, more))

    def runs(self, **more: Unpack[RunsMore]) -> builtins.list[Run]:
        """The runs of maintenance, newest first."""
        return self._send(calls.runs(more))

    def get_run(self, run_id: str, *, namespace: str | None = None) -> Run:
        """A run of maintenance: how far it is, or what it did and why."""
        return self._send(calls.get_run(run_id, {"namespace": namespace}))

    def cancel_run(self, run_id: str, *, namespace: str | None = None) -> RunReport:
        """Stop a run at its next safe point. What it did so far stays."""
        return self._send(calls.cancel_run(run_id, {"namespace": namespace}))

    def undo_run(self, run_id: str, *, namespace: str | None = None) -> RunReport:
        """Take back all that a run did."""
        return self._send(calls.undo_run(run_id, {"namespace": namespace}))

    def parameters(self, *, namespace: str | None = None) -> NamespaceParameters:
        """The model's parameters that hold in the namespace, set or by default."""
        return self._send(calls.parameters({"namespace": namespace}))

    def set_parameters(self, parameters: Mapping[str, float], **more: Unpack[Keyed]) -> None:
        """Set the model's parameters; all that are not named get their defaults."""
        return self._send(calls.set_parameters(parameters, more))

    def namespaces(self, **more: Unpack[NamespacesMore]) -> Namespaces:
        """The namespaces of the installation, each with its counts; `cursor` goes on."""
        return self._send(calls.namespaces(more))

    def delete_namespace(self, confirm: str, **more: Unpack[DeleteMore]) -> None:
        """Delete the namespace with all that is in it, for good. `confirm`: its name once more."""
        return self._send(calls.delete_namespace(confirm, more))

    def rebuild(self) -> Rebuild:
        """Return the progress of a rebuild of the read side, if there is one."""
        return self._send(calls.rebuild())

    def dead_letters(
        self, last: int = 50, **more: Unpack[LettersMore]
    ) -> builtins.list[DeadLetter]:
        """The newest records that could not be processed, why, and what became of them."""
        return self._send(calls.dead_letters(last, more))

    def get_dead_letter(self, place: str) -> DeadLetter:
        """One of them, whole."""
        return self._send(calls.get_dead_letter(place))

    def replay_dead_letters(
        self,
        places: Iterable[str] = (),
        *,
        all: bool = False,  # noqa: A002 the API's name
        again: bool = False,
        **more: Unpack[LetterFilters],
    ) -> builtins.list[SentBack]:
        """Send them back to where they came from, each once unless `again`."""
        return self._send(calls.replay_dead_letters(builtins.list(places), all, again, more))

    def discard_dead_letters(
        self,
        places: Iterable[str] = (),
        *,
        all: bool = False,  # noqa: A002 the API's name
        **more: Unpack[LetterFilters],
    ) -> builtins.list[str]:
        """Mark them as done with: those at some places, or all that wait."""
        return self._send(calls.discard_dead_letters(builtins.list(places), all, more))

    def stats(self, *, namespace: str | None = None) -> Stats:
        """Counts by status, and the mean activation."""
        return self._send(calls.stats({"namespace": namespace}))

    def ready(self) -> dict[str, str]:
        """Return the state of each part: `ok`, `error` or `timeout`."""
        return self._send(calls.ready())

    def _send(self, call: Call[T]) -> T:
        return self._transport.send(call)
