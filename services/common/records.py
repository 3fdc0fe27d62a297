"""A batch as handlers get it: raw records, whose values ought to be messages of one type."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

# aiokafka's ConsumerRecord and our UnreadableRecord, which have no types.
Records = tuple[Any, ...]


@dataclass(frozen=True)
class JsonOf:
    """An annotation of `Records`: the value of each is JSON of `message`, if its sender is right.

    FastStream describes the handler's topic by it. Nothing is converted before the handler, which
    decodes each record by itself: a bad one must not fail its neighbours, and goes to dead letters
    byte for byte.
    """

    message: Any

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self.message)
