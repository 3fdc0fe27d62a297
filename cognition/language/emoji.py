"""Emoji in words, as they are said: a text's vector and terms know letters alone."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_SIGN = "\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
# A flag of two letters; or a sign, and what it is joined with. Colours of skin follow a sign.
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[{_SIGN}][\ufe0f\u200d{_SIGN}\u2640\u2642]*")
# Presentation, and colours of skin: no other word for the thing.
_SHADES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
# Of one text: a name may be twenty times as long as its flag, and an event has its bounds.
EMOJI_MAX = 100
_BEYOND_TEXT = "\U0001f000"  # signs before it are also letters' company, as arrows and ticks are


def named(text: str) -> str:
    """A text whose emoji are words.

    Args:
        text: any text.

    Returns:
        The text, with the name of each emoji in its place, up to EMOJI_MAX of them; the same if
        there are none.

    Source: Unicode CLDR's short names, as VADER has them; the names of characters for the rest.

    >>> named("I ❤️ Bern 🇨🇭!")
    'I  red heart  Bern  Switzerland !'
    """
    if text.isascii():
        return text
    return _EMOJI.sub(lambda found: _said(found[0]), text, count=EMOJI_MAX)


def _said(emoji: str) -> str:
    names = _names()
    bare = _SHADES.sub("", emoji)
    whole = names.get(bare) or names.get(emoji)
    parts = [whole] if whole else [_name(sign) for sign in bare if sign != "\u200d"]
    return emoji if parts in ([*bare], []) else f" {' '.join(parts)} "


def _name(sign: str) -> str:
    if sign < _BEYOND_TEXT:
        return _names().get(sign, sign)
    return _names().get(sign) or unicodedata.name(sign, "").lower()


@cache
def _names() -> Mapping[str, str]:
    # At first use, as in `emotion`.
    from vader.data.emoji import EMOJI

    found: dict[str, str] = EMOJI
    return found
