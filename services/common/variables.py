"""Environment variables that begin as ours do and set nothing: most are misspelt."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

from human_memory.bus.services import SERVICES
from services.common.settings import EmbedderSettings, ServiceSettings

PREFIX = "HUMAN_MEMORY_"
# Read by the command line and the local stack, not by a service.
_OTHERS = {"API_KEY", "CACHE", "DATA", "KAFKA_HEAP", "NAMESPACE"}


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that nobody reads, with the one that was meant."""
    ours = sorted(name for name in environment if name.startswith(PREFIX))
    known = _known() if ours else set()
    return [_sentence(name, known) for name in ours if name not in known]


def _known() -> set[str]:
    """The names of all settings of all services, and of what else is read."""
    named = set(EmbedderSettings.model_fields) | _OTHERS
    for service in SERVICES:
        for each in vars(import_module(f"services.{service}.settings")).values():
            if isinstance(each, type) and issubclass(each, ServiceSettings):
                named |= set(each.model_fields)
    return {f"{PREFIX}{name.upper()}" for name in named}


def _sentence(name: str, known: set[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else "see docs/reference/settings.md"
    return f"{name} sets nothing; {hint}"
