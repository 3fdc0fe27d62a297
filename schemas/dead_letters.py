"""memory.dead-letters: the refused record byte for byte; its headers say why and from where."""

from typing import Annotated

from pydantic import Field

from schemas.fields import Message, Milliseconds

HEADER_PREFIX = "dead_letter_"


class DeadLetterReason(Message):
    """Headers `dead_letter_*` of a dead letter; the record's own headers stay beside them.

    Where the record had no value (a tombstone), `value_was_null` says so.
    """

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]
    code: Annotated[str, Field(min_length=1, max_length=32)]
    service: Annotated[str, Field(min_length=1, max_length=64)]
    topic: Annotated[str, Field(min_length=1, max_length=249)]
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    timestamp: Milliseconds
    value_was_null: bool = False

    def headers(self) -> list[tuple[str, bytes]]:
        """As record headers."""
        fields = self.model_dump(mode="json")
        return [(HEADER_PREFIX + name, str(value).encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: dict[str, bytes]) -> "DeadLetterReason":
        """Read back what `headers` wrote.

        Raises:
            ValidationError: these are not the headers of a dead letter.
        """
        return cls.model_validate(
            {
                name.removeprefix(HEADER_PREFIX): value.decode()
                for name, value in headers.items()
                if name.startswith(HEADER_PREFIX)
            }
        )
