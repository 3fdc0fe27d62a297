"""Operations on dead letters: look at them, send them back, discard them.

What became of one is a record of the same topic and partition, so every operator sees the same.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from human_memory import models
from human_memory.bus.producer import DurableProducer, Outgoing
from human_memory.bus.reader import Reader, as_json, reading
from human_memory.bus.settings import KafkaSettings
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import (
    DeadLetterFilters,
    DeadLetterRequest,
    DeadLettersRequest,
    DiscardRequest,
    ReplayRequest,
)
from schemas.dead_letters import HEADER_PREFIX, DeadLetterOutcome, DeadLetterReason
from schemas.errors import NotFound, Rejected
from schemas.limits import POSITION_PATTERN
from schemas.topics import DEAD_LETTERS, INBOX, MAINTENANCE, REPLAYED_FROM

# Sent, and their outcomes written, before the next: what is cut off sends few a second time.
CHUNK = 500
CLIENT_ID = "human-memory-dead-letters"


@dataclass(frozen=True)
class Letter:
    """A dead letter, and what became of it: waiting, sent_back, returned or discarded."""

    record: Any
    reason: DeadLetterReason | None
    state: str = "waiting"
    sent_to: str | None = None
    returned_as: str | None = None

    @property
    def place(self) -> str:
        """Its place among the dead letters."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def origin(self) -> str:
        """The place of the record when it was first refused: the same for all its dead letters."""
        came_from = dict(self.record.headers).get(REPLAYED_FROM)
        if came_from:
            return str(came_from.decode("utf-8", "replace"))
        reason = self.reason
        if reason is None:
            return self.place
        return f"{reason.topic}:{reason.partition}:{reason.offset}:{reason.timestamp}"

    @property
    def was_sent_back(self) -> bool:
        """True where it, or an earlier dead letter of the same record, has been sent back."""
        return self.sent_to is not None or REPLAYED_FROM in dict(self.record.headers)


def letters_of(records: Iterable[Any]) -> list[Letter]:
    """The dead letters among the records of their topic, each with what became of it."""
    letters: dict[str, Letter] = {}
    outcomes: list[DeadLetterOutcome] = []
    for record in records:
        outcome = _outcome(record)
        if outcome is not None:
            outcomes.append(outcome)
        else:
            letter = Letter(record, _reason(record))
            letters[letter.place] = letter
    for outcome in outcomes:
        if (found := letters.get(outcome.of)) is not None:
            sent_to = outcome.sent_to or found.sent_to
            letters[outcome.of] = replace(found, state=outcome.state, sent_to=sent_to)
    places = {
        f"{each.reason.topic} {each.reason.partition}:{each.reason.offset}": each.place
        for each in letters.values()
        if each.reason is not None
    }
    return [
        replace(each, state="returned", returned_as=places[each.sent_to])
        if each.state == "sent_back" and each.sent_to in places
        else each
        for each in letters.values()
    ]


def to_send(letters: Sequence[Letter], *, again: bool) -> list[Letter]:
    """Dead letters that are sent back when all are: each record once, and no second time.

    `again`: a second time, too, but not what was discarded.
    """
    if not again:
        return [each for each in letters if each.state == "waiting" and not each.was_sent_back]
    newest = {each.origin: each for each in letters}
    return [each for each in newest.values() if each.state != "discarded"]


async def dead_letters(request: DeadLettersRequest, context: RequestContext) -> models.DeadLetters:
    """The newest dead letters: where they lie, where they came from, why, what became of them."""
    settings = context.bus.settings
    wanted = _filter(request, settings)
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        look_back, seen = 4 * request.last, 0
        while True:
            # An outcome lies behind its letter: what reaches to the letter reaches to it.
            records = await reader.past(lambda _: True, look_back=look_back)
            found = [
                each
                for each in letters_of(records)
                if wanted(each) and request.state in (None, each.state)
            ]
            if len(found) >= request.last or len(records) == seen:
                break
            seen, look_back = len(records), 4 * look_back
    return models.DeadLetters(dead_letters=[_shown(each) for each in found[-request.last :]])


