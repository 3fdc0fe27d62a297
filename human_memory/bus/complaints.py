"""aiokafka's complaints about a broker that is away: a few warnings, no flood of errors."""

import logging
import time
from collections.abc import Callable

SILENT_SECONDS = 60.0
_KINDS_MAX = 1_000
Applies = Callable[[logging.LogRecord], bool]


class FewComplaints(logging.Filter):
    """Lets each kind of complaint of aiokafka's through once a minute, as a warning.

    It writes several lines at each try, some hundred a second, of which each is an "error". What we
    can't do meanwhile is said by those who were asked for it. An unexpected exception stays one.
    """

    def __init__(self, applies: Applies = lambda _: True) -> None:
        super().__init__()
        self._applies = applies
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True for what is to be written."""
        ours = record.name.partition(".")[0] == "aiokafka" and self._applies(record)
        if not ours or record.levelno < logging.WARNING or record.exc_info:
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(kind, -SILENT_SECONDS) < SILENT_SECONDS:
            return False
        if len(self._said) >= _KINDS_MAX:
            self._said.clear()
        self._said[kind] = now
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


def complain_less(applies: Applies) -> None:
    """Do so for aiokafka's loggers, of which others in this process may have a use, too.

    `applies`: True for the records that are ours.
    """
    filtering = FewComplaints(applies)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "aiokafka":
            logging.getLogger(name).addFilter(filtering)
