"""How a fact is worded: what a cluster of episodes says, in one sentence."""

from typing import Protocol


class Wording(Protocol):
    """Something that words facts."""

    async def fact(self, texts: list[str]) -> str | None:
        """One sentence that at least two of the texts support; None if there is none."""
        ...
