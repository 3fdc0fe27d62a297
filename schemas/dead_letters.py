"""memory.dead-letters: the refused record byte for byte; its headers say why and from where.

Between them lie records without a value whose headers say what became of an earlier one.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.fields import Message, Milliseconds

HEADER_PREFIX = "dead_letter_"
OUTCOME_PREFIX = "outcome_"


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


class DeadLetterOutcome(Message):
    """Headers `outcome_*` of a record that says what became of a dead letter in its partition."""

    of: Annotated[str, Field(pattern=r"^[0-9]{1,10}:[0-9]{1,19}$")]
    state: Literal["sent_back", "discarded"]
    sent_to: Annotated[str, Field(max_length=300)] | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """As record headers."""
        fields = self.model_dump(exclude_none=True)
        return [(OUTCOME_PREFIX + name, value.encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: dict[str, bytes]) -> "DeadLetterOutcome":
        """Read back what `headers` wrote.

        Raises:
            ValidationError: these are not the headers of an outcome.
        """
        return cls.model_validate(
            {
                name.removeprefix(OUTCOME_PREFIX): value.decode()
                for name, value in headers.items()
                if name.startswith(OUTCOME_PREFIX)
            }
        )
