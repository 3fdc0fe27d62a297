"""The passage of a long memory that a search found."""

from schemas.fields import Message


class FoundPassage(Message):
    """A passage by its number, from 0, of how many, and by its characters in the content.

    `end`: behind its last one.
    """

    index: int
    count: int
    start: int
    end: int
