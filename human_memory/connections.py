"""aiokafka's connections, mended: a write to one that is closed is an error of the connection."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

Send = Callable[..., Any]


def mend_connections() -> None:
    """Mend those of every producer, consumer and admin client of this process; again is harmless.

    On uvloop a write to a transport that was reset raises `RuntimeError: unable to perform
    operation on <TCPTransport closed=True ...>`. aiokafka expects an OSError there
    (aio-libs/aiokafka#1038): its task for metadata, for the group or for fetching ended, in
    silence, and whoever needed it waited for ever.
    """
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _mended(send))


def _mended(send: Send) -> Send:
    @wraps(send)
    def mended(self: AIOKafkaConnection, *arguments: Any, **options: Any) -> Any:
        try:
            return send(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(
                f"Connection at {self.host}:{self.port} broken: {error}"
            ) from error

    return mended