async def get_dead_letter(request: DeadLetterRequest, context: RequestContext) -> models.DeadLetter:
    """One dead letter, whole.

    Raises:
        NotFound: there is none at that place.
    """
    settings = context.bus.settings
    (letter,) = await _at(settings, [request.place])
    if letter.state == "sent_back":  # it may have been refused again, in another partition
        again = {each.place: each for each in await _all(settings)}
        letter = again.get(letter.place, letter)
    return _shown(letter)


async def replay_dead_letters(request: ReplayRequest, context: RequestContext) -> models.Replayed:
    """Send dead letters back to the topic they came from, as they were, each once.

    With `all` only commands are sent back, no queries and no events, and of those only what was
    not sent back before, unless `again` asks for it. A command that is sent back twice counts once.

    Raises:
        NotFound: there is none at one of the places.
        Rejected: one does not say whence it came, has nothing that can be sent, or was sent back
            or discarded before.
    """
    settings = context.bus.settings
    wanted, left = _filter(request, settings), 0
    if not request.places:
        commands = [each for each in await _all(settings) if _may_be_repeated(settings, each)]
        letters = list(filter(wanted, to_send(commands, again=request.again)))
        if not request.again:
            more = list(filter(wanted, to_send(commands, again=True)))
            left = len(more) - len({each.origin for each in letters})
    else:
        letters = list(filter(wanted, await _at(settings, request.places)))
        if not request.again:
            _check_first_time(letters)
    sent = await _sent_back(settings, letters)
    return models.Replayed(replayed=sent, left=left)


async def discard_dead_letters(
    request: DiscardRequest, context: RequestContext
) -> models.Discarded:
    """Mark dead letters as done with: those at some places, or with `all` all that wait.

    They stay for 30 days, and can still be sent back by their place, with `again`.

    Raises:
        NotFound: there is none at one of the places.
    """
    settings = context.bus.settings
    if not request.places:
        letters = [each for each in await _all(settings) if each.state == "waiting"]
    else:
        letters = await _at(settings, request.places)
    wanted = _filter(request, settings)
    letters = [each for each in letters if each.state != "discarded" and wanted(each)]
    async with DurableProducer(settings, client_id=CLIENT_ID) as producer:
        await producer.send_all(
            [_became(each, DeadLetterOutcome(of=each.place, state="discarded")) for each in letters]
        )
    return models.Discarded(discarded=[each.place for each in letters])


async def _sent_back(settings: KafkaSettings, letters: Sequence[Letter]) -> list[models.SentBack]:
    outgoing = [_original(letter) for letter in letters]  # before any is sent
    done: list[models.SentBack] = []
    async with DurableProducer(settings, client_id=CLIENT_ID) as producer:
        for start in range(0, len(letters), CHUNK):
            chunk = letters[start : start + CHUNK]
            places = await producer.send_all(outgoing[start : start + CHUNK])
            told = [f"{place.topic} {place.partition}:{place.offset}" for place in places]
            # After it was sent: what is lost in between is sent a second time, and counts once.
            await producer.send_all(
                [
                    _became(
                        letter, DeadLetterOutcome(of=letter.place, state="sent_back", sent_to=to)
                    )
                    for letter, to in zip(chunk, told, strict=True)
                ]
            )
            done += [
                models.SentBack(dead_letter=letter.place, sent_to=to)
                for letter, to in zip(chunk, told, strict=True)
            ]
    return done


def _became(letter: Letter, outcome: DeadLetterOutcome) -> Outgoing:
    record = letter.record
    return Outgoing(record.topic, record.key, b"", outcome.headers(), record.partition)


async def _all(settings: KafkaSettings) -> list[Letter]:
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        return letters_of(await reader.past(lambda _: True))


