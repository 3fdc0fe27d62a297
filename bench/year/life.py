"""The events of the year: a conversation stretched over it, and generated episodes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from human_memory.conversation import Dialogue

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DAYS = 365
# What one is told again and again, in other words: (what it is about, ways to say it).
HABITS = (
    ("tea", ("Ann drinks green tea {}", "{} Ann has a cup of green tea", "green tea for Ann {}")),
    ("kite", ("Noemi flies her kite {}", "{} Noemi is out with the kite", "the kite flies {}")),
    ("bakery", ("the bakery sells rye bread {}", "{} there is rye bread at the bakery")),
    ("tram", ("the tram to the harbour is late {}", "{} the harbour tram comes late again")),
    ("choir", ("the choir rehearses in the old hall {}", "{} choir rehearsal in the old hall")),
    ("cat", ("the cat sleeps on the boiler {}", "{} the cat lies on the boiler asleep")),
)
WHEN = ("in the morning", "at noon", "in the evening", "after work", "on the weekend", "today")
ROUTINES = (
    ("open the release checklist", "run the {} tests", "tag the version", "tell the team"),
    ("weigh {} grams of flour", "knead the dough", "let it rise", "bake for forty minutes"),
    ("pump up the {} tyre", "oil the chain", "check the brakes"),
)
ARGUMENTS = ("front", "slow", "nightly", "rear", "fast", "weekly", "five hundred", "six hundred")
PLACES = ("harbour", "library", "garden", "station", "market", "workshop", "bridge", "school")
THINGS = ("lamp", "ladder", "letter", "bicycle", "window", "drum", "coat", "basket", "clock")
DEEDS = ("was repaired", "went missing", "was painted", "was sold", "was found", "was moved")
SHOCKS = (
    "I was absolutely terrified when the {} caught fire at the {}!",
    "Wonderful, fantastic news: the {} at the {} won the prize!",
    "URGENT: never leave the {} at the {} unlocked, this is critical!",
)


@dataclass(frozen=True)
class Episode:
    """Something that is stored. `kind` says where it comes from."""

    at_ms: int
    text: str
    kind: str
    session: str
    speaker: str | None = None


def episodes(dialogue: Dialogue, *, start_ms: int, seed: int, noise_a_day: int) -> list[Episode]:
    """The year, in the order in which it happens."""
    chance = random.Random(seed)
    lived = [*_stretched(dialogue, start_ms)]
    for day in range(DAYS):
        at = start_ms + day * DAY_MS
        lived += _habits(chance, at, day)
        lived += _routines(chance, at, day)
        lived += _noise(chance, at, day, noise_a_day)
    return sorted(lived, key=lambda each: (each.at_ms, each.text))


def _stretched(dialogue: Dialogue, start_ms: int) -> Iterator[Episode]:
    first = min(turn.time for turn in dialogue.turns)
    span = max(1, dialogue.ends_ms - first)
    for turn in dialogue.turns:
        at = start_ms + round((turn.time - first) / span * (DAYS - 40) * DAY_MS)
        yield Episode(at, turn.text, "conversation", f"c{turn.session}", turn.speaker)


def _habits(chance: random.Random, at: int, day: int) -> Iterator[Episode]:
    for number, (name, ways) in enumerate(HABITS):
        if chance.random() < (0.5 if day % 60 < 30 else 0.1):
            text = chance.choice(ways).format(chance.choice(WHEN))
            moment = at + 8 * HOUR_MS + number * HOUR_MS + chance.randrange(HOUR_MS)
            yield Episode(moment, text, "habit", f"{name} {day}")


def _routines(chance: random.Random, at: int, day: int) -> Iterator[Episode]:
    for number, steps in enumerate(ROUTINES):
        if day % 14 == 3 * number:
            argument = chance.choice(ARGUMENTS)
            for step, text in enumerate(steps):
                moment = at + (15 + number) * HOUR_MS + step * 120_000
                yield Episode(moment, text.format(argument), "routine", f"routine {number} {day}")


def _noise(chance: random.Random, at: int, day: int, count: int) -> Iterator[Episode]:
    for _ in range(count):
        moment = at + 7 * HOUR_MS + chance.randrange(14 * HOUR_MS)
        thing, place = chance.choice(THINGS), chance.choice(PLACES)
        text = f"The {thing} at the {place} {chance.choice(DEEDS)}, number {chance.randrange(999)}."
        yield Episode(moment, text, "noise", f"day {day}")
    if chance.random() < 0.05:
        text = chance.choice(SHOCKS).format(chance.choice(THINGS), chance.choice(PLACES))
        yield Episode(at + 12 * HOUR_MS, text, "shock", f"day {day}")
