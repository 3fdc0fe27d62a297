"""The aims that measurements are held against."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Aim:
    """`figure` of a row, or its ratio to its bound, shall be at most or at least `limit`.

    `over`: a row whose figure is taken off first.
    """

    row: str
    figure: Literal["p50_ms", "per_second", "ratio", "errors"]
    limit: float
    at_most: bool
    text: str
    over: str | None = None

    def reached(self, value: float) -> bool:
        """True where `value` reaches its aim."""
        return value <= self.limit if self.at_most else value >= self.limit


AIMS = (
    Aim(
        row="search-cached-1",
        figure="p50_ms",
        limit=6.0,
        at_most=True,
        text="search among 2,000 memories, vectors cached: p50 at most 6 ms",
    ),
    Aim(
        row="store-cached-1",
        figure="p50_ms",
        limit=5.0,
        at_most=True,
        text="durable store, vectors cached: p50 at most 5 ms",
    ),
    Aim(
        row="store-cached-64",
        figure="per_second",
        limit=5_000.0,
        at_most=False,
        text="stores at 64 in flight, vectors cached: at least 5,000 a second",
    ),
    Aim(
        row="search-live-1",
        figure="ratio",
        limit=1.5,
        at_most=True,
        text="uncontended search: at most 1.5 x (embedding + KNN + empty request)",
    ),
    Aim(
        row="search-live-16",
        figure="ratio",
        limit=0.8,
        at_most=False,
        text="16 searches in flight: at least 80 % of batched embedding alone",
    ),
    Aim(
        row="search-large",
        figure="p50_ms",
        limit=3.0,
        at_most=True,
        text="a search among 10,000 memories: at most 3 ms over cosine only at p50",
        over="search-large-cosine",
    ),
    Aim(
        row="stores-at-once",
        figure="ratio",
        limit=0.85,
        at_most=False,
        text="1,000 stores at once: at least 85 % of batched embedding alone",
    ),
    *(
        Aim(
            row=f"{kind}-http-1",
            figure="p50_ms",
            limit=4.0,
            at_most=True,
            text=f"{kind} through the gateway: at most 4 ms over the same on the bus at p50",
            over=f"{kind}-visible-1",
        )
        for kind in ("store", "search")
    ),
    *(
        Aim(
            row=f"{kind}-http-64",
            figure="errors",
            limit=0,
            at_most=True,
            text=f"64 clients of the gateway at once, {kind}: no error",
        )
        for kind in ("store", "search")
    ),
)
