"""Options that commands share, and what follows from them: addresses, output, time.

Without the bus and its messages, which take a third of a second to import: a start needs none.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from human_memory.bus.settings import KafkaSettings
from human_memory.local import instance as instances
from human_memory.local.instance import Instance, same_server
from human_memory.paths import data_folder

REDIS_DEFAULT = "redis://127.0.0.1:6379/0"
_SERVERS = ("HUMAN_MEMORY_KAFKA", "HUMAN_MEMORY_REDIS")
_FROM_INSTANCE = ("kafka", "topic_prefix", "partitions")


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The installation on this machine."""

    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with data, logs and state of an installation on this machine.",
            envvar="HUMAN_MEMORY_DATA",
            show_default=".human-memory",
        ),
    ] = None

    @property
    def folder(self) -> Path:
        """Absolute."""
        return self.data.absolute() if self.data else data_folder()


@dataclass(frozen=True, kw_only=True)
class JsonOption:
    """For people or for programs."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False


@dataclass(frozen=True, kw_only=True)
class KafkaOptions(DataOptions):
    """Kafka's address: the flag, else the environment, else what runs in the data folder."""

    kafka: Annotated[
        str | None,
        typer.Option(
            help="Kafka's address, host:port.",
            show_default="HUMAN_MEMORY_KAFKA, else that of `human-memory up`",
        ),
    ] = None

    def instance(self) -> Instance | None:
        """The installation that runs in the data folder, unless another Kafka is asked for."""
        found = instances.running(self.folder)
        asked = self.kafka or os.environ.get("HUMAN_MEMORY_KAFKA")
        elsewhere = found is not None and asked and not same_server(asked, found.kafka)
        return None if elsewhere else found

    def settings(self) -> KafkaSettings:
        """The settings by which Kafka is reached."""
        return KafkaSettings(**self.overrides())

    def overrides(self) -> dict[str, Any]:
        """Settings that neither the environment nor a default gives."""
        values: dict[str, Any] = {}
        if (found := self.instance()) is not None:
            values = {name: getattr(found, name) for name in _FROM_INSTANCE}
            values = {
                k: v for k, v in values.items() if f"HUMAN_MEMORY_{k.upper()}" not in os.environ
            }
        if self.kafka:
            values["kafka"] = self.kafka
        return values


@dataclass(frozen=True, kw_only=True)
class ServerOptions(KafkaOptions):
    """The addresses of Kafka and Redis."""

    redis: Annotated[
        str | None,
        typer.Option(
            help="Redis as a URL, redis://host:port/0.",
            show_default="HUMAN_MEMORY_REDIS, else that of `human-memory up`",
        ),
    ] = None

    def names_servers(self) -> bool:
        """True where flags or the environment say of which servers it is asked."""
        named = (self.kafka, self.redis, *map(os.environ.get, _SERVERS))
        return any(named)

    def redis_url(self) -> str:
        """The flag, else the environment, else what runs in the data folder."""
        if given := self.redis or os.environ.get("HUMAN_MEMORY_REDIS"):
            return given
        found = self.instance()
        return found.redis if found is not None else REDIS_DEFAULT


@dataclass(frozen=True, kw_only=True)
class NamespaceOption:
    """The namespace of a command."""

    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="The namespace: whose memory it is.",
            envvar="HUMAN_MEMORY_NAMESPACE",
        ),
    ] = "default"


def moment(text: str | None, option: str) -> str | None:
    """A time as messages take it: `text` in ISO form, local where it names no zone.

    Raises:
        BadParameter: this is no time.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat(timespec="milliseconds")
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text}: give a time such as 2026-01-31 or 2026-01-31T09:30:00Z"
        ) from None


def json_object(text: str | None, option: str) -> dict[str, Any] | None:
    """The JSON object that an option's text is.

    Raises:
        BadParameter: it is none.
    """
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{option} must be a JSON object, not {text[:40]}")
    return value


def numbers_by_name(texts: list[str]) -> dict[str, float]:
    """Texts of the form NAME=NUMBER.

    Raises:
        BadParameter: one is not.
    """
    numbers = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not of the form NAME=NUMBER") from None
    return numbers
