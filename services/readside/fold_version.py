"""The fold that this version has, and the builds that it can work with."""

# The fold that this version has: how it reads events, and how it keeps what they come to. Each
# build remembers the one that made it. `tests/unit/services/projection/test_fold_version.py` fails
# where the fold has changed: raise this then, and all installations rebuild by themselves. Raise it
# too where events are folded now that the fold failed on and passed.
FOLD = 4
# Builds of earlier folds are read and added to until then, where they are not earlier than this.
# Raise it to FOLD where records, documents or keys are laid out so that those would be misread.
FOLD_READABLE_SINCE = 3  # records have `expires_ms`


def unreadable(fold: int) -> str | None:
    """The reason why this version can't work with a build of a fold; None if it can."""
    if fold > FOLD:
        return (
            f"the read side was built by a newer human-memory (fold {fold}, this one has {FOLD}): "
            "upgrade this instance, or stop the newer ones and run human-memory replay with it"
        )
    if fold < FOLD_READABLE_SINCE:
        return f"the read side is being rebuilt for this version (fold {fold} to {FOLD})"
    return None
