"""The rows of the table, and the bounds they are held against."""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["embed", "embed-batch", "knn", "ping", "produce", "search", "store"]
QUICK_DIVISOR = 4
QUICK_COUNT_MIN = 50


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    `count` requests a round, `in_flight` of them at a time; 0: all at once. `bounds`: keys of rows
    that it can't beat: their p50s added up where one request is in flight, else the lowest of
    their rates. `parts`: rows whose work it contains, so what they need of the processors is the
    least it needs. `texts_of`: the row whose texts it takes, so that both do the same work.
    `large`: in the large namespace. `cosine_only`: ranked by nothing but similarity. `visible`:
    answered when reads show what it did, as all is that comes `over_http`.
    """

    key: str
    explanation: str
    kind: Kind
    count: int
    in_flight: int = 1
    cached: bool = False
    record_access: bool = True
    large: bool = False
    cosine_only: bool = False
    visible: bool = False
    over_http: bool = False
    bounds: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    texts_of: str | None = None

    @property
    def is_latency(self) -> bool:
        """Held against a duration; the others against a rate."""
        return self.in_flight == 1 and self.kind != "embed-batch"

    @property
    def is_bound(self) -> bool:
        return self.kind not in ("search", "store")

    @property
    def needs_new_texts(self) -> bool:
        return self.kind in ("search", "store") and not self.cached

    def quick(self) -> "Row":
        """The same with fewer requests; what is all at once stays as it is."""
        if self.in_flight == 0 or self.texts_of == "stores-at-once":
            return self
        return replace(self, count=max(QUICK_COUNT_MIN, self.count // QUICK_DIVISOR))


_ONE = 200
_MANY = 1_000
_SEARCH = "search through the bus among 2,000 memories, accesses recorded, every text new"
_SEARCH_CACHED = (
    "the same search with queries that were embedded before: only the system's own cost is left"
)
_LARGE = (
    "the cached search among 10,000 memories of one namespace, in sessions of 20; search-large by "
    "all that ranks a memory, search-large-cosine by similarity alone: the difference is what the "
    "model of memory costs; bound: KNN among them + empty request"
)
_STORE = "store through the bus until the reply, which follows the durable event; texts new"
_STORE_CACHED = (
    "the same store with texts that were embedded before: only the system's own cost is left"
)
_BATCHES = "sorted by length, in batches of the size that was fastest here"

BOUNDS = (
    Row(
        key="embed-query",
        explanation="the model alone, one query per call; the texts of search-live-1",
        kind="embed",
        count=_ONE,
        texts_of="search-live-1",
    ),
    Row(
        key="embed-memory",
        explanation="the model alone, one indexed text per call; the texts of store-live-1",
        kind="embed",
        count=_ONE,
        texts_of="store-live-1",
    ),
    Row(
        key="embed-queries",
        explanation=f"the model alone, texts of search-live-16 {_BATCHES}",
        kind="embed-batch",
        count=640,
        texts_of="search-live-16",
    ),
    Row(
        key="embed-memories",
        explanation=f"the model alone, texts of stores-at-once {_BATCHES}",
        kind="embed-batch",
        count=_MANY,
        texts_of="stores-at-once",
    ),
    *(
        Row(
            key=f"knn-{width}",
            explanation="RediSearch alone: the 200 nearest of the 2,000 memories of one "
            "namespace, in the service's own index, one connection per request in flight",
            kind="knn",
            count=count,
            in_flight=width,
        )
        for width, count in ((1, _ONE), (16, _MANY))
    ),
    Row(
        key="knn-large",
        explanation="RediSearch alone: the 200 nearest of the 10,000 memories of one namespace",
        kind="knn",
        count=_ONE,
        large=True,
    ),
    *(
        Row(
            key=f"ping-{width}",
            explanation="`ping` through the bus: client, Kafka, retrieval, Kafka, client",
            kind="ping",
            count=count,
            in_flight=width,
        )
        for width, count in ((1, _ONE), (16, 2 * _MANY), (64, 2 * _MANY))
    ),
    *(
        Row(
            key=f"produce-{width}",
            explanation="a record the size of a store appended to a topic nobody reads",
            kind="produce",
            count=count,
            in_flight=width,
        )
        for width, count in ((1, _ONE), (64, 5 * _MANY))
    ),
)

SEARCHES = (
    Row(
        key="search-live-1",
        explanation=f"{_SEARCH}; bound: embed one query + KNN + empty request",
        kind="search",
        count=_ONE,
        bounds=("embed-query", "knn-1", "ping-1"),
    ),
    Row(
        key="search-cached-1",
        explanation=f"{_SEARCH_CACHED}; bound: KNN + empty request",
        kind="search",
        count=_ONE,
        cached=True,
        bounds=("knn-1", "ping-1"),
    ),
    Row(
        key="search-unrecorded-1",
        explanation=f"{_SEARCH_CACHED}, and record_access=false: the difference to "
        "search-cached-1 is what recording costs; bound: KNN + empty request",
        kind="search",
        count=_ONE,
        cached=True,
        record_access=False,
        bounds=("knn-1", "ping-1"),
    ),
    # Side by side, so that within a round they take turns.
    *(
        Row(
            key=key,
            explanation=_LARGE,
            kind="search",
            count=_ONE,
            cached=True,
            large=True,
            cosine_only=key == "search-large-cosine",
            bounds=("knn-large", "ping-1"),
        )
        for key in ("search-large", "search-large-cosine")
    ),
    *(
        Row(
            key=f"search-live-{width}",
            explanation=f"{_SEARCH}; bound: embed queries in batches",
            kind="search",
            count=640,
            in_flight=width,
            bounds=("embed-queries",),
            parts=("embed-queries", "knn-16", f"ping-{width}"),
        )
        for width in (16, 64)
    ),
    *(
        Row(
            key=f"search-cached-{width}",
            explanation=f"{_SEARCH_CACHED}; bound: the slower of KNN at 16 and empty requests",
            kind="search",
            count=_MANY,
            in_flight=width,
            cached=True,
            bounds=("knn-16", f"ping-{width}"),
            parts=("knn-16", f"ping-{width}"),
        )
        for width in (16, 64)
    ),
)

STORES = (
    Row(
        key="store-live-1",
        explanation=f"{_STORE}; bound: embed one memory + empty request + produce",
        kind="store",
        count=_ONE,
        bounds=("embed-memory", "ping-1", "produce-1"),
    ),
    Row(
        key="store-cached-1",
        explanation=f"{_STORE_CACHED}; bound: empty request + produce",
        kind="store",
        count=_ONE,
        cached=True,
        bounds=("ping-1", "produce-1"),
    ),
    *(
        Row(
            key=f"store-live-{width}",
            explanation=f"{_STORE}; bound: embed memories in batches",
            kind="store",
            count=640,
            in_flight=width,
            bounds=("embed-memories",),
            parts=("embed-memories", f"ping-{width}", "produce-64"),
        )
        for width in (16, 64)
    ),
    *(
        Row(
            key=f"store-cached-{width}",
            explanation=f"{_STORE_CACHED}; bound: empty requests",
            kind="store",
            count=count,
            in_flight=width,
            cached=True,
            bounds=(f"ping-{width}",),
            parts=(f"ping-{width}", "produce-64"),
        )
        for width, count in ((16, 2 * _MANY), (64, 5 * _MANY))
    ),
    Row(
        key="stores-at-once",
        explanation="1,000 stores published together, until the last reply; bound: embed "
        "memories in batches",
        kind="store",
        count=1_000,
        in_flight=0,
        bounds=("embed-memories",),
        parts=("embed-memories", "ping-64", "produce-64"),
    ),
)

_KINDS: dict[Kind, tuple[str, ...]] = {
    "store": ("ping-1", "produce-1"),
    "search": ("knn-1", "ping-1"),
}
_VISIBLE = "vector cached, until the reply, which follows once reads show what it did"
_HTTP = "through the gateway: over the row before, what HTTP and the gateway cost"

# What is compared is side by side, so that within a round it takes turns.
HTTP = (
    *(
        Row(
            key=f"{kind}-{way}-1",
            explanation=f"{kind}, {_VISIBLE}; {where}",
            kind=kind,
            count=_ONE,
            cached=True,
            visible=True,
            over_http=way == "http",
            bounds=bounds,
        )
        for kind, bounds in _KINDS.items()
        for way, where in (("visible", "on the bus"), ("http", _HTTP))
    ),
    *(
        Row(
            key=f"{kind}-http-64",
            explanation=f"{kind} through the gateway by 64 clients at once, {_VISIBLE}",
            kind=kind,
            count=_MANY,
            in_flight=64,
            cached=True,
            visible=True,
            over_http=True,
            bounds=("ping-64",),
        )
        for kind in _KINDS
    ),
)

ROWS = (*BOUNDS, *SEARCHES, *STORES, *HTTP)
REPLAY = "replay"
REPLAY_EXPLANATION = (
    "rebuild of the read side from the log of this run, services idle: events folded a second"
)
