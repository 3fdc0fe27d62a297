"""The parameters of a namespace together with what maintenance has set there: what is in force."""

from functools import lru_cache

import orjson
from pydantic import Field

from schemas.parameters import Parameters, moved_into_bounds

# Of the runs that downscaled a namespace only the newest counts; the others are kept so that it
# can be undone, and so that a question about a past moment finds the one of then.
DOWNSCALINGS_MAX = 16


class InForce(Parameters):
    """`downscalings`: when each run began, the nats it takes, and its id; by time."""

    downscalings: tuple[tuple[int, float, str], ...] = Field(())

    def with_downscaling(self, began_ms: int, nats: float, run: str) -> "InForce":
        """Also downscaled by this run."""
        others = [each for each in self.downscalings if each[2] != run]
        newest = sorted([*others, (began_ms, nats, run)])[-DOWNSCALINGS_MAX:]
        return self.model_copy(update={"downscalings": tuple(newest)})

    def without_downscaling(self, run: str) -> "InForce":
        """As if this run had not downscaled."""
        kept = tuple(each for each in self.downscalings if each[2] != run)
        return self.model_copy(update={"downscalings": kept})


def downscaling_at(parameters: Parameters, moment_ms: int) -> tuple[int, float] | None:
    """The time when the last downscaling until a moment began, and the nats it takes."""
    if not isinstance(parameters, InForce):
        return None
    past = [(began, nats) for began, nats, _ in parameters.downscalings if began <= moment_ms]
    return past[-1] if past else None


def pack_parameters(parameters: Parameters) -> bytes:
    """Pack those of a namespace's parameters that differ from the defaults."""
    return orjson.dumps(parameters.model_dump(exclude_defaults=True), option=orjson.OPT_SORT_KEYS)


@lru_cache(1_024)
def unpack_parameters(packed: bytes | None) -> InForce:
    """Unpack the bytes of `pack_parameters`; the defaults where there is nothing."""
    return InForce.model_validate(moved_into_bounds(orjson.loads(packed))) if packed else InForce()
