"""Corrections of a memory, as `inspect` shows them."""

from schemas.fields import Expiry, Message, Metadata, Milliseconds, Tags


class CorrectionRecord(Message):
    """A correction, and what the memory said before it; what is null was not changed."""

    corrected_at: Milliseconds
    reason: str | None = None
    content: str | None = None
    tags: Tags | None = None
    metadata: Metadata | None = None
    expires_at: Expiry | None = None
