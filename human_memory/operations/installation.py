"""Operations on an installation: its namespaces, their parameters, rebuilds, dead letters."""

import re
from typing import Any

from pydantic import ValidationError

from human_memory import models
from human_memory.bus.producer import DurableProducer, Outgoing
from human_memory.bus.reader import as_json, reading
from human_memory.bus.settings import KafkaSettings
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import (
    DeadLetterRequest,
    DeadLettersRequest,
    NamespacesRequest,
    Nothing,
    ReplayRequest,
    SetParametersRequest,
)
from schemas import limits
from schemas.dead_letters import HEADER_PREFIX, DeadLetterReason
from schemas.errors import NotFound, Rejected
from schemas.inbox import SetParameters
from schemas.queries import Namespaces, ParametersQuery, RebuildQuery
from schemas.topics import DEAD_LETTERS, INBOX, MAINTENANCE, REPLAYED_FROM


async def parameters(request: Nothing, context: RequestContext) -> models.NamespaceParameters:
    """The model's parameters that hold in the namespace, set or by default."""
    return models.NamespaceParameters.model_validate(
        await context.ask(context.message(ParametersQuery))
    )


async def set_parameters(request: SetParametersRequest, context: RequestContext) -> models.Accepted:
    """The model's parameters of the namespace; those that are not named get their defaults."""
    command = context.message(SetParameters, request, idempotency_key=context.idempotency_key)
    await context.write(command)
    return models.Accepted(accepted=True)


async def namespaces(request: NamespacesRequest, context: RequestContext) -> models.Namespaces:
    """The namespaces of the installation by name, each with its counts."""
    return models.Namespaces.model_validate(await context.ask(context.message(Namespaces, request)))


async def rebuild(request: Nothing, context: RequestContext) -> models.Rebuild:
    """The progress of a rebuild of the read side, if there is one."""
    return models.Rebuild.model_validate(await context.ask(context.message(RebuildQuery)))


async def dead_letters(request: DeadLettersRequest, context: RequestContext) -> models.DeadLetters:
    """The newest dead letters: where they lie, where they came from, and why."""
    settings = context.bus.settings
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        records = await reader.past(lambda _: True, last=request.last, look_back=request.last)
    return models.DeadLetters(dead_letters=[_shown(record) for record in records])


async def get_dead_letter(request: DeadLetterRequest, context: RequestContext) -> models.DeadLetter:
    """One dead letter, whole.

    Raises:
        NotFound: there is none at that place.
    """
    (record,) = await _at(context.bus.settings, [request.place])
    return _shown(record)


async def replay_dead_letters(request: ReplayRequest, context: RequestContext) -> models.Replayed:
    """Send dead letters back to the topic they came from, as they were.

    With `all` only commands are sent back, no queries and no events. A command that is sent back
    twice counts once.

    Raises:
        NotFound: there is none at one of the places.
        Rejected: one does not say whence it came, or has nothing that can be sent.
    """
    settings = context.bus.settings
    if not request.all:
        records = await _at(settings, request.places)
    else:
        async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
            records = await reader.past(lambda record: _may_be_repeated(settings, record))
    outgoing = [_original(record) for record in records]
    async with DurableProducer(settings, client_id="human-memory-dead-letters") as producer:
        sent = await producer.send_all(outgoing)
    return models.Replayed(
        replayed=[
            models.SentBack(
                dead_letter=f"{record.partition}:{record.offset}",
                sent_to=f"{place.topic} {place.partition}:{place.offset}",
            )
            for record, place in zip(records, sent, strict=True)
        ]
    )


async def _at(settings: KafkaSettings, places: list[str]) -> list[Any]:
    found = [_place(place) for place in places]
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        records = [await reader.one(partition, offset) for partition, offset in found]
    for place, record in zip(places, records, strict=True):
        if record is None:
            raise _none_at(place)
    return records


def _place(text: str) -> tuple[int, int]:
    if not re.fullmatch(limits.POSITION_PATTERN, text):
        raise _none_at(text)
    partition, offset = map(int, text.split(":"))
    return partition, offset


def _none_at(place: str) -> NotFound:
    return NotFound(f"no dead letter at {place[:80]}; see: human-memory dead-letters list")


def _may_be_repeated(settings: KafkaSettings, record: Any) -> bool:
    """True for commands: a query's sender has long gone, and the log takes no record twice."""
    reason = _reason(record)
    topics = {settings.topic(topic) for topic in (INBOX, MAINTENANCE)}
    return reason is not None and reason.topic in topics


def _original(record: Any) -> Outgoing:
    place, reason = f"{record.partition}:{record.offset}", _reason(record)
    if reason is None:
        raise Rejected(f"{place} does not say where it came from: no service of ours wrote it")
    if record.key is None and reason.value_was_null:
        raise Rejected(f"{place} has neither key nor value, which our Kafka client can't send")
    own = [(k, v) for k, v in record.headers if not k.startswith(HEADER_PREFIX)]
    if REPLAYED_FROM not in dict(own):
        # Ingest takes the ids from it: sent back twice, it is still one memory.
        origin = f"{reason.topic}:{reason.partition}:{reason.offset}:{reason.timestamp}"
        own.append((REPLAYED_FROM, origin.encode()))
    value = None if reason.value_was_null else record.value
    # With a key the partition follows from it; without one the record goes back where it lay.
    partition = None if record.key is not None else reason.partition
    return Outgoing(reason.topic, record.key, value, own, partition)


def _reason(record: Any) -> DeadLetterReason | None:
    try:
        return DeadLetterReason.from_headers(dict(record.headers))
    except (ValidationError, UnicodeDecodeError):
        return None


def _shown(record: Any) -> models.DeadLetter:
    reason = _reason(record)
    shown = as_json(record)
    own = {k: v for k, v in shown["headers"].items() if not k.startswith(HEADER_PREFIX)}
    fields = {**shown, "headers": own, "reason": reason and reason.model_dump(mode="json")}
    place = f"{record.partition}:{record.offset}"
    return models.DeadLetter.model_validate({"place": place, **fields})
