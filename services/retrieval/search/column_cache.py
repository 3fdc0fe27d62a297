"""A namespace's memories as a search needs them, decoded once and kept.

Reading and decoding hundreds of records costs more than all the rest of a search, and from one
search to the next a handful of them change. So rows stay; each read of a namespace asks Redis,
beside its own question, which memories changed since the last one, and reads only those again.
Answers come from Redis as it is, never from an older state.

What only a correction changes of a memory (vector, terms, concepts) is decoded once, and again
after one; state, traces and neighbours are replaced in place.
"""

from array import array
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from cognition.lexical import Matches
from services.readside.columns import Memories, expired, statuses_at
from services.readside.layout import (
    NOBODY,
    STATE,
    TERM,
    Parts,
    corrections_in,
    hash64,
    split_head,
    split_record,
)
from services.readside.terms import names_of

ROOM = 8  # of a new cache; it doubles
_STATE_BYTES = np.dtype((np.void, STATE.itemsize))
NOT_HERE, NONE = -2, -1  # a neighbour that is not in the cache; no neighbour


class ColumnCache:
    """Rows of one namespace's memories; a row keeps its number."""

    def __init__(self, dimension: int) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.traces: list[bytes] = []
        self.changes: list[bytes] = []
        self.concepts: list[bytes] = []
        self._dimension = dimension
        self._postings: dict[bytes, tuple[array[int], array[int]]] = {}
        self._spoken: dict[bytes, array[int]] = {}
        # Columns have room to grow; what lies behind the last row means nothing.
        self._states = np.zeros(ROOM, STATE)
        self._units = np.zeros((ROOM, dimension), np.float32)
        self._before = np.full(ROOM, NOT_HERE)
        self._after = np.full(ROOM, NOT_HERE)
        # Of a row's vector with the next one's, and of the ones on both sides; NaN: not known.
        self._with_next = np.full(ROOM, np.nan)
        self._across = np.full(ROOM, np.nan)
        self._fresh = bytearray()
        self._at: list[int] = []  # cursors at which rows were read

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def room(self) -> int:
        """Rows that it has memory for."""
        return len(self._states)

    def stale(self, names: Iterable[str]) -> None:
        """Mark rows that have changed: whoever needs one reads it again."""
        for row in self.rows(names).tolist():
            self._fresh[row] = 0

    def rows(self, names: Iterable[str]) -> IntArray:
        """Rows of those that are here."""
        rows = [row for row in map(self.row_of.get, names) if row is not None]
        return np.array(rows, np.intp)

    def names(self, rows: IntArray) -> list[str]:
        """Ids of some rows."""
        return list(map(self.ids.__getitem__, rows.tolist()))

    def missing(self, names: Iterable[str]) -> list[str]:
        """Names of those that must be read before they are used."""
        fresh, row_of = self._fresh, self.row_of
        return [
            name
            for name in dict.fromkeys(names)
            if (row := row_of.get(name)) is None or not fresh[row]
        ]

    def put(self, found: dict[str, bytes], *, at: int, fresh: bool) -> None:
        """Add or replace rows by records read at a cursor, but for those that are younger.

        Not `fresh`: as they were before a change that is known of.
        """
        rows = self.row_of
        found = {n: r for n, r in found.items() if n not in rows or self._at[rows[n]] <= at}
        if found:
            self._put(list(found), list(found.values()), at=at, fresh=fresh)

    def _put(self, names: list[str], records: list[bytes], *, at: int, fresh: bool) -> None:
        known = len(self)
        new = [i for i, name in enumerate(names) if name not in self.row_of]
        self._add([names[i] for i in new], [split_record(records[i]) for i in new])
        rows = [self.row_of[name] for name in names]
        heads = [split_head(record) for record in records]
        self._states[rows] = np.frombuffer(b"".join([state for state, _ in heads]), STATE)
        for row, (_, changes), record in zip(rows, heads, records, strict=True):
            part = split_record(record)
            if corrections_in(changes) != corrections_in(self.changes[row]) and row < known:
                self._correct(row, part)
            self._fresh[row], self._at[row] = fresh, at
            self.changes[row] = changes
            self.traces[row] = part.traces
        for row in rows:
            self._join(row)

    def _correct(self, row: int, part: Parts) -> None:
        """Put another text's vector, words and links in a row."""
        beside = np.array([row, self._before[row], self._after[row]])
        beside = beside[beside >= 0]
        self._with_next[beside] = self._across[beside] = np.nan
        self._units[row] = self._units_of([part])[0]
        self.concepts[row] = part.concepts
        # Seldom, and ten milliseconds for a namespace of 16,000: who is where is not kept.
        for rows, counts in self._postings.values():
            if row in rows:
                counts.pop(at := rows.index(row))
                rows.pop(at)
        for rows in self._spoken.values():
            if row in rows:
                rows.remove(row)
        self._post(row, part.terms)

    def column(self, name: str, rows: IntArray | slice) -> np.ndarray:
        """One field of the states of some rows."""
        column: np.ndarray = self._states[name][rows]
        return column

    def statuses(self, rows: IntArray | slice, moment_ms: int) -> np.ndarray:
        """The statuses of some rows, where what has expired by a moment counts as decayed."""
        return statuses_at(self._states[rows], moment_ms)

    def expired(self, rows: IntArray | slice, moment_ms: int) -> np.ndarray:
        """A mask of the rows that have expired by a moment."""
        return expired(self._states[rows], moment_ms)

    def memories(self, rows: IntArray) -> Memories:
        """Columns of some rows, as they are now."""
        numbers = rows.tolist()
        # As plain bytes: numpy takes fifteen times as long to copy rows field by field.
        states = self._states.view(_STATE_BYTES)[rows].view(STATE)
        traces, changes, concepts = (
            list(map(column.__getitem__, numbers))
            for column in (self.traces, self.changes, self.concepts)
        )
        return Memories.joined(self.names(rows), states, traces, (changes, concepts))

    def around(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Rows before and after each in their sessions, or NONE, or NOT_HERE."""
        return self._before[rows], self._after[rows]

    def beside(self, rows: IntArray) -> IntArray:
        """Rows of the neighbours that are in the cache, each once, in order."""
        found = np.zeros(len(self) + 2, np.bool_)  # the last two are NONE's and NOT_HERE's
        found[self._before[rows]] = True
        found[self._after[rows]] = True
        return np.flatnonzero(found[:-2])

    def successors(self, rows: IntArray) -> list[str]:
        """Ids of what superseded some of these."""
        some = rows[self._states["superseded_ms"][rows] != 0]
        return [str(UUID(bytes=each.tobytes())) for each in self._states["superseded_by"][some]]

    def names_beside(self, rows: IntArray) -> list[str]:
        """Neighbours of these rows that must be read: absent, or changed."""
        found: dict[str, None] = {}
        for side, neighbours in (("previous", self._before[rows]), ("next", self._after[rows])):
            absent = self._states[side][rows[neighbours == NOT_HERE]]
            found |= {str(UUID(bytes=each.tobytes())): None for each in absent}
            here = neighbours[neighbours >= 0]
            changed = here[np.frombuffer(self._fresh, np.uint8)[here] == 0]
            found |= dict.fromkeys(self.names(changed))
        return list(found)

    def matches(self, terms: Sequence[str], rows: IntArray) -> Matches:
        """Places of terms in some rows, which are numbered in their order."""
        known = [
            (at, postings)
            for at, term in enumerate(terms)
            if (postings := self._postings.get(hash64(term))) is not None
        ]
        number = np.full(len(self), -1)
        number[rows] = np.arange(len(rows))
        memory = number[_joined([where for _, (where, _) in known])]
        here = memory >= 0
        term = np.repeat([at for at, _ in known], [len(where) for _, (where, _) in known])
        return Matches(
            memory=memory[here],
            term=term.astype(np.intp)[here],
            count=_joined([counts for _, (_, counts) in known])[here].astype(np.float64),
            memories=len(rows),
            terms=len(terms),
        )

    def spoken_by(self, terms: Sequence[str]) -> IntArray:
        """Rows whose speaker's name has one of these terms; once for each that it has."""
        names = map(hash64, terms)
        return _joined([self._spoken[name] for name in names if name in self._spoken])

    def cosines(self, unit: NDArray[np.float32], rows: IntArray) -> FloatArray:
        """Cosine of a unit vector and each row's vector; 0 for another model's vectors."""
        # einsum, not BLAS: a row's result must not depend on how many rows there are, and the
        # threads of BLAS spin for longer than this takes in one.
        if 2 * len(rows) > len(self):
            dots = np.einsum("ij,j->i", self._units[: len(self)], unit)[rows]
        else:
            dots = np.einsum("ij,j->i", self._units[rows], unit)
        cosines: FloatArray = np.clip(dots.astype(np.float64), -1.0, 1.0)
        return cosines

    def cosines_between(self, rows: IntArray) -> FloatArray:
        """Cosines of some rows with each other, shape (rows, rows)."""
        units = self._units[rows]
        cosines: FloatArray = np.einsum("ik,jk->ij", units, units).astype(np.float64)
        return cosines

    def cosines_ahead(self, rows: IntArray) -> FloatArray:
        """Cosine of each row with the next one; 0 where there is none."""
        after = self._after[rows]
        new = np.isnan(self._with_next[rows]) & (after >= 0)
        self._with_next[rows[new]] = self._pairs(rows[new], after[new])
        return np.where(after >= 0, self._with_next[rows], 0.0)

    def cosines_across(self, rows: IntArray) -> FloatArray:
        """Cosine of each row's two neighbours; 0 where one lacks."""
        before, after = self.around(rows)
        both = (before >= 0) & (after >= 0)
        new = np.isnan(self._across[rows]) & both
        self._across[rows[new]] = self._pairs(before[new], after[new])
        return np.where(both, self._across[rows], 0.0)

    def _pairs(self, some: IntArray, others: IntArray) -> FloatArray:
        dots: FloatArray = np.einsum("ij,ij->i", self._units[some], self._units[others])
        return dots

    def _add(self, names: list[str], parts: Sequence[Parts]) -> None:
        if not names:
            return
        first = len(self)
        self._grow(first + len(names))
        self._units[first : first + len(names)] = self._units_of(parts)
        for row, (name, part) in enumerate(zip(names, parts, strict=True), first):
            self.ids.append(name)
            self.row_of[name] = row
            self._fresh.append(0)
            self._at.append(0)
            self.traces.append(b"")
            self.changes.append(b"")
            self.concepts.append(part.concepts)
            self._post(row, part.terms)

    def _units_of(self, parts: Sequence[Parts]) -> NDArray[np.float32]:
        """Vectors of length 1; zeros for another model's."""
        nothing = bytes(2 * self._dimension)
        same = [p.vector if len(p.vector) == len(nothing) else nothing for p in parts]
        return unit_vectors(
            np.frombuffer(b"".join(same), "<f2").reshape(len(same), self._dimension)
        )

    def _post(self, row: int, packed: bytes) -> None:
        entries = np.frombuffer(packed, TERM)
        for name, count, speaker in zip(
            names_of(packed), entries["count"].tolist(), entries["speaker"].tolist(), strict=True
        ):
            rows, counts = self._postings.setdefault(name, (array("q"), array("q")))
            rows.append(row)
            counts.append(count)
            if speaker:
                self._spoken.setdefault(name, array("q")).append(row)

    def _join(self, row: int) -> None:
        """Find a row's neighbours, and tell them."""
        state = self._states[row]
        before, after = self._row(state["previous"].tobytes()), self._row(state["next"].tobytes())
        self._set(row, before, after)
        # Only if they say the same: a neighbour that was read later knows of others in between.
        if before >= 0 and self._row(self._states["next"][before].tobytes()) == row:
            self._set(before, int(self._before[before]), row)
        if after >= 0 and self._row(self._states["previous"][after].tobytes()) == row:
            self._set(after, row, int(self._after[after]))

    def _set(self, row: int, before: int, after: int) -> None:
        if self._after[row] != after:
            self._after[row], self._with_next[row], self._across[row] = after, np.nan, np.nan
        if self._before[row] != before:
            self._before[row], self._across[row] = before, np.nan

    def _row(self, memory_id: bytes) -> int:
        return (
            NONE if memory_id == NOBODY else self.row_of.get(str(UUID(bytes=memory_id)), NOT_HERE)
        )

    def _grow(self, size: int) -> None:
        room = len(self._states)
        if size <= room:
            return
        more = max(size, 2 * room) - room
        self._states = np.concatenate([self._states, np.zeros(more, STATE)])
        self._units = np.concatenate([self._units, np.zeros((more, self._dimension), np.float32)])
        for column in ("_before", "_after"):
            held = getattr(self, column)
            setattr(self, column, np.concatenate([held, np.full(more, NOT_HERE)]))
        for column in ("_with_next", "_across"):
            held = getattr(self, column)
            setattr(self, column, np.concatenate([held, np.full(more, np.nan)]))


def _joined(columns: list["array[int]"]) -> IntArray:
    """Copied: a view of an array keeps it from growing."""
    return np.concatenate([np.zeros(0, np.intp), *(np.frombuffer(c, np.intp) for c in columns)])


def unit_vectors(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """Vectors of length 1, shape as given; one of zeros stays as it is."""
    wide = vectors.astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    norms[norms == 0] = np.inf
    unit: NDArray[np.float32] = wide / norms[:, np.newaxis]
    return unit
