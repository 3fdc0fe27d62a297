"""Duplicates in an answer: memories that say the same stand as the best of them."""

from collections.abc import Mapping, Sequence

from services.readside.documents import Document, Said


def collapsed(order: Sequence[int], documents: Mapping[int, Document]) -> dict[int, int]:
    """The first of each that say the same, in order, and how many of them there are.

    The same is: the same `wording` of the same speaker, whatever the type: a fact may say what the
    episode says that it was made of.
    """
    first: dict[Said, int] = {}
    copies: dict[int, int] = {}
    for i in order:
        if i in documents:
            kept = first.setdefault(documents[i].said[1:], i)
            copies[kept] = copies.get(kept, 0) + 1
    return copies
