"""The passages of long memories as a search needs them, beside the rows of a cache."""

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from services.readside.layout import PASSAGE_START


class PassageColumns:
    """The passages behind the first of the rows that have several: those of a row lie together."""

    def __init__(self, dimension: int) -> None:
        # Columns have room to grow; what lies behind the last passage means nothing.
        self._rows = np.zeros(0, np.intp)
        self._starts = np.zeros(0, PASSAGE_START)
        self._units = np.zeros((0, dimension), np.float32)
        self._count = 0

    @property
    def room(self) -> int:
        """Passages that there is memory for."""
        return len(self._rows)

    def add(self, row: int, starts: np.ndarray, units: NDArray[np.float32]) -> None:
        """Add the passages of a row."""
        first, self._count = self._count, self._count + len(starts)
        if self._count > self.room:
            more = max(self._count, 2 * self.room) - self.room
            self._rows = np.concatenate([self._rows, np.zeros(more, np.intp)])
            self._starts = np.concatenate([self._starts, np.zeros(more, PASSAGE_START)])
            width = self._units.shape[1]
            self._units = np.concatenate([self._units, np.zeros((more, width), np.float32)])
        self._rows[first : self._count] = row
        self._starts[first : self._count] = starts
        self._units[first : self._count] = units

    def drop(self, row: int) -> None:
        """Drop those of a row."""
        kept = self._rows[: self._count] != row
        self._count = int(kept.sum())
        for column in (self._rows, self._starts, self._units):
            column[: self._count] = column[: len(kept)][kept]

    def raise_to_best(
        self, cosines: FloatArray, rows: IntArray, unit: NDArray[np.float32], *, of: int
    ) -> None:
        """Raise the cosines of some rows, `of` so many, to those of passages that are nearer."""
        if self._count == 0:
            return
        number = np.full(of, -1)
        number[rows] = np.arange(len(rows))
        owner = number[self._rows[: self._count]]
        here = owner >= 0
        # einsum, not BLAS, as for the rows themselves.
        units = self._units[: self._count]
        dots = np.einsum("ij,j->i", units if here.all() else units[here], unit)
        np.maximum.at(cosines, owner[here], np.clip(dots.astype(np.float64), -1.0, 1.0))

    def of(self, row: int) -> tuple[IntArray, NDArray[np.float32]]:
        """Beginnings of a row's passages, the first one left out, and their vectors."""
        at = np.flatnonzero(self._rows[: self._count] == row)
        return self._starts[at].astype(np.intp), self._units[at]
