"""The course of a memory's activation, as `inspect` tells it."""

from schemas.fields import Message, Milliseconds


class CoursePoint(Message):
    at: Milliseconds
    activation: float


class Course(Message):
    """The course of a memory's activation, in nats, from its creation on.

    Ahead, nothing happens to it but at most a use now. It fades below `fading_threshold`, at the
    earliest one horizon after it was recorded, or when it expires; None: never, or is not active.
    """

    fading_threshold: float
    fades_at: Milliseconds | None
    fades_at_if_used: Milliseconds | None
    past: list[CoursePoint]
    ahead: list[CoursePoint]
    ahead_if_used: list[CoursePoint]
