"""Addresses as people may see them."""


def without_password(url: str) -> str:
    """A URL as it may be shown: without who asks, and without their key.

    >>> without_password("redis://:secret@host:6379/0")
    'redis://host:6379/0'
    >>> without_password("any:secret@host:8000")
    'host:8000'
    """
    scheme, mark, _ = url.partition("://")
    start = scheme + mark if mark else ""
    return start + url.removeprefix(start).rpartition("@")[2]
