"""Errors of the local stack. Their messages say what to do."""


class StackError(Exception):
    """The local stack can't be fetched, started or stopped."""


class UnsupportedPlatform(StackError):
    """There are no ready-made programs for this platform: use containers or own servers."""