async def _at(settings: KafkaSettings, places: Sequence[str]) -> list[Letter]:
    begin: dict[int, int] = {}
    for place in places:
        if not re.fullmatch(POSITION_PATTERN, place):
            raise _none_at(place)
        partition, offset = map(int, place.split(":"))
        begin[partition] = min(offset, begin.get(partition, offset))
    if not begin:
        return []
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        found = await _from(reader, begin)
    letters = []
    for place in dict.fromkeys(places):
        if place not in found:
            raise _none_at(place)
        letters.append(found[place])
    return letters


async def _from(reader: Reader, begin: dict[int, int]) -> dict[str, Letter]:
    records = await reader.past(lambda _: True, begin=begin)
    return {letter.place: letter for letter in letters_of(records)}


def _none_at(place: str) -> NotFound:
    return NotFound(f"no dead letter at {place[:80]}; see: human-memory dead-letters list")


def _filter(request: DeadLetterFilters, settings: KafkaSettings) -> Callable[[Letter], bool]:
    """True for the letters that a request is about."""
    given = request.filters()

    def wanted(letter: Letter) -> bool:
        record, reason = letter.record, letter.reason
        topic = reason.topic.removeprefix(settings.topic_prefix) if reason else None
        return (
            given.get("topic", topic) == topic
            and given.get("code") in (None, reason.code if reason else "")
            and given.get("service") in (None, reason.service if reason else "")
            and given.get("key") in (None, (record.key or b"").decode("utf-8", "replace"))
            and given.get("contains", "") in (reason.reason if reason else "")
            and given.get("since", 0) <= record.timestamp < given.get("until", 2**63)
        )

    return wanted


def _check_first_time(letters: Iterable[Letter]) -> None:
    for each in letters:
        if each.state == "discarded":
            raise Rejected(f"{each.place} was discarded; with again it is sent back all the same")
        if each.sent_to is not None:
            raise Rejected(
                f"{each.place} was sent back before, as {each.sent_to}; with again it is sent once "
                "more"
            )


def _may_be_repeated(settings: KafkaSettings, letter: Letter) -> bool:
    """True for commands: a query's sender has long gone, and the log takes no record twice.

    A command that can't be sent holds up no other.
    """
    topics = {settings.topic(topic) for topic in (INBOX, MAINTENANCE)}
    reason = letter.reason
    if reason is None or reason.topic not in topics:
        return False
    return letter.record.key is not None or not reason.value_was_null


def _original(letter: Letter) -> Outgoing:
    record, reason = letter.record, letter.reason
    if reason is None:
        raise Rejected(
            f"{letter.place} does not say where it came from: no service of ours wrote it"
        )
    if record.key is None and reason.value_was_null:
        raise Rejected(
            f"{letter.place} has neither key nor value, which our Kafka client can't send"
        )
    own = [(k, v) for k, v in record.headers if not k.startswith(HEADER_PREFIX)]
    if REPLAYED_FROM not in dict(own):
        # Ingest takes the ids from it: sent back twice, it is still one memory.
        own.append((REPLAYED_FROM, letter.origin.encode()))
    value = None if reason.value_was_null else record.value
    # With a key the partition follows from it; without one the record goes back where it lay.
    partition = None if record.key is not None else reason.partition
    return Outgoing(reason.topic, record.key, value, own, partition)


def _reason(record: Any) -> DeadLetterReason | None:
    try:
        return DeadLetterReason.from_headers(dict(record.headers))
    except (ValidationError, UnicodeDecodeError):
        return None


def _outcome(record: Any) -> DeadLetterOutcome | None:
    try:
        return DeadLetterOutcome.from_headers(dict(record.headers))
    except (ValidationError, UnicodeDecodeError):
        return None


def _shown(letter: Letter) -> models.DeadLetter:
    shown = as_json(letter.record)
    own = {k: v for k, v in shown["headers"].items() if not k.startswith(HEADER_PREFIX)}
    reason = letter.reason and letter.reason.model_dump(mode="json")
    became = {"state": letter.state, "sent_to": letter.sent_to, "returned_as": letter.returned_as}
    told = {name: value for name, value in became.items() if value is not None}
    fields = {**shown, "headers": own, "reason": reason, **told}
    return models.DeadLetter.model_validate({"place": letter.place, **fields})
